package smtpsend_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/smtpsend"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// service is a mail service that keeps the last mail.
type service struct {
	user, password string // nobody may send without them, if set
	refusal        *smtp.SMTPError

	mu   sync.Mutex
	last string
}

func (s *service) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, secure := c.TLSConnectionState()
	return &session{service: s, secure: secure, known: s.user == ""}, nil
}

type session struct {
	service *service
	secure  bool
	known   bool
}

func (s *session) Reset()                                   {}
func (s *session) Logout() error                            { return nil }
func (s *session) AuthMechanisms() []string                 { return []string{sasl.Plain} }
func (s *session) Rcpt(string, *smtp.RcptOptions) error     { return s.refusal() }
func (s *session) Mail(_ string, _ *smtp.MailOptions) error { return s.admitted() }

func (s *session) refusal() error {
	if s.service.refusal != nil {
		return s.service.refusal
	}
	return nil
}

func (s *session) admitted() error {
	if !s.known {
		return &smtp.SMTPError{Code: 530, Message: "who are you"}
	}
	return nil
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.service.user || password != s.service.password {
			return errors.New("no")
		}
		s.known = true
		return nil
	}), nil
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.service.mu.Lock()
	defer s.service.mu.Unlock()
	s.service.last = string(text)
	return err
}

// place is a mail service's address and who vouches for it.
type place struct {
	addr string
	ca   string
}

// serve starts a mail service; tls is "none", "starttls" or "implicit".
func serve(t *testing.T, s *service, protection string) place {
	t.Helper()
	ca, err := localca.Open(filepath.Join(t.TempDir(), "ca"), "habeas.test")
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue(localca.Request{Name: "mail", Hosts: []string{"127.0.0.1"}, ID: "spiffe://habeas.test/ns/habeas/sa/mail"})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair(id.CertFile, id.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(s)
	server.Domain, server.ReadTimeout = "mail.test", 5*time.Second
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out := place{addr: lis.Addr().String(), ca: id.CAFile}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	switch protection {
	case "starttls":
		server.TLSConfig = config
	case "implicit":
		lis = tls.NewListener(lis, config)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(lis) }()
	t.Cleanup(func() { _ = server.Close(); _ = lis.Close(); <-done }) // the server knows of no listener before Serve runs
	return out
}

func send(t *testing.T, cfg smtpsend.Config) error {
	t.Helper()
	s, err := smtpsend.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s.Send(t.Context(), smtpsend.Mail{To: "jane@example.com", Subject: "Your code for Äcme", Text: "code 12345678\n"})
}

func TestMailGoesOutAsProtectedAsConfigured(t *testing.T) {
	for _, tc := range []struct {
		name   string
		server string
		client string
		trust  bool
		want   error
	}{
		{"without protection", "none", "none", true, nil},
		{"with STARTTLS", "starttls", "starttls", true, nil},
		{"with TLS from the start", "implicit", "implicit", true, nil},
		{"a service that offers no STARTTLS gets no mail", "none", "starttls", true, smtpsend.Failure{Code: smtpsend.ReasonUnreachable}},
		{"a service that nobody vouches for gets no mail", "starttls", "starttls", false, smtpsend.Failure{Code: smtpsend.ReasonUnreachable}},
		{"nor does one with TLS from the start", "implicit", "implicit", false, smtpsend.Failure{Code: smtpsend.ReasonUnreachable}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &service{}
			at := serve(t, s, tc.server)
			cfg := smtpsend.Config{Addr: at.addr, From: "privacy@acme.example", TLS: tc.client}
			if tc.trust {
				cfg.CA = env.File(at.ca)
			}
			if err := send(t, cfg); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if got := strings.Contains(s.last, "code 12345678"); got != (tc.want == nil) {
				t.Errorf("the service got the mail: %t", got)
			}
		})
	}
}

func TestAMailServiceIsToldWhoSends(t *testing.T) {
	s := &service{user: "habeas", password: "secret"}
	at := serve(t, s, "starttls")
	cfg := smtpsend.Config{Addr: at.addr, From: "privacy@acme.example", TLS: "starttls", CA: env.File(at.ca), User: "habeas", Password: "secret"}
	if err := send(t, cfg); err != nil {
		t.Errorf("with the right password: %v", err)
	}
	cfg.Password = "guess"
	if err := send(t, cfg); err == nil {
		t.Error("with a wrong password: sent")
	}
}

func TestARefusalSaysOnlyItsCode(t *testing.T) {
	for code, want := range map[int]smtpsend.Failure{
		550: {Code: smtpsend.ReasonRefused, Reply: 550, Final: true}, 451: {Code: smtpsend.ReasonLater, Reply: 451},
	} {
		at := serve(t, &service{refusal: &smtp.SMTPError{Code: code, Message: "not jane@example.com"}}, "none")
		err := send(t, smtpsend.Config{Addr: at.addr, From: "privacy@acme.example", TLS: "none"})
		if !errors.Is(err, want) || strings.Contains(err.Error(), "jane") {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestNoRecipientBringsHeadersOfItsOwn(t *testing.T) {
	at := serve(t, &service{}, "none")
	s, err := smtpsend.New(smtpsend.Config{Addr: at.addr, From: "privacy@acme.example", TLS: "none"})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Send(t.Context(), smtpsend.Mail{To: "jane@example.com\r\nBcc: x@example.com", Text: "x"})
	if want := (smtpsend.Failure{Code: smtpsend.ReasonAddress, Final: true}); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestAWrongConfigurationIsNamed(t *testing.T) {
	for name, cfg := range map[string]smtpsend.Config{
		"HABEAS_SMTP_ADDR": {Addr: "mail", From: "a@example.com"},
		"HABEAS_SMTP_FROM": {Addr: "mail:25", From: "nobody"},
	} {
		var problem env.Problem
		if _, err := smtpsend.New(cfg); !errors.As(err, &problem) || problem.Variable != name {
			t.Errorf("got %v, want %s", err, name)
		}
	}
	s, err := smtpsend.New(smtpsend.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), smtpsend.Mail{To: "jane@example.com"}); !errors.Is(err, smtpsend.Failure{Code: smtpsend.ReasonNoServer}) {
		t.Errorf("without an address: %v", err)
	}
}
