// Package mail sends one-time codes by SMTP. No error of it names a recipient
// or repeats what a server said, because servers repeat addresses.
package mail

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

var (
	// ErrRefused means: the mail service has refused for good.
	ErrRefused = errors.New("mail was refused")
	// ErrUndelivered means: the mail service could not be reached or asks to
	// come back later.
	ErrUndelivered = errors.New("mail could not be delivered now")
)

// Config says which mail service is used, and as whom.
type Config struct {
	Addr     string     `env:"ADDR" default:"" help:"mail service, host:port; without one no code is sent"`
	From     string     `env:"FROM" default:"" help:"sender's address"`
	TLS      string     `env:"TLS" default:"starttls" oneof:"none,starttls,implicit" help:"how the connection is protected; none is for tests and for a relay on this machine"`
	CA       env.File   `env:"CA" default:"" help:"authorities for the mail service's certificate, PEM; the system's if empty"`
	User     string     `env:"USER" default:"" help:"user name; no authentication if empty"`
	Password env.Secret `env:"PASSWORD" default:"" help:"password"`
}

// Message is a mail of plain text to one recipient.
type Message struct {
	To      string
	Subject string
	Text    string
}

// Sender sends mails. It may be used by several goroutines.
type Sender struct {
	host    string
	from    string
	options []smtp.Option
}

const timeout = 20 * time.Second

// New makes a Sender, or nil when no mail service is configured.
func New(cfg Config) (*Sender, error) {
	if cfg.Addr == "" {
		return nil, nil //nolint:nilnil // no mail service is what was asked for
	}
	host, port, err := net.SplitHostPort(cfg.Addr)
	number, portErr := strconv.Atoi(port)
	if err != nil || portErr != nil {
		return nil, env.Problem{Variable: "HABEAS_SMTP_ADDR", Text: "is no host:port"}
	}
	if smtp.NewMsg().From(cfg.From) != nil {
		return nil, env.Problem{Variable: "HABEAS_SMTP_FROM", Text: "is no address"}
	}
	s := &Sender{host: host, from: cfg.From, options: []smtp.Option{smtp.WithTimeout(timeout), smtp.WithPort(number)}}
	secure := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if cfg.CA != "" {
		if secure.RootCAs, err = pool(string(cfg.CA)); err != nil {
			return nil, err
		}
	}
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
		return nil, fmt.Errorf("read authorities of the mail service: %w", err)
	}
	out := x509.NewCertPool()
	if !out.AppendCertsFromPEM(pem) {
		return nil, env.Problem{Variable: "HABEAS_SMTP_CA", Text: "holds no certificate"}
	}
	return out, nil
}

// Send gives a mail to the mail service and returns when it has taken it.
func (s *Sender) Send(ctx context.Context, m Message) error {
	msg := smtp.NewMsg()
	if msg.From(s.from) != nil || msg.To(m.To) != nil {
		return ErrRefused
	}
	msg.Subject(m.Subject)
	msg.SetDate()
	msg.SetMessageID()
	msg.SetBodyString(smtp.TypeTextPlain, m.Text)
	client, err := smtp.NewClient(s.host, s.options...)
	if err != nil {
		return ErrUndelivered
	}
	return classify(client.DialAndSendWithContext(ctx, msg))
}

// permanent is where SMTP's replies that say no for good begin.
const permanent = 500

// classify keeps of an error only whether another try may help.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var failed *smtp.SendError
	if errors.As(err, &failed) && !failed.IsTemp() && failed.ErrorCode() >= permanent {
		return ErrRefused
	}
	return ErrUndelivered
}
