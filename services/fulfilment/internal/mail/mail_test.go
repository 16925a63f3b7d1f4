package mail_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/mail"
)

func TestEveryNoticeHasATextAndAPage(t *testing.T) {
	facts := mail.Facts{
		Request: "rrrr", Erasure: true, ReceivedAt: time.Unix(1790000000, 0), DueAt: time.Unix(1792000000, 0), ExpiresAt: time.Unix(1793000000, 0),
		Other: "oooo", Kept: []mail.Kept{{
			System: "shop", Collection: "invoice", Category: "user.financial", Ground: "legal_obligation.tax", Authority: "<b>26 CFR</b>",
			Until: time.Unix(1990000000, 0),
		}},
	}
	for _, name := range []string{"acknowledged", "erased", "package_ready", "nothing_held", "withdrawn", "duplicate"} {
		m, err := mail.Render(name, facts)
		if err != nil || m.Subject == "" || !strings.Contains(m.Text, "rrrr") || !strings.Contains(m.HTML, "rrrr") {
			t.Errorf("%s: %+v, error %v", name, m, err)
		}
		if strings.Contains(m.HTML, "<b>") {
			t.Errorf("%s: the page runs what it was given", name)
		}
	}
	erased, err := mail.Render("erased", facts)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"user.financial", "legal_obligation.tax", "26 CFR", "2033"} {
		if !strings.Contains(erased.Text, want) {
			t.Errorf("what is kept lacks %q:\n%s", want, erased.Text)
		}
	}
	if _, err := mail.Render("other", facts); !errors.Is(err, mail.ErrTemplate) {
		t.Errorf("a notice without a text: %v", err)
	}
}

func TestWithoutAServerNothingGoesOutAndTheReasonIsSaid(t *testing.T) {
	s, err := mail.New(mail.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var f mail.Failure
	if _, err := s.Send(t.Context(), mail.Message{To: "jane@example.com"}); !errors.As(err, &f) || f.Code != mail.ReasonNoServer || f.Final {
		t.Errorf("error %v", err)
	}
}

func TestAServerThatIsAwayIsTriedAgainAndABadAddressIsNot(t *testing.T) {
	s, err := mail.New(mail.Config{Addr: "127.0.0.1:1", From: "privacy@example.com", TLS: "none"})
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]mail.Failure{
		"jane@example.com": {Code: mail.ReasonUnreachable}, "no address": {Code: mail.ReasonAddress, Final: true},
	} {
		var f mail.Failure
		_, err := s.Send(t.Context(), mail.Message{To: to, MessageID: "m", Subject: "s", Text: "t", HTML: "h"})
		if !errors.As(err, &f) || f != want {
			t.Errorf("%s: %v, want %v", to, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "jane") {
			t.Errorf("the error holds the address: %v", err)
		}
	}
}
