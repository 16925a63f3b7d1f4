package daemon

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"

	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/rpc/auth"
)

// issuedLife is the longest life of tokens of an OpenID provider, unless stated.
const issuedLife = 10 * time.Minute

// startTokens takes keys from a file, or from the issuer itself.
func (k *Kit) startTokens(ctx context.Context) error {
	t := k.cfg.Common.Token
	life := t.MaxLife
	var keys auth.Keys
	var err error
	if t.Keys != "" {
		keys, err = auth.KeyFile(auth.FileConfig{Path: string(t.Keys), Now: k.cfg.Now, Report: k.report("token keys")})
	} else {
		life = cmp.Or(life, issuedLife)
		keys, err = k.issuerKeys(ctx)
	}
	if err != nil {
		return err
	}
	k.Tokens, err = auth.NewVerifier(auth.Config{
		Issuer: t.Issuer, Audience: t.Audience, Keys: keys, StepUp: t.StepUp, StepUpBy: t.StepUpBy, Clients: t.Clients,
		MaxLife: life, Now: k.cfg.Now, Meters: k.Telemetry.Meters,
	})
	return err
}

func (k *Kit) issuerKeys(ctx context.Context) (auth.Keys, error) {
	t := k.cfg.Common.Token
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(string(t.CA))
		if err != nil {
			return nil, fmt.Errorf("read authorities of the issuer: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, env.Problem{Variable: "HABEAS_TOKEN_CA", Text: "holds no certificate"}
		}
	}
	return auth.IssuerKeys(ctx, auth.IssuerConfig{
		URL: t.Issuer, Client: &http.Client{Transport: &http.Transport{TLSClientConfig: secure, ForceAttemptHTTP2: true}},
		Keep: t.Keep, Now: k.cfg.Now, Report: k.report("issuer"),
	})
}
