package login

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"habeas.internal/services/internal/wholefile"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Config names an issuer and this client of it. It is part of the client
// configuration.
type Config struct {
	// Issuer is the https address of an OpenID provider.
	Issuer string `yaml:"issuer"`
	// Client is the id of a public client that may redirect to 127.0.0.1 at any
	// port; "habeas-cli" if empty.
	Client string `yaml:"client,omitempty"`
	// Scopes are asked for besides openid.
	Scopes []string `yaml:"scopes,omitempty"`
	// Parameters are sent with the request, where an issuer wants to know for
	// whom a token is to be: audience, or resource.
	Parameters map[string]string `yaml:"parameters,omitempty"`
	// StepUp are the values of acr that a stronger log-in asks for, separated by
	// spaces; those that the services' HABEAS_TOKEN_STEP_UP names.
	StepUp string `yaml:"step_up,omitempty"`
	// CA is the file of the authorities for the issuer's certificate; the
	// system's if empty.
	CA string `yaml:"ca,omitempty"`
}

var (
	// ErrConfig says that the configuration is not one to log in by.
	ErrConfig = errors.New("the log-in is not configured")
	// ErrRefused says that the issuer, or the person at it, said no.
	ErrRefused = errors.New("the issuer refused")
	// ErrAnswer says that what came back is not an answer to what was asked.
	ErrAnswer = errors.New("the issuer's answer is not good")
	// ErrUnreachable says that the issuer did not answer.
	ErrUnreachable = errors.New("the issuer is not reachable")
	// ErrEnded says that nobody is logged in, or is any more.
	ErrEnded = errors.New("not logged in")
)

const (
	defaultClient = "habeas-cli"
	// answerLimit bounds what is read of one answer of the issuer.
	answerLimit    = 1 << 20
	issuerPatience = 15 * time.Second
)

// reserved are the parameters that this package sets itself.
func reserved() []string {
	return []string{
		"acr_values", "client_id", "code_challenge", "code_challenge_method", "max_age", "nonce", "prompt", "redirect_uri", "response_mode", "response_type", "scope", "state",
	}
}

// check refuses what no issuer could be asked with.
func (c Config) check() error {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("the issuer must be an https address: %w", ErrConfig)
	}
	for name := range c.Parameters {
		if slices.Contains(reserved(), name) {
			return fmt.Errorf("the parameter %s is not for you to set: %w", name, ErrConfig)
		}
	}
	return nil
}

// provider is an issuer that was asked about itself.
type provider struct {
	cfg    Config
	about  metadata
	oauth  oauth2.Config
	verify *oidc.IDTokenVerifier
}

type metadata struct {
	Scopes      []string `json:"scopes_supported"`
	Revocation  string   `json:"revocation_endpoint"`
	NamesItself bool     `json:"authorization_response_iss_parameter_supported"`
}

// discover asks the issuer about itself. The returned context makes all further
// requests go by the same client.
func discover(ctx context.Context, cfg Config) (context.Context, *provider, error) {
	if err := cfg.check(); err != nil {
		return ctx, nil, err
	}
	client, err := cfg.client()
	if err != nil {
		return ctx, nil, err
	}
	ctx = oidc.ClientContext(ctx, client)
	found, err := oidc.NewProvider(ctx, cfg.Issuer)
	if err != nil {
		return ctx, nil, fmt.Errorf("ask the issuer about itself: %w", failure(err, ErrAnswer))
	}
	p := &provider{cfg: cfg}
	if err := found.Claims(&p.about); err != nil {
		return ctx, nil, fmt.Errorf("ask the issuer about itself: %w", ErrAnswer)
	}
	for _, address := range []string{found.Endpoint().AuthURL, found.Endpoint().TokenURL, cmp.Or(p.about.Revocation, "https:")} {
		if !strings.HasPrefix(address, "https:") {
			return ctx, nil, fmt.Errorf("the issuer names an address that is not https: %w", ErrAnswer)
		}
	}
	id := cmp.Or(cfg.Client, defaultClient)
	scopes := append([]string{oidc.ScopeOpenID}, cfg.Scopes...)
	if slices.Contains(p.about.Scopes, oidc.ScopeOfflineAccess) && !slices.Contains(scopes, oidc.ScopeOfflineAccess) {
		scopes = append(scopes, oidc.ScopeOfflineAccess)
	}
	endpoint := found.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams // a public client has no secret to show
	p.oauth = oauth2.Config{ClientID: id, Endpoint: endpoint, Scopes: scopes}
	p.verify = found.VerifierContext(ctx, &oidc.Config{
		ClientID: id, SupportedSigningAlgs: []string{oidc.EdDSA, oidc.ES256, oidc.RS256},
	})
	return ctx, p, nil
}

// client speaks TLS to the issuer, follows no redirects and reads no more than
// it should.
func (c Config) client() (*http.Client, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		text, err := wholefile.Read(c.CA, wholefile.Usual)
		if err != nil {
			return nil, fmt.Errorf("read authorities of the issuer: %w: %w", ErrConfig, err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read authorities of the issuer: no certificate in %s: %w", c.CA, ErrConfig)
		}
	}
	return &http.Client{
		Timeout:       issuerPatience,
		Transport:     bounded{&http.Transport{TLSClientConfig: secure, ForceAttemptHTTP2: true, Proxy: http.ProxyFromEnvironment}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// bounded limits what is read of an answer.
type bounded struct{ to http.RoundTripper }

// RoundTrip answers as the other one does, with an end. A server that is not well
// is one that is away.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.to.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= http.StatusInternalServerError {
		return nil, errors.Join(errors.New(answer.Status), answer.Body.Close())
	}
	answer.Body = limited{io.LimitReader(answer.Body, answerLimit), answer.Body}
	return answer, nil
}

type limited struct {
	io.Reader
	io.Closer
}

// failure replaces an error of the libraries, whose text may quote the issuer's
// answer, by one of ours.
func failure(err, otherwise error) error {
	var network *url.Error
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused):
		return fmt.Errorf("%w: %s", ErrRefused, word(refused.ErrorCode))
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return otherwise
}

// word keeps an error code of the protocol, and nothing else.
func word(text string) string {
	if !regexp.MustCompile(`^[a-z_]{1,40}$`).MatchString(text) {
		return "unnamed"
	}
	return text
}
