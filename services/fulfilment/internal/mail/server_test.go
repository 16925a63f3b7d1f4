package mail_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/mail"
	"habeas.internal/services/internal/smtpsend"

	"github.com/emersion/go-smtp"
)

// post is a mail server that keeps what it is given, or refuses with a code.
type post struct {
	mu     sync.Mutex
	mails  []string
	refuse int
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return session{p}, nil }

type session struct{ p *post }

func (session) Reset()                               {}
func (session) Logout() error                        { return nil }
func (session) Mail(string, *smtp.MailOptions) error { return nil }

func (s session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.p.refuse > 0 {
		return &smtp.SMTPError{Code: s.p.refuse, Message: "not " + to}
	}
	return nil
}

func (s session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.mails = append(s.p.mails, string(text))
	return err
}

func TestAServersAnswerIsTheEvidence(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := new(post)
	server := smtp.NewServer(p)
	server.Domain, server.ReadTimeout = "mail.test", 10*time.Second
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(lis) }()
	t.Cleanup(func() { _ = server.Close(); _ = lis.Close(); <-done })
	s, err := mail.New(mail.Config{Addr: lis.Addr().String(), From: "privacy@example.com", TLS: "none"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.Render("withdrawn", mail.Facts{Request: "rrrr"})
	if err != nil {
		t.Fatal(err)
	}
	m.To, m.MessageID = "jane@example.com", "abc"
	for refuse, want := range map[int]mail.Failure{
		451: {Code: smtpsend.ReasonLater, Reply: 451}, 550: {Code: smtpsend.ReasonRefused, Reply: 550, Final: true},
	} {
		p.refuse = refuse
		var f mail.Failure
		_, err := s.Send(t.Context(), m)
		if !errors.As(err, &f) || f != want || strings.Contains(err.Error(), "jane") {
			t.Errorf("%d: %#v, error %v", refuse, f, err)
		}
	}
	p.refuse = 0
	reply, err := s.Send(t.Context(), m)
	if err != nil || reply.Code != 250 {
		t.Fatalf("reply %d, error %v", reply.Code, err)
	}
	for _, want := range []string{"Message-Id: <abc@habeas.invalid>", "text/plain", "text/html", "Auto-Submitted: auto-generated", "rrrr"} {
		if !strings.Contains(strings.ReplaceAll(p.mails[0], "Message-ID", "Message-Id"), want) {
			t.Errorf("the message lacks %q:\n%s", want, p.mails[0])
		}
	}
}
