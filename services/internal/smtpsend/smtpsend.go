// Package smtpsend hands mails to a mail server. What they say is the caller's;
// this is the address, the protection of the connection, the time limits, and
// what an answer means. No error of it names a recipient or repeats what a server
// said, because servers repeat addresses.
package smtpsend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"habeas.internal/services/internal/daemon/env"

	smtp "github.com/wneessen/go-mail"
)

// Failure is why a mail did not go out. Final: it never will.
type Failure struct {
	Code  string
	Reply uint32 // the server's, if it has answered
	Final bool
}

// Error is the code.
func (f Failure) Error() string { return f.Code }

// Reason is the code.
func (f Failure) Reason() string { return f.Code }

// Codes of failures.
const (
	ReasonNoServer    = "SMTP_NOT_CONFIGURED"
	ReasonRefused     = "SMTP_REFUSED"
	ReasonLater       = "SMTP_TEMPORARY"
	ReasonUnreachable = "SMTP_UNREACHABLE"
	ReasonAddress     = "ADDRESS_INVALID"
)

// Config says which mail server is used, and as whom.
type Config struct {
	Addr     string     `env:"ADDR" default:"" help:"mail server, host:port; without one no mail goes out"`
	From     string     `env:"FROM" default:"" help:"sender's address"`
	TLS      string     `env:"TLS" default:"starttls" oneof:"none,starttls,implicit" help:"how the connection is protected; none is for tests and for a relay on this machine"`
	CA       env.File   `env:"CA" default:"" help:"authorities for the mail server's certificate, PEM; the system's if empty"`
	User     string     `env:"USER" default:"" help:"user name; no authentication if empty"`
	Password env.Secret `env:"PASSWORD" default:"" help:"password"`
}

// Mail is a message to one recipient.
type Mail struct {
	To string
	// MessageID is the part before the @; empty lets the sender choose.
	MessageID string
	Subject   string
	Text      string
	HTML      string // the same once more; none if empty
}

// Sender sends mails. It may be used by several goroutines. The zero value has no
// server and refuses.
type Sender struct {
	host    string
	from    string
	options []smtp.Option
}

// timeout is how long a server may take for each answer.
const timeout = 20 * time.Second

// New makes a Sender; without an address, one that refuses.
func New(cfg Config) (*Sender, error) {
	if cfg.Addr == "" {
		return &Sender{}, nil
	}
	host, port, err := net.SplitHostPort(cfg.Addr)
	number, portErr := strconv.Atoi(port)
	if err != nil || portErr != nil {
		return nil, env.Problem{Variable: "HABEAS_SMTP_ADDR", Text: "is no host:port"}
	}
	if smtp.NewMsg().From(cfg.From) != nil {
		return nil, env.Problem{Variable: "HABEAS_SMTP_FROM", Text: "is no address"}
	}
	secure := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if cfg.CA != "" {
		if secure.RootCAs, err = pool(string(cfg.CA)); err != nil {
			return nil, err
		}
	}
	s := &Sender{host: host, from: cfg.From, options: []smtp.Option{smtp.WithTimeout(timeout), smtp.WithPort(number)}}
	switch cfg.TLS {
	case "none":
		s.options = append(s.options, smtp.WithTLSPolicy(smtp.NoTLS))
	case "implicit":
		s.options = append(s.options, smtp.WithSSL(), smtp.WithTLSConfig(secure))
	default:
		s.options = append(s.options, smtp.WithTLSPolicy(smtp.TLSMandatory), smtp.WithTLSConfig(secure))
	}
	if cfg.User != "" {
		s.options = append(s.options, smtp.WithSMTPAuth(smtp.SMTPAuthAutoDiscover),
			smtp.WithUsername(cfg.User), smtp.WithPassword(cfg.Password.Reveal()))
	}
	return s, nil
}

func pool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read authorities of the mail server: %w", err)
	}
	out := x509.NewCertPool()
	if !out.AppendCertsFromPEM(pem) {
		return nil, env.Problem{Variable: "HABEAS_SMTP_CA", Text: "holds no certificate"}
	}
	return out, nil
}

// Accepted is SMTP's reply to a message that was taken.
const Accepted = 250

// Send gives a mail to the mail server and returns when it has taken it. The
// error is a Failure.
func (s *Sender) Send(ctx context.Context, m Mail) error {
	if s.host == "" {
		return Failure{Code: ReasonNoServer}
	}
	msg := smtp.NewMsg()
	if msg.From(s.from) != nil || msg.To(m.To) != nil {
		return Failure{Code: ReasonAddress, Final: true}
	}
	msg.Subject(m.Subject)
	msg.SetDate()
	if m.MessageID == "" {
		msg.SetMessageID()
	} else {
		msg.SetMessageIDWithValue(m.MessageID + "@habeas.invalid")
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(smtp.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(smtp.TypeTextHTML, m.HTML)
	}
	client, err := smtp.NewClient(s.host, s.options...)
	if err != nil {
		return Failure{Code: ReasonUnreachable}
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return classify(err)
	}
	return nil
}

// permanent is where SMTP's replies that say no for good begin.
const permanent = 500

// classify keeps of an error only its code.
func classify(err error) Failure {
	var failed *smtp.SendError
	if !errors.As(err, &failed) || failed.ErrorCode() == 0 {
		return Failure{Code: ReasonUnreachable}
	}
	code := uint32(max(0, failed.ErrorCode()))
	if code >= permanent && !failed.IsTemp() {
		return Failure{Code: ReasonRefused, Reply: code, Final: true}
	}
	return Failure{Code: ReasonLater, Reply: code}
}
