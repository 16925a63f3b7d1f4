package smssend_test

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/smssend"
)

const (
	number = "+15550100123"
	secret = "a secret that has as many bytes as it needs"
)

// gateway takes messages and keeps them.
type gateway struct {
	*httptest.Server
	status   int
	location string

	mu   sync.Mutex
	got  []string
	head []http.Header
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	g.got, g.head = append(g.got, string(body)), append(g.head, r.Header)
	g.mu.Unlock()
	if g.location != "" {
		w.Header().Set("Location", g.location)
	}
	w.WriteHeader(g.status)
	_, _ = w.Write([]byte("no such number: " + number + strings.Repeat("x", 1<<20)))
}

func serve(t *testing.T, status int) (*gateway, smssend.Config) {
	t.Helper()
	g := &gateway{status: status}
	g.Server = httptest.NewTLSServer(g)
	t.Cleanup(g.Close)
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.Certificate().Raw})
	for name, data := range map[string][]byte{"ca": ca, "key": []byte(secret + "\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return g, smssend.Config{URL: env.Secret(g.URL + "/take"), Key: env.File(filepath.Join(dir, "key")), CA: env.File(filepath.Join(dir, "ca"))}
}

func at() time.Time { return time.Unix(1_795_000_000, 0) }

func send(t *testing.T, cfg smssend.Config, text string) error {
	t.Helper()
	s, err := smssend.New(cfg, at)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Send(t.Context(), smssend.Text{ID: "m1", To: number, Text: text})
	return err
}

func TestAGatewayCanTellWhoSentAMessage(t *testing.T) {
	g, cfg := serve(t, http.StatusAccepted)
	if err := send(t, cfg, "Was it you?"); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(g.got[0]), &got); err != nil || len(got) != 3 || got["id"] != "m1" || got["to"] != number || got["text"] != "Was it you?" {
		t.Errorf("got %s, %v", g.got[0], err)
	}
	signed := g.head[0].Get(smssend.HeaderSignature)
	if when := g.head[0].Get(smssend.HeaderTime); when != "1795000000" || signed != smssend.Sign([]byte(secret), when, []byte(g.got[0])) {
		t.Errorf("signed %q at %q", signed, when)
	}
	if signed == smssend.Sign([]byte(secret), "1795000001", []byte(g.got[0])) || signed == smssend.Sign([]byte(secret), "1795000000", []byte("{}")) {
		t.Error("another time or another body has the same signature")
	}
}

func TestWhatAGatewaySaysDecidesWhetherItIsTriedAgain(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		want   smssend.Failure
	}{
		{"it has taken the message", 200, smssend.Failure{}},
		{"it knows no such number", 422, smssend.Failure{Code: smssend.ReasonRefused, Reply: 422, Final: true}},
		{"it has too much to do", 429, smssend.Failure{Code: smssend.ReasonLater, Reply: 429}},
		{"it does not know the signature, which an operator can mend", 401, smssend.Failure{Code: smssend.ReasonLater, Reply: 401}},
		{"the number has another SIM", 409, smssend.Failure{Code: smssend.ReasonChanged, Reply: 409, Final: true}},
		{"it is broken", 503, smssend.Failure{Code: smssend.ReasonLater, Reply: 503}},
		{"it sends elsewhere, which is not followed", 307, smssend.Failure{Code: smssend.ReasonLater, Reply: 307}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			elsewhere, _ := serve(t, 200)
			g, cfg := serve(t, tc.status)
			if tc.status == 307 {
				g.location = elsewhere.URL
			}
			err := send(t, cfg, "x")
			var got smssend.Failure
			if errors.As(err, &got); got != tc.want || (err == nil) != (tc.want.Code == "") {
				t.Errorf("got %+v, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "555") {
				t.Errorf("the error has the number: %v", err)
			}
			if len(elsewhere.got) > 0 {
				t.Error("it was followed elsewhere")
			}
		})
	}
}

func TestAMessageGoesToNobodyElse(t *testing.T) {
	g, cfg := serve(t, 200)
	strange := cfg
	strange.CA = "" // the system does not know its authority
	if err := send(t, strange, "x"); !errors.Is(err, smssend.Failure{Code: smssend.ReasonUnreachable}) {
		t.Errorf("a stranger is answered with %v", err)
	}
	if err := send(t, cfg, strings.Repeat("x", smssend.MaxText+1)); !errors.Is(err, smssend.Failure{Code: smssend.ReasonTooLong, Final: true}) {
		t.Errorf("too long a text is answered with %v", err)
	}
	if len(g.got) > 0 {
		t.Error("it got something")
	}
	if err := send(t, smssend.Config{}, "x"); !errors.Is(err, smssend.Failure{Code: smssend.ReasonNoGateway}) {
		t.Errorf("without a gateway: %v", err)
	}
}

// TestAGatewayIsToldSinceWhenANumberMustBeUnchanged: with a code, and never with a notice.
func TestAGatewayIsToldSinceWhenANumberMustBeUnchanged(t *testing.T) {
	g, cfg := serve(t, 200)
	s, err := smssend.New(cfg, at)
	if err != nil {
		t.Fatal(err)
	}
	for _, since := range []time.Time{{}, at().Add(-time.Hour)} {
		if _, err := s.Send(t.Context(), smssend.Text{ID: "m1", To: number, Text: "x", Unchanged: since}); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(g.got[0], "unchanged") || !strings.Contains(g.got[1], `"unchanged_since":"2026-11-18T`) {
		t.Errorf("sent %s", g.got)
	}
}

func TestAGatewayIsConfiguredWholeOrNotAtAll(t *testing.T) {
	_, good := serve(t, 200)
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change   func(*smssend.Config)
		variable string
	}{
		"in clear":               {func(c *smssend.Config) { c.URL = "http://sms.example/" }, "HABEAS_SMS_URL"},
		"with a password":        {func(c *smssend.Config) { c.URL = "https://a:b@sms.example/" }, "HABEAS_SMS_URL"},
		"without a key":          {func(c *smssend.Config) { c.Key = "" }, "HABEAS_SMS_KEY"},
		"with a short key":       {func(c *smssend.Config) { c.Key = env.File(short) }, "HABEAS_SMS_KEY"},
		"with nobody's word":     {func(c *smssend.Config) { c.CA = env.File(short) }, "HABEAS_SMS_CA"},
		"with a page's fragment": {func(c *smssend.Config) { c.URL = "https://sms.example/#x" }, "HABEAS_SMS_URL"},
	} {
		cfg := good
		tc.change(&cfg)
		var problem env.Problem
		if _, err := smssend.New(cfg, at); !errors.As(err, &problem) || problem.Variable != tc.variable {
			t.Errorf("%s: %v", name, err)
		}
	}
}
