package identityd_test

import (
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/testwait"

	"github.com/emersion/go-smtp"
)

// mailbox is a mail service that keeps what it is given.
type mailbox struct {
	addr string

	mu     sync.Mutex
	mails  []received
	broken int  // how many mails are refused for now
	closed bool // every mail is refused for good
}

type received struct{ to, text string }

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &mailbox{addr: lis.Addr().String()}
	server := smtp.NewServer(b)
	server.Domain, server.ReadTimeout = "mail.test", 10*time.Second
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(lis) }()
	t.Cleanup(func() { _ = server.Close(); _ = lis.Close(); <-done })
	return b
}

// NewSession is part of smtp.Backend.
func (b *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{box: b}, nil }

type session struct {
	box *mailbox
	to  string
}

func (s *session) Reset()                               {}
func (s *session) Logout() error                        { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	if s.box.closed {
		return &smtp.SMTPError{Code: 550, Message: "no such mailbox: " + to}
	}
	if s.box.broken > 0 {
		s.box.broken--
		return &smtp.SMTPError{Code: 451, Message: "come back later, " + to}
	}
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.mails = append(s.box.mails, received{s.to, string(text)})
	return err
}

var codeInMail = regexp.MustCompile(`\b[0-9]{8}\b`)

// code waits for the n-th mail to an address and returns the code in it.
func (b *mailbox) code(t *testing.T, to string, n int) string {
	t.Helper()
	var code string
	testwait.For(t, 15*time.Second, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		found := 0
		for _, m := range b.mails {
			if m.to != to {
				continue
			}
			if found++; found == n {
				code = codeInMail.FindString(m.text)
				return nil
			}
		}
		return errors.New("no such mail yet")
	})
	return code
}

func (b *mailbox) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.mails)
}

// refuse lets the next mails wait, or refuses all of them for good.
func (b *mailbox) refuse(next int, all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken, b.closed = next, all
}

// textTo is what all mails to an address say.
func (b *mailbox) textTo(to string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all strings.Builder
	for _, m := range b.mails {
		if m.to == to {
			all.WriteString(m.text)
		}
	}
	return all.String()
}
