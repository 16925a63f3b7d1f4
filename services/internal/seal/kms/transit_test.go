package kms_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/kms/transittest"

	"github.com/google/go-cmp/cmp"
)

func openTransit(t testing.TB, s *transittest.Server, change func(*kms.TransitConfig)) *kms.Transit {
	t.Helper()
	cfg := kms.TransitConfig{
		Addr: s.URL, Mount: transittest.Mount, Prefix: "habeas", HTTP: s.Client(),
		Token: func() (string, error) { return transittest.Token, nil },
	}
	if change != nil {
		change(&cfg)
	}
	store, err := kms.NewTransit(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func transitRef(epoch uint64) kms.Ref {
	return kms.Ref{Tenant: "acme-1", Partition: "0a", Epoch: epoch}
}

const transitName = "habeas.acme-1.0a"

func TestATransitKeyIsTrimmedAndItsVersionsNeverComeAgain(t *testing.T) {
	server := transittest.New(t)
	s := openTransit(t, server, nil)
	for epoch := range uint64(3) {
		if err := s.Create(t.Context(), transitRef(epoch+1)); err != nil {
			t.Fatal(err)
		}
	}
	second := wrap(t, s, transitRef(2))
	if _, err := s.Destroy(t.Context(), transitRef(2)); err != nil {
		t.Fatal(err)
	}
	if n := server.Archive(transitName); n != 1 {
		t.Errorf("the server keeps %d versions, want the third alone", n)
	}
	for _, epoch := range []uint64{1, 2} {
		var gone *kms.Destroyed
		if err := s.Create(t.Context(), transitRef(epoch)); !errors.As(err, &gone) || gone.Through != 2 {
			t.Errorf("create %d: %v, want destroyed through 2", epoch, err)
		}
	}
	aead, err := s.AEAD(t.Context(), transitRef(2))
	if err == nil {
		_, err = aead.DecryptWithContext(t.Context(), second, []byte("purpose"))
	}
	if !errors.Is(err, kms.ErrNoKEK) {
		t.Errorf("what a destroyed key wrapped: %v, want ErrNoKEK", err)
	}
	if _, err := aead.EncryptWithContext(t.Context(), []byte("x"), nil); !errors.Is(err, kms.ErrNoKEK) {
		t.Errorf("wrap under a destroyed key: %v, want ErrNoKEK", err)
	}
	// Whoever may configure the key lowers its bounds: what was trimmed is gone.
	refs, err := s.List(t.Context())
	if diff := cmp.Diff([]kms.Ref{transitRef(3)}, refs); err != nil || diff != "" {
		t.Errorf("list: %v (-want +got):\n%s", err, diff)
	}
}

func TestTheNewestTransitVersionCanBeDestroyed(t *testing.T) {
	s := openTransit(t, transittest.New(t), nil)
	if err := s.Create(t.Context(), transitRef(1)); err != nil {
		t.Fatal(err)
	}
	reference, err := s.Destroy(t.Context(), transitRef(1))
	if err != nil || reference != "transit:transit/"+transitName+":v1" {
		t.Errorf("%s, %v", reference, err)
	}
	if err := s.Create(t.Context(), transitRef(1)); !errors.Is(err, kms.ErrDestroyed) {
		t.Errorf("create again: %v", err)
	}
	if err := s.Create(t.Context(), transitRef(2)); err != nil {
		t.Errorf("the next: %v", err)
	}
}

// What is wrapped for a row opens for that row alone, and under its own epoch.
func TestTransitBindsWhatItWraps(t *testing.T) {
	s := openTransit(t, transittest.New(t), nil)
	for _, epoch := range []uint64{1, 2} {
		if err := s.Create(t.Context(), transitRef(epoch)); err != nil {
			t.Fatal(err)
		}
	}
	other := kms.Ref{Tenant: "acme-1", Partition: "0b", Epoch: 1}
	if err := s.Create(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	wrapped := wrap(t, s, transitRef(1))
	for name, tc := range map[string]struct {
		ref  kms.Ref
		data []byte
		aad  string
	}{
		"for another row":           {transitRef(1), wrapped, "another"},
		"under the next epoch":      {transitRef(2), wrapped, "purpose"},
		"of another partition":      {other, wrapped, "purpose"},
		"no transit ciphertext":     {transitRef(1), []byte("vault:v1:AAAA"), "purpose"},
		"that a file's key wrapped": {transitRef(1), bytes.Repeat([]byte{1}, 60), "purpose"},
	} {
		aead, err := s.AEAD(t.Context(), tc.ref)
		if err == nil {
			_, err = aead.DecryptWithContext(t.Context(), tc.data, []byte(tc.aad))
		}
		if !errors.Is(err, kms.ErrUndecryptable) {
			t.Errorf("%s: %v, want ErrUndecryptable", name, err)
		}
	}
}

func TestTransitRefusalsAreToldApart(t *testing.T) {
	server := transittest.New(t)
	s := openTransit(t, server, nil)
	if err := errors.Join(s.Check(t.Context()), s.Create(t.Context(), transitRef(1))); err != nil {
		t.Fatal(err)
	}
	wrapped := wrap(t, s, transitRef(1))
	expect := func(when string, want error) {
		t.Helper()
		aead, err := s.AEAD(t.Context(), transitRef(1))
		if err == nil {
			_, err = aead.DecryptWithContext(t.Context(), wrapped, []byte("purpose"))
		}
		if !errors.Is(err, want) || !errors.Is(s.Check(t.Context()), want) {
			t.Errorf("%s: unwrap %v, check %v, want %v", when, err, s.Check(t.Context()), want)
		}
		if err != nil && strings.Contains(err.Error(), transittest.Token) {
			t.Errorf("%s: the error shows the token", when)
		}
	}
	server.Seal(true)
	expect("sealed", kms.ErrUnavailable)
	server.Seal(false)
	server.Admit("hvs.other", "")
	expect("a token that ended", kms.ErrRefused)
	server.Admit(transittest.Token, "team/privacy")
	expect("another namespace", kms.ErrRefused)
	server.Admit(transittest.Token, "")
	expect("unsealed, with the token", nil)
	s = openTransit(t, server, func(c *kms.TransitConfig) { c.Mount = "secret" })
	if err := s.Check(t.Context()); err == nil || errors.Is(err, kms.ErrNoKEK) || !strings.Contains(err.Error(), "mount") {
		t.Errorf("no engine at the mount: %v", err)
	}
	s = openTransit(t, server, func(c *kms.TransitConfig) {
		c.Token = func() (string, error) { return "", errors.New("no such file") }
	})
	expect("no token", kms.ErrRefused)
	server.Close()
	s = openTransit(t, server, nil)
	expect("nobody listens", kms.ErrUnavailable)
}

func TestATransitServerThatHangsIsGivenUpInTime(t *testing.T) {
	server := transittest.New(t)
	hold, calls := make(chan struct{}), new(atomic.Int32)
	t.Cleanup(func() { close(hold) })
	server.Before(func(r *http.Request) int {
		calls.Add(1)
		select {
		case <-hold:
		case <-r.Context().Done():
		}
		return http.StatusGatewayTimeout
	})
	s := openTransit(t, server, func(c *kms.TransitConfig) {
		c.HTTP = &http.Client{Transport: c.HTTP.Transport, Timeout: 50 * time.Millisecond}
	})
	if err := s.Create(t.Context(), transitRef(1)); !errors.Is(err, kms.ErrUnavailable) {
		t.Errorf("create: %v, want ErrUnavailable", err)
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("%d tries, want 3", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Create(ctx, transitRef(1)); !errors.Is(err, kms.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("create with a deadline: %v", err)
	}
}

func TestATransitServerThatStumblesIsAskedAgain(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusPreconditionFailed} {
		server, calls := transittest.New(t), new(atomic.Int32)
		server.Before(func(*http.Request) int {
			if calls.Add(1) == 1 {
				return status
			}
			return 0
		})
		if err := openTransit(t, server, nil).Create(t.Context(), transitRef(1)); err != nil {
			t.Errorf("status %d once: %v", status, err)
		}
	}
}

// Two processes that rotate at once make a version too many; it is the next
// epoch's, and nothing is lost.
func TestTransitRotationsMayRace(t *testing.T) {
	server := transittest.New(t)
	s := openTransit(t, server, nil)
	if err := s.Create(t.Context(), transitRef(1)); err != nil {
		t.Fatal(err)
	}
	wrapped := wrap(t, s, transitRef(1))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := s.Create(t.Context(), transitRef(2)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wrap(t, s, transitRef(2))
	aead, err := s.AEAD(t.Context(), transitRef(1))
	if err == nil {
		_, err = aead.DecryptWithContext(t.Context(), wrapped, []byte("purpose"))
	}
	if err != nil {
		t.Errorf("what the first epoch wrapped: %v", err)
	}
}

func TestATransitKeyThatCanBeCopiedIsNotUsed(t *testing.T) {
	server := transittest.New(t)
	body := strings.NewReader(`{"type":"aes256-gcm96","exportable":true}`)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/transit/keys/"+transitName, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Vault-Token", transittest.Token)
	answer, err := server.Client().Do(r)
	if err != nil || answer.Body.Close() != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("make an exportable key: %v", err)
	}
	if err := openTransit(t, server, nil).Create(t.Context(), transitRef(1)); err == nil || !strings.Contains(err.Error(), "exported") {
		t.Errorf("create: %v, want a refusal of a key that can be exported", err)
	}
}
