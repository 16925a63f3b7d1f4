package kms_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/kms/transittest"
)

// elsewhere is a server without encryption that notes what it is told, and a
// standby that sends everybody there.
type elsewhere struct {
	standby *httptest.Server

	mu    sync.Mutex
	heard []string
}

func newElsewhere(t testing.TB) *elsewhere {
	e := &elsewhere{}
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.heard = append(e.heard, fmt.Sprintf("%s token %q body %q", r.Method, r.Header.Get("X-Vault-Token"), body))
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(plain.Close)
	e.standby = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(e.standby.Close)
	return e
}

func (e *elsewhere) told() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard
}

func TestATransitServerSendsNoTokenAndNoKeyElsewhere(t *testing.T) {
	e := newElsewhere(t)
	s, err := kms.NewTransit(kms.TransitConfig{
		Addr: e.standby.URL, Mount: transittest.Mount, Prefix: "habeas", HTTP: e.standby.Client(),
		Token: func() (string, error) { return transittest.Token, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	aead, err := s.AEAD(t.Context(), transitRef(1))
	if err != nil {
		t.Fatal(err)
	}
	_, wrapping := aead.EncryptWithContext(t.Context(), []byte("a data key, in clear"), []byte("row"))
	for name, err := range map[string]error{
		"look": s.Check(t.Context()), "make": s.Create(t.Context(), transitRef(1)), "wrap": wrapping,
	} {
		if !errors.Is(err, kms.ErrUnavailable) || !strings.Contains(err.Error(), "sends to another address") {
			t.Errorf("%s: %v, want ErrUnavailable and why", name, err)
		}
	}
	if told := e.told(); len(told) != 0 {
		t.Errorf("another address was told %s", told)
	}
}

// The same call by a client that follows: this is what the test above looks at.
func TestAClientThatFollowsSendsItsTokenElsewhere(t *testing.T) {
	e := newElsewhere(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.standby.URL+"/v1/transit/encrypt/k", bytes.NewReader([]byte("a key")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Vault-Token", transittest.Token)
	answer, err := e.standby.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if told := e.told(); len(told) != 1 || !strings.Contains(told[0], transittest.Token) || !strings.Contains(told[0], "a key") {
		t.Errorf("another address was told %s", told)
	}
}
