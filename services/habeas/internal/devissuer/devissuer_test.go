package devissuer_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/habeas/internal/devissuer"
	"habeas.internal/services/internal/daemon/telemetry"
	"habeas.internal/services/internal/rpc/auth"
)

func verifier(t *testing.T, path string) *auth.Verifier {
	t.Helper()
	keys, err := auth.KeyFile(auth.FileConfig{Path: path, Now: time.Now, Report: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.NewVerifier(auth.Config{
		Issuer: devissuer.Issuer, Audience: devissuer.Audience, Keys: keys, Now: time.Now, Meters: telemetry.Off().Meters,
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestATokenIsGoodForADaemon(t *testing.T) {
	dir := t.TempDir()
	s, err := devissuer.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	claims := devissuer.Claims{Tenant: "demo", Subject: "developer", Roles: []string{"product", "dpo"}, From: time.Now(), Life: time.Hour}
	token, err := s.Token(claims)
	if err != nil {
		t.Fatal(err)
	}
	p, err := verifier(t, s.KeySet()).Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if p.Tenant != "demo" || !p.Roles.Has(optionsv1.Role_ROLE_DPO) || p.Roles.Has(optionsv1.Role_ROLE_AGENT) {
		t.Errorf("principal is %+v", p)
	}
}

func TestASecondOpeningUsesTheSameKey(t *testing.T) {
	dir := t.TempDir()
	first, err := devissuer.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	token, err := first.Token(devissuer.Claims{Tenant: "demo", Subject: "developer", From: time.Now(), Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	second, err := devissuer.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier(t, second.KeySet()).Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
}

func TestAKeyThatOthersMayReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := devissuer.Open(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "developer-key.pem"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := devissuer.Open(dir); err == nil {
		t.Error("the key was used")
	}
}
