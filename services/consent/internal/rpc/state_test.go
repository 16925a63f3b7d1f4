package rpc_test

import (
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// stateAt is what counted of a purpose at a moment: as it was known then, and as
// it was.
func (w *world) stateAt(t *testing.T, policy, purpose string, at time.Time) (known, was string, all *consentv1.GetConsentStateResponse) {
	t.Helper()
	all, err := w.consent(t, human("dpo")).GetConsentState(deadline(t), &consentv1.GetConsentStateRequest{
		SubjectRef: subject, Policy: policy, At: timestamppb.New(at),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all.GetPolicies() {
		for _, s := range p.GetStates() {
			if s.GetPurpose() == purpose {
				return s.GetKnown().GetStatus(), s.GetWas().GetStatus(), all
			}
		}
	}
	return "", "", all
}

func TestThePastIsToldAsItWasKnownAndAsItWas(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.later(time.Minute)
	start := w.now()
	if err := w.record(t, w.act(given, "mail.periodic")); err != nil {
		t.Fatal(err)
	}
	w.later(time.Hour)
	late := w.act(withdrawn, "mail.periodic") // said now, recorded in two hours
	late.Circumstances.Channel = "paper"
	w.later(2 * time.Hour)
	if err := w.record(t, late); err != nil {
		t.Fatal(err)
	}
	w.later(time.Hour)
	for _, tc := range []struct {
		name       string
		at         time.Time
		known, was string
		version    uint32
	}{
		{"before anything", start.Add(-time.Second), "dpv:ConsentUnknown", "dpv:ConsentUnknown", 1},
		{"given", start.Add(30 * time.Minute), "dpv:ConsentGiven", "dpv:ConsentGiven", 1},
		{"between the act and its recording", start.Add(2 * time.Hour), "dpv:ConsentGiven", "dpv:ConsentWithdrawn", 1},
		{"recorded", w.now(), "dpv:ConsentWithdrawn", "dpv:ConsentWithdrawn", 1},
	} {
		known, was, all := w.stateAt(t, "qcera", "mail.periodic", tc.at)
		if known != tc.known || was != tc.was || all.GetPolicies()[0].GetVersion() != tc.version {
			t.Errorf("%s: known %s, was %s, want %s and %s; %v", tc.name, known, was, tc.known, tc.was, all)
		}
	}
	_, _, all := w.stateAt(t, "", "mail.periodic", w.now())
	for _, s := range all.GetPolicies()[0].GetStates() {
		switch s.GetPurpose() {
		case "mail.periodic":
			if c := s.GetKnown().GetCircumstances(); c.GetNotice() != "signup.3" || c.GetChannel() != "paper" {
				t.Errorf("the notice of it: %v", s)
			}
		default:
			if s.GetKnown().GetStatus() != "dpv:ConsentUnknown" {
				t.Errorf("undecided: %v", s)
			}
		}
	}
	if n := len(all.GetPolicies()[0].GetStates()); n < 5 {
		t.Errorf("%d purposes", n)
	}
	_, err := w.consent(t, human("dpo")).GetConsentState(deadline(t), &consentv1.GetConsentStateRequest{SubjectRef: subject, At: timestamppb.New(w.now().Add(time.Hour))})
	if c, _, field := answer(err); c != codes.InvalidArgument || field != "at" {
		t.Errorf("of tomorrow: %v", err)
	}
}

func TestALateWithdrawalNamesWhoGotDataMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology"))
	w.provides(t, "service_provider")
	give := func() {
		t.Helper()
		if _, err := w.disclosures(t, human("product")).Disclose(deadline(t), w.give("personal.email", "email")); err != nil {
			t.Fatal(err)
		}
	}
	w.decide(t, "personnel-technology", "service.provide", given)
	give() // number 1: before it was withdrawn
	w.later(time.Hour)
	said := timestamppb.New(w.now())
	w.later(time.Second)
	give() // number 2: after that, before anybody had recorded it
	w.later(time.Second)
	_, err := w.consent(t, human("product")).WithdrawAll(deadline(t), &consentv1.WithdrawAllRequest{RequestId: w.id(), SubjectRef: subject, DecidedAt: said})
	if err != nil {
		t.Fatal(err)
	}
	_, _, all := w.stateAt(t, "", "service.provide", w.now())
	if len(all.GetLate()) != 1 || len(all.GetLate()[0].GetRecipients()) != 1 {
		t.Fatalf("%v", all.GetLate())
	}
	late, to := all.GetLate()[0], all.GetLate()[0].GetRecipients()[0]
	if late.GetPurpose() != "service.provide" || late.GetStatus() != "dpv:ConsentWithdrawn" || to.GetRecipient() != provider || to.GetContact() == "" {
		t.Errorf("%v", late)
	}
	if d := to.GetDisclosures(); len(d) != 1 || d[0].GetNumber() != 2 {
		t.Errorf("disclosed meanwhile: %v", d)
	}
	_, _, all = w.stateAt(t, "", "service.provide", said.AsTime().Add(-time.Minute))
	if len(all.GetLate()) != 0 {
		t.Errorf("before it was said: %v", all.GetLate())
	}
}
