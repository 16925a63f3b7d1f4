package devmail_test

import (
	"context"
	"net/smtp"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/internal/devmail"
)

func send(t *testing.T, s *devmail.Sink, to, message string) {
	t.Helper()
	raw := strings.ReplaceAll(message, "\n", "\r\n")
	if err := smtp.SendMail(s.Addr(), nil, "no-reply@example.com", []string{to}, []byte(raw)); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T) *devmail.Sink {
	t.Helper()
	s, err := devmail.Start(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestTheNewestWantedMailIsFoundWhenItArrives(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got := make(chan devmail.Message, 1)
	go func() {
		m, _ := s.Find(ctx, "ada@example.com", 0, func(m devmail.Message) bool { return strings.Contains(m.Text, "second") })
		got <- m
	}()
	send(t, s, "Ada@example.com", "Subject: one\n\nthe first\n")
	send(t, s, "Ada@example.com", "Subject: =?utf-8?q?zw=C3=B6lf?=\nContent-Type: multipart/alternative; boundary=x\n\n"+
		"--x\nContent-Type: text/html\n\n<p>second</p>\n--x\nContent-Type: text/plain; charset=utf-8\n"+
		"Content-Transfer-Encoding: quoted-printable\n\nthe sec=\nond\n--x--\n")
	if m := <-got; m.Subject != "zwölf" || strings.TrimSpace(m.Text) != "the second" {
		t.Errorf("got %+v", m)
	}
	if s.Count("ada@example.com") != 2 || s.Count("bob@example.com") != 0 {
		t.Error("mails are counted wrongly")
	}
}

func TestWaitingForAMailEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := start(t).Find(ctx, "x@example.com", 0, func(devmail.Message) bool { return true }); err == nil {
		t.Error("a mail was found")
	}
}
