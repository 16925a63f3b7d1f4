// Package mail tells people how their requests stand: one text for each notice,
// as plain text and as simple HTML, handed to a mail server. What a notice says
// is dates, counts and codes; the address is the only personal thing in it.
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

// Failure is why a message did not go out. Final: it never will.
type Failure struct {
	Code  string
	Reply uint32
	Final bool
}

// Error is the code; what a server said may hold an address and is dropped.
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
	Addr     string     `env:"ADDR" default:"" help:"mail server, host:port; without one no notice goes out"`
	From     string     `env:"FROM" default:"" help:"sender's address"`
	TLS      string     `env:"TLS" default:"starttls" oneof:"none,starttls,implicit" help:"how the connection is protected; none is for tests and for a relay on this machine"`
	CA       env.File   `env:"CA" default:"" help:"authorities for the mail server's certificate, PEM; the system's if empty"`
	User     string     `env:"USER" default:"" help:"user name; no authentication if empty"`
	Password env.Secret `env:"PASSWORD" default:"" help:"password"`
}

// Message is a notice to one person.
type Message struct {
	To        string
	MessageID string // the part before the @
	Subject   string
	Text      string
	HTML      string
}

// Reply is what the mail server said when it took a message.
type Reply struct{ Code uint32 }

// Sender sends messages. It may be used by several goroutines. The zero value
// has no server and refuses.
type Sender struct {
	host    string
	from    string
	options []smtp.Option
}

const timeout = 20 * time.Second

// New makes a Sender.
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

// accepted is SMTP's reply to a message that was taken.
const accepted = 250

// Send gives a message to the mail server and returns when it has taken it. The
// error is a Failure.
func (s *Sender) Send(ctx context.Context, m Message) (Reply, error) {
	if s.host == "" {
		return Reply{}, Failure{Code: ReasonNoServer}
	}
	msg := smtp.NewMsg()
	if msg.From(s.from) != nil || msg.To(m.To) != nil {
		return Reply{}, Failure{Code: ReasonAddress, Final: true}
	}
	msg.Subject(m.Subject)
	msg.SetDate()
	msg.SetMessageIDWithValue(m.MessageID + "@habeas.invalid")
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(smtp.TypeTextPlain, m.Text)
	msg.AddAlternativeString(smtp.TypeTextHTML, m.HTML)
	client, err := smtp.NewClient(s.host, s.options...)
	if err != nil {
		return Reply{}, Failure{Code: ReasonUnreachable}
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return Reply{}, classify(err)
	}
	return Reply{Code: accepted}, nil
}

// permanent is where SMTP's replies that say no for good begin.
const permanent = 500

// classify keeps of an error only its code: servers repeat addresses.
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
