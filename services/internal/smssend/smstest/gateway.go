// Package smstest is a gateway of text messages for tests: it keeps what it is
// given, checks each signature, and knows which numbers were ported lately.
package smstest

import (
	"crypto/hmac"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/smssend"
)

const secret = "a secret of the gateway and of nobody else"

// Gateway takes messages. It may be used by several goroutines.
type Gateway struct {
	url, key, ca string

	mu     sync.Mutex
	texts  map[string][]string
	moved  map[string]time.Time
	denied map[string]int
}

// Serve starts a gateway that ends with the test.
func Serve(t testing.TB) *Gateway {
	t.Helper()
	dir := t.TempDir()
	g := &Gateway{
		key: filepath.Join(dir, "key"), ca: filepath.Join(dir, "ca.pem"),
		texts: map[string][]string{}, moved: map[string]time.Time{}, denied: map[string]int{},
	}
	server := httptest.NewTLSServer(g)
	t.Cleanup(server.Close)
	g.url = server.URL
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, data := range map[string][]byte{g.ca: authority, g.key: []byte(secret)} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// Environ are the variables by which a daemon uses the gateway.
func (g *Gateway) Environ() []string {
	return []string{"HABEAS_SMS_URL=" + g.url, "HABEAS_SMS_KEY=" + g.key, "HABEAS_SMS_CA=" + g.ca}
}

// Port says that a number has another SIM since a moment.
func (g *Gateway) Port(number string, since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.moved[number] = since
}

// Texts are the messages that a number was sent.
func (g *Gateway) Texts(number string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.texts[number])
}

// Denied is how many messages were not sent to a number, because it has another SIM.
func (g *Gateway) Denied(number string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.denied[number]
}

// ServeHTTP takes one message.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var m struct {
		To    string    `json:"to"`
		Text  string    `json:"text"`
		Since time.Time `json:"unchanged_since"`
	}
	signed := smssend.Sign([]byte(secret), r.Header.Get(smssend.HeaderTime), body)
	if err != nil || json.Unmarshal(body, &m) != nil || !hmac.Equal([]byte(signed), []byte(r.Header.Get(smssend.HeaderSignature))) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !m.Since.IsZero() && g.moved[m.To].After(m.Since) {
		g.denied[m.To]++
		w.WriteHeader(http.StatusConflict)
		return
	}
	g.texts[m.To] = append(g.texts[m.To], m.Text)
}
