package mail_test

import (
	"errors"
	"testing"

	"habeas.internal/services/identity/internal/mail"
	"habeas.internal/services/internal/devmail"
)

const jane = "jane@example.com"

func sender(t *testing.T, addr string) *mail.Sender {
	t.Helper()
	s, err := mail.New(mail.Config{Addr: addr, From: "privacy@acme.example", TLS: "none"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestACodeIsMailedOrItIsSaidWhetherToComeBack(t *testing.T) {
	sink, err := devmail.Start(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	s := sender(t, sink.Addr())
	for _, tc := range []struct {
		name, to string
		want     error
	}{
		{"it goes out", jane, nil},
		{"an address that brings headers is refused for good", "jane@example.com\r\nBcc: eve@example.com", mail.ErrRefused},
	} {
		if err := s.Send(t.Context(), mail.Message{To: tc.to, Subject: "Your code", Text: "code 12345678\n"}); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v", tc.name, err)
		}
	}
	if got := sink.Mails(jane); len(got) != 1 || got[0].Subject != "Your code" {
		t.Errorf("%d mails arrived", len(got))
	}
	sink.Close()
	if err := s.Send(t.Context(), mail.Message{To: jane, Subject: "Your code", Text: "x"}); !errors.Is(err, mail.ErrUndelivered) {
		t.Errorf("a service that is gone: %v", err)
	}
}

func TestWithoutAMailServiceThereIsNoSender(t *testing.T) {
	if s := sender(t, ""); s != nil {
		t.Error("there is one")
	}
}
