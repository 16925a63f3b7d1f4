package rpc_test

import (
	"fmt"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// self is the person that the registers are about.
func self() caller { return caller{tenant: "acme", subject: subject, roles: []string{"subject"}} }

// disclose gives data, which must be allowed.
func (w *world) disclose(t *testing.T, r *consentv1.DiscloseRequest) {
	t.Helper()
	proven := human("product") // as a ground needs it
	proven.proven = true
	if _, err := w.disclosures(t, proven).Disclose(deadline(t), r); err != nil {
		t.Fatal(err)
	}
}

// marketed is who got what for marketing in a year, in short.
func (w *world) marketed(t *testing.T, year uint32) string {
	t.Helper()
	res, err := w.disclosures(t, self()).ListMarketingDisclosures(deadline(t), &consentv1.ListMarketingDisclosuresRequest{
		SubjectRef: subject, Policy: "personnel-technology", Year: year,
	})
	if err != nil {
		t.Fatal(err)
	}
	out := fmt.Sprint(res.GetYear(), " ", res.GetZone())
	for _, h := range res.GetRecipients() {
		out += fmt.Sprintf(", %s %s %q %s %d", h.GetRecipient(), h.GetKind(), h.GetContact(), h.GetCategories(), h.GetDisclosures())
	}
	return out
}

// toNewYear sets the clock to some days after the end of a year.
func (w *world) toNewYear(t *testing.T) (over uint32) {
	t.Helper()
	now := w.now()
	w.later(time.Date(now.Year()+1, 1, 5, 0, 0, 0, 0, time.UTC).Sub(now))
	return uint32(now.Year())
}

func TestTheListOfAYearSaysWhoGotWhatForMarketing(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology"))
	w.toNewYear(t) // a year whose end is far
	w.provides(t, "service_provider")
	first, second, other := w.give("personal.email", "email"), w.give("personal.name", "email"), w.give("personal.email", "email")
	first.Marketing, second.Marketing = true, true
	for _, r := range []*consentv1.DiscloseRequest{first, second, other} {
		w.disclose(t, r)
	}
	year := uint32(w.now().Year())
	nobody := fmt.Sprint(year-1, " America/New_York")
	if got := w.marketed(t, 0); got != nobody {
		t.Errorf("of the year before: %s, want nobody", got)
	}
	_, err := w.disclosures(t, self()).ListMarketingDisclosures(deadline(t), &consentv1.ListMarketingDisclosuresRequest{
		SubjectRef: subject, Policy: "personnel-technology", Year: year,
	})
	if code, _, field := answer(err); code != codes.InvalidArgument || field != "year" {
		t.Errorf("a year that isn't over: %v %s", code, field)
	}
	w.toNewYear(t)
	want := fmt.Sprintf(`%d America/New_York, acme-mail service_provider "1 Example Street" [personal.email personal.name] 2`, year)
	for _, asked := range []uint32{0, year} {
		if got := w.marketed(t, asked); got != want {
			t.Errorf("of the year that is over: %s, want %s", got, want)
		}
	}
	_, err = w.disclosures(t, self()).ListMarketingDisclosures(deadline(t), &consentv1.ListMarketingDisclosuresRequest{SubjectRef: another, Policy: "personnel-technology"})
	expect(t, "somebody else's", err, codes.PermissionDenied, "NOT_OWN_DATA")
	_, err = w.disclosures(t, self()).ListMarketingDisclosures(deadline(t), &consentv1.ListMarketingDisclosuresRequest{SubjectRef: subject, Policy: "nobodys"})
	expect(t, "under no policy", err, codes.NotFound, "POLICY_NOT_FOUND")
}

// accounted are the entries of an accounting.
func (w *world) accounted(t *testing.T) (out []string) {
	t.Helper()
	for token := ""; ; {
		res, err := w.disclosures(t, self()).ListAccounting(deadline(t), &consentv1.ListAccountingRequest{SubjectRef: subject, PageSize: 1, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range res.GetDisclosures() {
			out = append(out, fmt.Sprintf("%s %s %s", d.GetRecipient(), d.GetPurpose(), d.GetCategories()))
		}
		if token = res.GetNextPageToken(); token == "" {
			return out
		}
	}
}

func TestPatientsDataIsAccountedForSixYearsButForOperations(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology"))
	w.provides(t, "service_provider", func(a *consentv1.Agreement) {
		a.Categories, a.BusinessAssociate = []string{"patient.information", "personal.email"}, true
	})
	yes := w.act(consentv1.Decision_DECISION_GIVEN, "service.provide")
	yes.Policy, yes.Choices[0].Recipients = "personnel-technology", []string{"service_provider"}
	if err := w.record(t, yes); err != nil {
		t.Fatal(err)
	}
	care := w.give("patient.information", "patient")
	care.Question.Source = consentv1.Source_SOURCE_ONLINE
	court := func(category string) *consentv1.DiscloseRequest {
		r := w.give(category, "patient")
		r.Question.Purpose, r.Question.Recipient = "ground.law", "court"
		r.Ground = &consentv1.GroundUse{Belief: "subpoena", Document: "case:1"}
		return r
	}
	use := court("patient.information")
	use.Question.Action, use.Question.Recipient = consentv1.Action_ACTION_USE, ""
	for _, r := range []*consentv1.DiscloseRequest{care, court("personal.email"), court("patient.information"), use} {
		w.disclose(t, r)
	}
	if got := fmt.Sprint(w.accounted(t)); got != "[court ground.law [patient.information]]" {
		t.Errorf("accounted for: %s", got)
	}
	w.later(6*365*24*time.Hour - time.Hour)
	if got := w.accounted(t); len(got) != 1 {
		t.Errorf("within six years: %s", got)
	}
	w.later(3 * 24 * time.Hour)
	if got := w.accounted(t); len(got) != 0 {
		t.Errorf("after six years: %s", got)
	}
}

func TestOperationsAreAccountedForWhereThePolicyMarksThemNot(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology", "    hipaa: operations # house: of the clinics that are served\n", ""))
	w.provides(t, "service_provider", func(a *consentv1.Agreement) {
		a.Categories, a.BusinessAssociate = []string{"patient.information"}, true
	})
	yes := w.act(consentv1.Decision_DECISION_GIVEN, "service.provide")
	yes.Policy, yes.Choices[0].Recipients = "personnel-technology", []string{"service_provider"}
	if err := w.record(t, yes); err != nil {
		t.Fatal(err)
	}
	care := w.give("patient.information", "patient")
	care.Question.Source = consentv1.Source_SOURCE_ONLINE
	w.disclose(t, care)
	if got := fmt.Sprint(w.accounted(t)); got != "[acme-mail service.provide [patient.information]]" {
		t.Errorf("accounted for: %s", got)
	}
}

func TestWhoHoldsWhatIsToldForAllReferencesOfAPerson(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology"))
	w.provides(t, "service_provider")
	w.disclose(t, w.give("personal.email", "email"))
	theirs := w.give("personal.name", "email")
	theirs.Question.SubjectRef = another
	w.disclose(t, theirs)
	holds := func(what, want string) {
		t.Helper()
		res, err := w.disclosures(t, human("dpo")).ListRecipientsOf(deadline(t), &consentv1.ListRecipientsOfRequest{SubjectRef: subject})
		if err != nil || len(res.GetRecipients()) != 1 {
			t.Fatalf("%s: %v, error %v", what, res, err)
		}
		h := res.GetRecipients()[0]
		if got := fmt.Sprintf("%s %s %s %s %d", h.GetRecipient(), h.GetTitle(), h.GetCategories(), h.GetPurposes(), h.GetDisclosures()); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	holds("by one reference", "acme-mail Acme Mail [personal.email] [service.provide] 1")
	for subjectRef, other := range map[string]string{subject: another, another: subject} {
		if _, err := w.consent(t, service("fulfilment")).ApplyFact(deadline(t), &consentv1.ApplyFactRequest{
			RequestId: "step-" + w.id(), SubjectRef: subjectRef, Fact: consentv1.Fact_FACT_MERGED, Cause: cause, OtherRef: other,
		}); err != nil {
			t.Fatal(err)
		}
	}
	holds("by both", "acme-mail Acme Mail [personal.email personal.name] [service.provide] 2")
	if _, err := w.recipients(t, human("dpo")).EndAgreement(deadline(t), &consentv1.EndAgreementRequest{RequestId: w.id(), Recipient: provider, Reason: "over"}); err != nil {
		t.Fatal(err)
	}
	holds("after the agreement", "acme-mail Acme Mail [personal.email personal.name] [service.provide] 2")
}

func registerMethods() []method {
	return []method{
		{
			name: "ListMarketingDisclosures", caller: human("auditor"), wrong: "product", empty: "subject_ref", foreign: "POLICY_NOT_FOUND",
			good: func() proto.Message {
				return &consentv1.ListMarketingDisclosuresRequest{SubjectRef: subject, Policy: "qcera"}
			},
			bad: map[string]proto.Message{
				"policy": &consentv1.ListMarketingDisclosuresRequest{SubjectRef: subject},
				"year":   &consentv1.ListMarketingDisclosuresRequest{SubjectRef: subject, Policy: "qcera", Year: uint32(timestamppb.Now().AsTime().Year()) + 1},
			},
		},
		{
			name: "ListAccounting", caller: human("auditor"), wrong: "product", empty: "subject_ref",
			good: func() proto.Message { return &consentv1.ListAccountingRequest{SubjectRef: subject} },
			bad:  map[string]proto.Message{"page_token": &consentv1.ListAccountingRequest{SubjectRef: subject, PageToken: "%"}},
		},
		{
			name: "ListRecipientsOf", caller: human("auditor"), wrong: "product", empty: "subject_ref",
			good: func() proto.Message { return &consentv1.ListRecipientsOfRequest{SubjectRef: subject} },
		},
	}
}
