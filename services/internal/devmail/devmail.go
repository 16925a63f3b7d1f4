// Package devmail is a mail server that keeps what it is sent in memory and
// delivers nothing. `habeas up` and tests of all services give it to them, so
// that codes and notices take the way they take in production; nothing of it is
// ever written to a file.
package devmail

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Message is one mail to one recipient.
type Message struct {
	To      string
	Subject string
	Text    string // the plain part
}

// keep bounds the messages that are remembered; older ones are forgotten.
const keep = 1000

// Sink is a running server. Its methods may be called from several goroutines.
type Sink struct {
	server *smtp.Server
	lis    net.Listener
	addr   string

	show    func(Message)
	mu      sync.Mutex
	mails   []Message
	arrived chan struct{} // closed and replaced when a mail arrives
}

// Start listens on a free loopback port. show, unless it is nil, is given each
// mail as it arrives.
func Start(show func(Message)) (*Sink, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start mail sink: %w", err)
	}
	s := &Sink{lis: lis, addr: lis.Addr().String(), show: show, arrived: make(chan struct{})}
	s.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{sink: s}, nil }))
	s.server.Domain = "localhost"
	s.server.ReadTimeout, s.server.WriteTimeout = 10*time.Second, 10*time.Second
	s.server.MaxMessageBytes, s.server.MaxRecipients = 1<<20, 10
	go func() { _ = s.server.Serve(lis) }() // ends with Close
	return s, nil
}

// Addr is where the server listens.
func (s *Sink) Addr() string { return s.addr }

// Close stops the server and forgets every mail.
func (s *Sink) Close() {
	_ = s.server.Close() // closing twice is no concern of the caller
	_ = s.lis.Close()    // the server knows of it only once it serves
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = nil
}

// Find returns the newest mail to an address, behind the first so many, that
// wanted accepts, as soon as there is one. It ends with ctx.
func (s *Sink) Find(ctx context.Context, to string, behind int, wanted func(Message) bool) (Message, error) {
	for {
		all, arrived := s.to(to)
		for i := len(all) - 1; i >= behind; i-- {
			if wanted(all[i]) {
				return all[i], nil
			}
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("wait for mail: %w", ctx.Err())
		}
	}
}

// to lists the mails to an address, and tells when another one arrives.
func (s *Sink) to(address string) (all []Message, arrived <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.mails {
		if strings.EqualFold(m.To, address) {
			all = append(all, m)
		}
	}
	return all, s.arrived
}

// Mails are those that an address has got, in order.
func (s *Sink) Mails(to string) []Message {
	all, _ := s.to(to)
	return all
}

// Count is how many mails an address has got.
func (s *Sink) Count(to string) int {
	all, _ := s.to(to)
	return len(all)
}

func (s *Sink) add(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	if over := len(s.mails) - keep; over > 0 {
		s.mails = append([]Message(nil), s.mails[over:]...)
	}
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// session is one connection.
type session struct {
	sink *Sink
	to   []string
}

// Mail begins a message; any sender may.
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt notes a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

// Data takes the message.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	subject, text, err := read(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "message is malformed"}
	}
	for _, to := range s.to {
		m := Message{To: to, Subject: subject, Text: text}
		if s.sink.show != nil {
			s.sink.show(m)
		}
		s.sink.add(m)
	}
	return nil
}

// Reset forgets the message at hand.
func (s *session) Reset() { s.to = nil }

// Logout ends the session.
func (s *session) Logout() error { return nil }

// read returns subject and plain text of a message.
func read(raw []byte) (subject, text string, err error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return "", "", err
	}
	subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return "", "", err
	}
	text, err = plain(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
	return subject, text, err
}

// errNoText says that a part has no plain text.
var errNoText = errors.New("no plain text")

func plain(kind, encoding string, body io.Reader) (string, error) {
	media, params, err := mime.ParseMediaType(kind)
	if kind == "" {
		media, err = "text/plain", nil
	}
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(media, "multipart/") {
		if media != "text/plain" {
			return "", errNoText
		}
		text, err := io.ReadAll(decoded(encoding, body))
		return strings.ReplaceAll(string(text), "\r\n", "\n"), err
	}
	parts := multipart.NewReader(body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return "", errNoText
		}
		text, err := plain(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part)
		if !errors.Is(err, errNoText) {
			return text, err
		}
	}
}

func decoded(encoding string, r io.Reader) io.Reader {
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	}
	return r
}
