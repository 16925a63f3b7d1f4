package mail_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/mail"
	"habeas.internal/services/fulfilment/law"
	"habeas.internal/services/internal/smtpsend"
)

func TestEveryNoticeHasATextAndAPage(t *testing.T) {
	facts := mail.Facts{
		Request: "rrrr", Erasure: true, ReceivedAt: time.Unix(1790000000, 0), DueAt: time.Unix(1792000000, 0), ExpiresAt: time.Unix(1793000000, 0),
		Other: "oooo", Kept: []mail.Kept{{
			System: "shop", Collection: "invoice", Category: "user.financial", Ground: "legal_obligation.tax", Authority: "<b>26 CFR</b>",
			Until: time.Unix(1990000000, 0),
		}},
	}
	for _, name := range []string{"acknowledged", "erased", "package_ready", "nothing_held", "withdrawn", "duplicate", "retained", "not_verified", "incomplete", "more_needed"} {
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
	if erased.Subject != "Your data has been erased, but for what must be kept" || !strings.Contains(erased.Text, "a duty by law, tax (legal_") {
		t.Errorf("%s:\n%s", erased.Subject, erased.Text)
	}
	if !strings.Contains(erased.Text, "not erased by itself on that day") {
		t.Errorf("it promises an end that nothing brings:\n%s", erased.Text)
	}
	facts.Late = true
	if late, err := mail.Render("acknowledged", facts); err != nil || strings.Contains(late.Text, "You will have") || !strings.Contains(late.Text, "was due by") {
		t.Errorf("an answer that is late is promised, error %v:\n%s", err, late.Text)
	}
	facts.Kept = nil
	if whole, err := mail.Render("erased", facts); err != nil || whole.Subject != "Your data has been erased" {
		t.Errorf("%s, error %v", whole.Subject, err)
	}
	if _, err := mail.Render("other", facts); !errors.Is(err, mail.ErrTemplate) {
		t.Errorf("a notice without a text: %v", err)
	}
}

// Nobody has asked, and the person is a child: they are told why, and that it is
// not an answer to anything.
func TestWhoIsErasedForTheirAgeIsToldWhy(t *testing.T) {
	facts := mail.Facts{Request: "rrrr", Erasure: true, Age: true, ReceivedAt: time.Unix(1790000000, 0), DueAt: time.Unix(1792000000, 0)}
	for _, name := range []string{"acknowledged", "erased", "nothing_held", "incomplete"} {
		m, err := mail.Render(name, facts)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(m.Text, "You are below the age that this service is for") || strings.Contains(m.Subject+m.Text, "our request") {
			t.Errorf("%s: %s\n%s", name, m.Subject, m.Text)
		}
		facts.Age = false
		if asked, err := mail.Render(name, facts); err != nil || strings.Contains(asked.Text, "below the age") {
			t.Errorf("%s tells somebody who asked about their age, error %v", name, err)
		}
		facts.Age = true
	}
}

// TestANoticeSaysWhoseItIsAndWhoAsked: people are known to several organisations, and
// an agent that asks in their name is what they decide by.
func TestANoticeSaysWhoseItIsAndWhoAsked(t *testing.T) {
	for _, name := range []string{"acknowledged", "delayed", "package_ready", "not_verified"} {
		m, err := mail.Render(name, mail.Facts{Organisation: "Two <b>GmbH", Agent: "permission-slip"})
		if err != nil || !strings.HasPrefix(m.Subject, "Two <b>GmbH: ") || !strings.HasPrefix(m.Text, "This is a message of Two <b>GmbH.\n\n") || !strings.Contains(m.Text, "answer this message") || strings.Contains(m.HTML, "<b>") {
			t.Errorf("%s, error %v:\n%s", name, err, m.Text)
		}
		if asked := name == "acknowledged" || name == "delayed"; asked != strings.Contains(m.Text, "The agent permission-slip has") {
			t.Errorf("%s:\n%s", name, m.Text)
		}
		own, err := mail.Render(name, mail.Facts{})
		if err != nil || strings.Contains(own.Text, "agent") || strings.Contains(own.Text, "This is a message") {
			t.Errorf("%s of the person's own, error %v:\n%s", name, err, own.Text)
		}
	}
	reached, err := mail.Render("erased", mail.Facts{Organisation: "Two", Contact: "privacy@two.example, +49 30 1"})
	if err != nil || !strings.Contains(reached.Text, "you reach us here: privacy@two.example, +49 30 1") || strings.Contains(reached.Text, "answer this message") {
		t.Errorf("error %v:\n%s", err, reached.Text)
	}
	short, err := mail.RenderText("delayed", mail.Facts{Organisation: "Two", Contact: "two.example", Cancel: "cccc"})
	if err != nil || !strings.HasPrefix(short.Text, "Two: ") || !strings.HasSuffix(short.Text, "cccc Questions: two.example") {
		t.Errorf("error %v: %s", err, short.Text)
	}
	weak, err := mail.Render("not_verified", mail.Facts{})
	if err != nil || !strings.Contains(weak.Text, "we check by other means") {
		t.Errorf("it does not say what would do, error %v:\n%s", err, weak.Text)
	}
}

// TestWhoHasProvenTooLittleIsToldWhatWouldDo in words: no code is for people.
func TestWhoHasProvenTooLittleIsToldWhatWouldDo(t *testing.T) {
	proofs := []string{"settled_channel", "staff", "assertion_second_factor", "assertion_phishing_resistant"}
	m, err := mail.Render("more_needed", mail.Facts{Request: "rrrr", Suffices: proofs, ProveBy: time.Unix(1792000000, 0)})
	if err != nil || !strings.Contains(m.Text, "14 October 2026") {
		t.Fatalf("error %v:\n%s", err, m.Text)
	}
	for _, want := range []string{"- a code or a link that we send", "- a check by our staff", "second factor", "passkey"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("it lacks %q:\n%s", want, m.Text)
		}
	}
	for _, code := range proofs {
		if strings.Contains(m.Text, code+"\n") || strings.Contains(m.Text, "_") {
			t.Errorf("it says %q:\n%s", code, m.Text)
		}
	}
}

// TestWhoIsToldOfAHeldRequestIsToldHowToCancelIt: by a page, where there is one,
// and by an answer to the message in any case.
func TestWhoIsToldOfAHeldRequestIsToldHowToCancelIt(t *testing.T) {
	facts := mail.Facts{Request: "rrrr", Erasure: true, HeldUntil: time.Unix(1790000000, 0), Cancel: "cccc"}
	for page, want := range map[string]string{
		"": "Answer this message", "https://shop.example/cancel#rrrr.cccc": "Or answer this message",
	} {
		facts.CancelLink = page
		m, err := mail.Render("delayed", facts)
		if err != nil || !strings.Contains(m.Text, want+" and say that you cancel, with the number of the request and this code: cccc") || !strings.Contains(m.Text, page) {
			t.Errorf("page %q, error %v:\n%s", page, err, m.Text)
		}
	}
}

func TestADeadlineIsNamedByItsLastDayWhereTheTenantIs(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.Render("acknowledged", mail.Facts{
		Zone: zone, ReceivedAt: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC), DueAt: law.Date{Year: 2026, Month: 12, Day: 22}.End(zone),
	})
	if err != nil || !strings.Contains(m.Text, "by 22 December 2026.") || !strings.Contains(m.Text, "on 22 November 2026.") {
		t.Errorf("error %v:\n%s", err, m.Text)
	}
}

func TestWithoutAServerNothingGoesOutAndTheReasonIsSaid(t *testing.T) {
	s, err := mail.New(mail.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var f mail.Failure
	if _, err := s.Send(t.Context(), mail.Message{To: "jane@example.com"}); !errors.As(err, &f) || f.Code != smtpsend.ReasonNoServer || f.Final {
		t.Errorf("error %v", err)
	}
}

func TestAServerThatIsAwayIsTriedAgainAndABadAddressIsNot(t *testing.T) {
	s, err := mail.New(mail.Config{Addr: "127.0.0.1:1", From: "privacy@example.com", TLS: "none"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]mail.Failure{
		"jane@example.com": {Code: smtpsend.ReasonUnreachable}, "no address": {Code: smtpsend.ReasonAddress, Final: true},
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

// TestATelephoneIsSentNoMail: a number is no address, and few notices have a text
// for one.
func TestATelephoneIsSentNoMail(t *testing.T) {
	s, err := mail.New(mail.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var failure mail.Failure
	if _, err := s.Send(t.Context(), mail.Message{To: "+493011111111", Text: "x"}); !errors.As(err, &failure) || failure.Code != "SMS_NOT_CONFIGURED" {
		t.Errorf("got %v", err)
	}
	for address, want := range map[string]bool{"+493011111111": true, "+49 30 11111111": false, "+tag@example.com": false, "": false} {
		if got := mail.IsPhone(address); got != want {
			t.Errorf("%q is a telephone: %t", address, got)
		}
	}
	if _, err := mail.RenderText("erased", mail.Facts{}); !errors.Is(err, mail.ErrTemplate) {
		t.Errorf("a text for the end of a request: %v", err)
	}
}
