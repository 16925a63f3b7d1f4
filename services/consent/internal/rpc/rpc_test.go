package rpc_test

import (
	"fmt"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	kit "habeas.internal/services/internal/rpc"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	given     = consentv1.Decision_DECISION_GIVEN
	refused   = consentv1.Decision_DECISION_REFUSED
	withdrawn = consentv1.Decision_DECISION_WITHDRAWN
)

// mail asks whether an address may be looked at for periodic e-mail under Qcera's
// policy. Sending it needs more.
func mail(change ...func(*consentv1.Question)) *consentv1.Question {
	q := &consentv1.Question{
		SubjectRef: subject, Policy: "qcera", Action: consentv1.Action_ACTION_ACCESS, Purpose: "mail.periodic",
		Categories: []string{"visitor.email"}, Source: consentv1.Source_SOURCE_ONLINE, Channel: "email",
	}
	for _, c := range change {
		c(q)
	}
	return q
}

// asked is the answer as "REASON clause vN", with a plus when it is yes.
func (w *world) asked(t *testing.T, q *consentv1.Question) string {
	t.Helper()
	res, err := w.consent(t, human("product")).Check(deadline(t), &consentv1.CheckRequest{Question: q})
	if err != nil {
		t.Fatalf("check: %v", err)
	}
	return text(res.GetAnswer())
}

func text(a *consentv1.Answer) string {
	out := a.GetReason() + " " + a.GetClause()
	if a.GetAllowed() {
		out = "+" + out
	}
	return out
}

func (w *world) wants(t *testing.T, what string, q *consentv1.Question, want string) {
	t.Helper()
	if got := w.asked(t, q); got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func TestConsentIsAskedGivenUsedAndWithdrawn(t *testing.T) {
	w := newWorld(t)
	w.wants(t, "without a policy", mail(), "POLICY_NOT_IN_FORCE ")
	w.publish(t, document(t, "qcera"))
	w.wants(t, "undecided", mail(), "CONSENT_MISSING QC-05")
	w.later(time.Hour)
	w.decide(t, "qcera", "mail.periodic", given)
	w.wants(t, "given", mail(), "+CONSENT_GIVEN QC-05")
	w.wants(t, "given, another person", mail(func(q *consentv1.Question) { q.SubjectRef = another }), "CONSENT_MISSING QC-05")
	w.later(time.Hour)
	before := timestamppb.New(w.now())
	w.later(time.Hour)
	res := w.decide(t, "qcera", "mail.periodic", withdrawn)
	if diff := cmp.Diff([]string{"newsletter"}, res.GetFeaturesUnavailable()); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}
	w.wants(t, "withdrawn", mail(), "CONSENT_WITHDRAWN QC-05")
	w.wants(t, "as it was", mail(func(q *consentv1.Question) { q.At = before }), "+CONSENT_GIVEN QC-05")

	list, err := w.consent(t, human("auditor")).ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject, PageSize: 1})
	if err != nil || len(list.GetDecisions()) != 1 || list.GetDecisions()[0].GetEffective() || list.GetNextPageToken() == "" {
		t.Fatalf("first page: %v, error %v", list, err)
	}
	list, err = w.consent(t, human("auditor")).ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject, PageToken: list.GetNextPageToken()})
	if err != nil || len(list.GetDecisions()) != 1 || !list.GetDecisions()[0].GetEffective() || list.GetDecisions()[0].GetDecision() != withdrawn {
		t.Errorf("last page: %v, error %v", list, err)
	}
	list, err = w.consent(t, human("auditor")).ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject, At: before})
	if err != nil || len(list.GetDecisions()) != 1 || !list.GetDecisions()[0].GetEffective() {
		t.Errorf("as it was: %v, error %v", list, err)
	}
}

func TestAFactEndsWhatWasAllowed(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.decide(t, "qcera", "mail.periodic", given)
	fact := func(f consentv1.Fact, cause string) {
		t.Helper()
		_, err := w.consent(t, service("fulfilment")).ApplyFact(deadline(t), &consentv1.ApplyFactRequest{
			RequestId: "step-" + w.id(), SubjectRef: subject, Fact: f, Cause: cause,
		})
		if err != nil {
			t.Fatalf("apply: %v", err)
		}
	}
	fact(consentv1.Fact_FACT_RESTRICTED, cause)
	fact(consentv1.Fact_FACT_RESTRICTED, another)
	w.wants(t, "restricted", mail(), "PERSON_RESTRICTED QC-08")
	fact(consentv1.Fact_FACT_UNRESTRICTED, cause)
	w.wants(t, "restricted by another", mail(), "PERSON_RESTRICTED QC-08")
	fact(consentv1.Fact_FACT_UNRESTRICTED, another)
	w.wants(t, "free", mail(), "+CONSENT_GIVEN QC-05")
	fact(consentv1.Fact_FACT_CLOSED, cause)
	w.wants(t, "closed", mail(), "ACCOUNT_CLOSED QC-08")
	fact(consentv1.Fact_FACT_ERASED, cause)
	w.wants(t, "erased", mail(), "PERSON_ERASED QC-08")
	kept := &consentv1.Question{
		SubjectRef: subject, Policy: "qcera", Action: consentv1.Action_ACTION_PRESERVE, Purpose: "legal.retention",
		Categories: []string{"leave.absence"}, Source: consentv1.Source_SOURCE_ONLINE,
	}
	w.wants(t, "kept by law", kept, "+LEGAL_GROUND QC-08")
	_, err := w.consent(t, human("product")).RecordDecision(deadline(t), &consentv1.RecordDecisionRequest{
		RequestId: w.id(), SubjectRef: subject, Policy: "qcera",
		Choices:   []*consentv1.Choice{{Purpose: "mail.periodic", Decision: given, Expression: consentv1.Expression_EXPRESSION_EXPLICIT}},
		DecidedAt: timestamppb.New(w.now()), Evidence: "sha256:abc",
	})
	expect(t, "a grant after the erasure", err, codes.FailedPrecondition, "PERSON_ERASED")
}

func TestABatchIsAboutOneMoment(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.publish(t, document(t, "caseworks"))
	token := w.decide(t, "qcera", "mail.periodic", given).GetConsistencyToken()
	var header metadata.MD
	res, err := w.consent(t, human("product")).BatchCheck(deadline(t), &consentv1.BatchCheckRequest{
		ConsistencyToken: token,
		Questions: []*consentv1.Question{
			mail(), mail(func(q *consentv1.Question) { q.Policy = "nobodys" }),
			mail(func(q *consentv1.Question) { q.Policy, q.Purpose = "caseworks", "service.provide" }),
			mail(func(q *consentv1.Question) {
				q.Policy, q.Purpose, q.Categories = "caseworks", "service.provide", []string{"account.email", "account.name"}
			}),
		},
	}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	if seen := header.Get(kit.MetadataConsistency); len(seen) != 1 || seen[0] != token {
		t.Errorf("the answer is about %q, want %q", seen, token)
	}
	var got []string
	for _, a := range res.GetAnswers() {
		got = append(got, text(a))
	}
	want := []string{"+CONSENT_GIVEN QC-05", "POLICY_NOT_IN_FORCE ", "CATEGORY_UNKNOWN CW-23", "+CONTRACT_NEEDS CW-01"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestAThousandQuestionsAreAnsweredTogether(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.decide(t, "qcera", "mail.periodic", given)
	questions := make([]*consentv1.Question, 1000)
	for i := range questions {
		questions[i] = mail()
	}
	res, err := w.consent(t, human("product")).BatchCheck(deadline(t), &consentv1.BatchCheckRequest{Questions: questions})
	if err != nil || len(res.GetAnswers()) != len(questions) {
		t.Fatalf("%d answers, %v", len(res.GetAnswers()), err)
	}
	for i, a := range res.GetAnswers() {
		if text(a) != "+CONSENT_GIVEN QC-05" {
			t.Fatalf("answer %d: %s", i, text(a))
		}
	}
}

func TestWithdrawingAllLeavesNothingGiven(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.decide(t, "qcera", "mail.periodic", given)
	w.decide(t, "qcera", "cookie.recognise", refused)
	w.decide(t, "qcera", "website.improve", given)
	c := w.consent(t, caller{tenant: "acme", subject: subject, roles: []string{"subject"}})
	r := &consentv1.WithdrawAllRequest{RequestId: w.id(), SubjectRef: subject, DecidedAt: timestamppb.New(w.now())}
	for range 2 { // a repeat has the first answer
		res, err := c.WithdrawAll(deadline(t), r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"qcera/mail.periodic", "qcera/website.improve"}, res.GetWithdrawn()); diff != "" {
			t.Errorf("withdrawn (-want +got):\n%s", diff)
		}
	}
	w.wants(t, "withdrawn", mail(), "CONSENT_WITHDRAWN QC-05")
	_, err := c.WithdrawAll(deadline(t), &consentv1.WithdrawAllRequest{RequestId: w.id(), SubjectRef: another, DecidedAt: timestamppb.New(w.now())})
	expect(t, "somebody else's", err, codes.PermissionDenied, "NOT_OWN_DATA")
}

func TestASignalIsRecordedWhetherItIsHonouredOrNot(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology"))
	w.provides(t, "connection")
	share := &consentv1.Question{
		SubjectRef: subject, Policy: "personnel-technology", Action: consentv1.Action_ACTION_DISCLOSE, Purpose: "service.provide",
		Categories: []string{"personal.email"}, Source: consentv1.Source_SOURCE_REGISTRATION, Recipient: provider,
	}
	send := func(signals ...consentv1.Signal) string {
		t.Helper()
		res, err := w.consent(t, human("product")).ApplySignal(deadline(t), &consentv1.ApplySignalRequest{
			RequestId: w.id(), SubjectRef: subject, Policy: "personnel-technology", Signals: signals, ReceivedAt: timestamppb.New(w.now()),
		})
		if err != nil {
			t.Fatal(err)
		}
		var out string
		for _, o := range res.GetOutcomes() {
			out += fmt.Sprintf("%v %v %s;", o.GetSignal(), o.GetHonoured(), o.GetClause())
		}
		return out
	}
	n := w.appends(func() {
		if got := send(consentv1.Signal_SIGNAL_DNT); got != "SIGNAL_DNT false PT-08;" {
			t.Errorf("DNT alone: %s", got)
		}
		w.wants(t, "after DNT", share, "SHARING_NOT_CONSENTED PT-25")
		if got := send(consentv1.Signal_SIGNAL_DNT, consentv1.Signal_SIGNAL_GPC); got != "SIGNAL_DNT false PT-08;SIGNAL_GPC true PT-08;" {
			t.Errorf("both: %s", got)
		}
		w.wants(t, "after GPC", share, "SHARING_OPTED_OUT PT-10")
		if got := send(consentv1.Signal_SIGNAL_GPC); got != "SIGNAL_GPC true PT-08;" {
			t.Errorf("GPC again: %s", got)
		}
	})
	if n != 3 {
		t.Errorf("%d commits, want one for each time", n)
	}
}
