// Package smssend hands text messages to a gateway: a web service of the
// organisation's own, or of its provider, that takes a signed request for each.
// What they say is the caller's; this is the address, the signature, the limits
// of time and size, and what an answer means. No error of it names a number or
// repeats what a gateway said, because gateways repeat numbers.
package smssend

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"habeas.internal/services/internal/daemon/env"
)

// Failure is why a message did not go out. Final: it never will.
type Failure struct {
	Code  string
	Reply uint32 // the gateway's status, if it has answered
	Final bool
}

// Error is the code.
func (f Failure) Error() string { return f.Code }

// Reason is the code.
func (f Failure) Reason() string { return f.Code }

// Codes of failures.
const (
	ReasonNoGateway   = "SMS_NOT_CONFIGURED"
	ReasonRefused     = "SMS_REFUSED"
	ReasonLater       = "SMS_TEMPORARY"
	ReasonUnreachable = "SMS_UNREACHABLE"
	ReasonTooLong     = "SMS_TOO_LONG"
	// ReasonChanged: the number was ported, or its SIM replaced, since Unchanged.
	ReasonChanged = "SMS_NUMBER_CHANGED"
)

// Config says which gateway is used.
type Config struct {
	URL env.Secret `env:"URL" default:"" help:"https address that takes text messages; without one none goes out"`
	Key env.File   `env:"KEY" default:"" help:"file, mode 0600: the secret that requests to it are signed with, 32 bytes or more"`
	CA  env.File   `env:"CA" default:"" help:"authorities for its certificate, PEM; the system's if empty"`
}

// Text is a message to one number.
type Text struct {
	// ID is the same for each try of one message, so that a gateway can send it once.
	ID string
	To string // + and digits
	// Text has at most MaxText bytes.
	Text string
	// Unchanged is since when the number must have been with its company and its SIM;
	// zero if that does not matter.
	Unchanged time.Time
}

// Header names of a request.
const (
	// HeaderTime has the seconds since 1970 at which the request was signed.
	HeaderTime = "Habeas-Time"
	// HeaderSignature has "v1=" and, in hexadecimal digits, the HMAC-SHA256 of
	// "habeas-sms/v1", the time and the body, with a line's end between them.
	HeaderSignature = "Habeas-Signature"
)

const (
	// MaxText is the most that a message has: ten parts of a text message.
	MaxText = 1530
	// timeout is how long a gateway may take in all.
	timeout = 10 * time.Second
	// mostAnswer is how much of an answer is read; nothing of it is used.
	mostAnswer = 4 << 10
	leastKey   = 32
)

// Sender sends text messages. It may be used by several goroutines.
type Sender struct {
	url    string
	key    []byte
	client *http.Client
	now    func() time.Time
}

// New makes a Sender, or nil when no gateway is configured.
func New(cfg Config, now func() time.Time) (*Sender, error) {
	if cfg.URL == "" {
		return nil, nil //nolint:nilnil // no gateway is what was asked for
	}
	u, err := url.Parse(cfg.URL.Reveal())
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, env.Problem{Variable: "HABEAS_SMS_URL", Text: "is no https address without a user and a fragment"}
	}
	key, err := os.ReadFile(string(cfg.Key))
	if err != nil || len(bytes.TrimSpace(key)) < leastKey {
		return nil, env.Problem{Variable: "HABEAS_SMS_KEY", Text: "is no file with a secret of 32 bytes or more"}
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CA != "" {
		pem, err := os.ReadFile(string(cfg.CA))
		secure.RootCAs = x509.NewCertPool()
		if err != nil || !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, env.Problem{Variable: "HABEAS_SMS_CA", Text: "holds no certificate"}
		}
	}
	return &Sender{url: u.String(), key: bytes.TrimSpace(key), now: now, client: &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: secure, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: mostAnswer, TLSHandshakeTimeout: timeout,
			MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
		},
	}}, nil
}

// request is a request's body.
type request struct {
	ID   string `json:"id"`
	To   string `json:"to"`
	Text string `json:"text"`
	// UnchangedSince is a moment in RFC 3339; left out where it does not matter. A
	// gateway that knows of a change since then answers 409 and sends nothing.
	UnchangedSince time.Time `json:"unchanged_since,omitzero"`
}

// Send gives a message to the gateway and returns when it has taken it: its
// status. The error is a Failure.
func (s *Sender) Send(ctx context.Context, t Text) (uint32, error) {
	if s == nil {
		return 0, Failure{Code: ReasonNoGateway}
	}
	if len(t.Text) > MaxText {
		return 0, Failure{Code: ReasonTooLong, Final: true}
	}
	body, err := json.Marshal(request{ID: t.ID, To: t.To, Text: t.Text, UnchangedSince: t.Unchanged.UTC().Truncate(time.Second)})
	if err != nil {
		return 0, Failure{Code: ReasonRefused, Final: true}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return 0, Failure{Code: ReasonUnreachable}
	}
	at := strconv.FormatInt(s.now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(HeaderTime, at)
	r.Header.Set(HeaderSignature, Sign(s.key, at, body))
	res, err := s.client.Do(r)
	if err != nil {
		return 0, Failure{Code: ReasonUnreachable}
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, mostAnswer))
	return classify(res.StatusCode)
}

// Sign is a request's signature.
func Sign(key []byte, at string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("habeas-sms/v1\n" + at + "\n"))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// classify says what a gateway's status means. That it sends somewhere else means
// that it has not taken the message: nobody is followed with a number.
func classify(status int) (uint32, error) {
	reply := uint32(max(0, status)) //nolint:gosec // a status has three digits
	switch {
	case status >= 200 && status < 300:
		return reply, nil
	case status == http.StatusConflict:
		return reply, Failure{Code: ReasonChanged, Reply: reply, Final: true}
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status == http.StatusUnauthorized,
		status == http.StatusForbidden, status >= 500, status < 400: // what an operator can mend is no person's fault
		return reply, Failure{Code: ReasonLater, Reply: reply}
	}
	return reply, Failure{Code: ReasonRefused, Reply: reply, Final: true}
}
