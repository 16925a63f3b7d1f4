package stack

import (
	"bytes"
	"context"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/testwait"

	"github.com/emersion/go-smtp"
)

// Letter is a message as it arrived.
type Letter struct {
	To      string
	Subject string
	Text    string // the plain part, decoded
	Raw     string
}

// Mailbox is a mail server that keeps what it gets in memory.
type Mailbox struct {
	Addr string

	mu      sync.Mutex
	letters []Letter
	refuse  error
}

func newMailbox(t testing.TB) *Mailbox {
	t.Helper()
	lis, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box := &Mailbox{Addr: lis.Addr().String()}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{box: box}, nil
	}))
	server.Domain, server.AllowInsecureAuth = "localhost", true
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(lis) }()
	t.Cleanup(func() { _ = server.Close(); <-ended })
	return box
}

// Refuse makes the server refuse every message with an error; nil ends that.
func (b *Mailbox) Refuse(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse = err
}

// Letters are the messages that came for an address, in order.
func (b *Mailbox) Letters(to string) []Letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Letter
	for _, l := range b.letters {
		if to == "" || strings.EqualFold(l.To, to) {
			out = append(out, l)
		}
	}
	return out
}

// Wait waits for a message to an address that suits.
func (b *Mailbox) Wait(t testing.TB, to string, suits func(Letter) bool) Letter {
	t.Helper()
	var found Letter
	testwait.For(t, 30*time.Second, func() error {
		for _, l := range b.Letters(to) {
			if suits(l) {
				found = l
				return nil
			}
		}
		return context.DeadlineExceeded
	})
	return found
}

type session struct {
	box *Mailbox
	to  []string
}

func (s *session) Reset()        { s.to = nil }
func (s *session) Logout() error { return nil }

func (s *session) Mail(string, *smtp.MailOptions) error {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	return s.box.refuse
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return err
	}
	text, err := plain(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
	if err != nil {
		return err
	}
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	for _, to := range s.to {
		s.box.letters = append(s.box.letters, Letter{To: to, Subject: subject, Text: text, Raw: string(raw)})
	}
	return nil
}

// plain is the first text part of a body.
func plain(contentType, encoding string, body io.Reader) (string, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err == nil && strings.HasPrefix(kind, "multipart/") {
		part, err := multipart.NewReader(body, params["boundary"]).NextPart()
		if err != nil {
			return "", err
		}
		return plain(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part)
	}
	if strings.EqualFold(encoding, "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	b, err := io.ReadAll(body)
	return string(b), err
}
