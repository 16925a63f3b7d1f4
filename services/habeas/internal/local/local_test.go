package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/habeas/internal/devissuer"
	"habeas.internal/services/habeas/internal/local"
	"habeas.internal/services/internal/es"
)

func start(t *testing.T, dir string, connections map[string]string) *local.Installation {
	t.Helper()
	in, err := local.Start(t.Context(), local.Config{Dir: dir, Tenant: "demo", Connections: connections})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Stop() })
	return in
}

func TestTheFolderIsItsOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	start(t, dir, nil)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		inStore := strings.HasPrefix(path, filepath.Join(dir, "nats")+"/") // behind a folder that is
		if !inStore && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestConnectionsOfTheOwnerAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "connections.yaml")
	if err := os.WriteFile(path, []byte("demo/mine: 'postgres://x'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir, map[string]string{"demo/shop": "file:shop.db"})
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), "demo/mine:") || !strings.Contains(string(text), "demo/shop:") {
		t.Errorf("connections are\n%s%v", text, err)
	}
}

func TestAConnectionOfNoTenantIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "connections.yaml"), []byte("mine: 'postgres://x'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if in, err := local.Start(t.Context(), local.Config{Dir: dir, Tenant: "demo"}); err == nil || !strings.Contains(err.Error(), "tenant/name") {
		t.Errorf("got %v", err)
		_ = in.Stop()
	}
}

func TestAFolderThatLostItsLogKeyIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := start(t, dir, nil).Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "keys", "log.key")); err != nil {
		t.Fatal(err)
	}
	_, err := local.Start(t.Context(), local.Config{Dir: dir, Tenant: "demo"})
	if !errors.Is(err, es.ErrUntrusted) {
		t.Errorf("got %v", err)
	}
}

func TestNoTokenIsSignedWhereNoInstallationIs(t *testing.T) {
	dir := t.TempDir()
	claims := devissuer.Claims{Tenant: "demo", Subject: "x", From: time.Now(), Life: time.Minute}
	if _, err := local.TokenOf(dir, claims); err == nil {
		t.Error("a token was signed")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("the folder holds %v, %v", left, err)
	}
}
