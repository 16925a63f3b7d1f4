package rpc_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	kit "habeas.internal/services/internal/rpc"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

// holders is identity as far as consent asks it: who holds which identifier.
type holders struct {
	identityv1.SubjectServiceClient

	mu    sync.Mutex
	refs  map[string]string // by identifier
	fault error
	asked int
}

func (h *holders) ResolveSubject(ctx context.Context, r *identityv1.ResolveSubjectRequest, _ ...grpc.CallOption) (*identityv1.ResolveSubjectResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	md, _ := metadata.FromOutgoingContext(ctx)
	if got := md.Get(kit.MetadataTenant); len(got) != 1 || got[0] != "acme" {
		return nil, errors.New("asked for no tenant")
	}
	if h.fault != nil {
		return nil, h.fault
	}
	if ref := h.refs[r.GetIdentifier().GetValue()]; ref != "" {
		return &identityv1.ResolveSubjectResponse{SubjectRef: ref}, nil
	}
	return nil, refuse(codes.NotFound, "SUBJECT_NOT_FOUND")
}

// fail makes identity answer with an error.
func (h *holders) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = err
}

func refuse(code codes.Code, reason string) error {
	s, err := status.New(code, "refused").WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "habeas"})
	if err != nil {
		return err
	}
	return s.Err()
}

func (w *world) answers(t *testing.T, c caller) consentv1.AnswerServiceClient {
	t.Helper()
	return consentv1.NewAnswerServiceClient(w.dial(t, c))
}

func byMail(value string, q *consentv1.Question) *consentv1.CheckByIdentifierRequest {
	q.SubjectRef = ""
	return &consentv1.CheckByIdentifierRequest{
		Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: value}, Question: q,
	}
}

func TestWhoHoldsAnIdentifierIsAskedAboutAsByReference(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.decide(t, "qcera", "mail.periodic", given)
	w.known.refs["jane@example.org"] = subject
	c := w.answers(t, human("product"))
	res, err := c.CheckByIdentifier(deadline(t), byMail("jane@example.org", mail()))
	if err != nil || res.GetAnswer().GetReason() != "CONSENT_GIVEN" || !res.GetAnswer().GetAllowed() || w.known.asked != 1 {
		t.Errorf("known: %v, error %v; identity was asked %d times", res, err, w.known.asked)
	}
}

func TestTheAnswerAboutSomebodyUnknownIsThatAboutSomebodyWhoDecidedNothing(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.known.refs["silent@example.org"] = another
	c := w.answers(t, human("holder"))
	for name, q := range map[string]*consentv1.Question{
		"now": mail(), "a past moment": mail(func(q *consentv1.Question) { q.At = nil }),
		"a purpose that nobody knows": mail(func(q *consentv1.Question) { q.Purpose = "no.such" }),
		"a disclosure":                mail(func(q *consentv1.Question) { q.Action, q.Recipient = consentv1.Action_ACTION_DISCLOSE, "them" }),
	} {
		began := time.Now()
		unknown, err := c.CheckByIdentifier(deadline(t), byMail("nobody@example.org", proto.CloneOf(q)))
		if err != nil {
			t.Fatalf("%s, of nobody: %v", name, err)
		}
		if took := time.Since(began); took < 20*time.Millisecond {
			t.Errorf("%s: answered after %s, which may tell", name, took)
		}
		known, err := c.CheckByIdentifier(deadline(t), byMail("silent@example.org", proto.CloneOf(q)))
		if err != nil {
			t.Fatalf("%s, of somebody silent: %v", name, err)
		}
		if diff := cmp.Diff(known, unknown, protocmp.Transform(), protocmp.IgnoreFields(&consentv1.Answer{}, "as_of")); diff != "" {
			t.Errorf("%s tells them apart (-known +unknown):\n%s", name, diff)
		}
	}
}

func TestWithoutIdentityNothingIsAllowedByIdentifier(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.decide(t, "qcera", "mail.periodic", given)
	w.known.refs["jane@example.org"] = subject
	c := w.answers(t, human("product"))
	for name, tc := range map[string]struct {
		fault  error
		code   codes.Code
		reason string
	}{
		"away":        {status.Error(codes.Unavailable, "away"), codes.Unavailable, "IDENTITY_UNAVAILABLE"},
		"late":        {status.Error(codes.DeadlineExceeded, "late"), codes.Unavailable, "IDENTITY_UNAVAILABLE"},
		"it refuses":  {refuse(codes.PermissionDenied, "SERVICE_FORBIDDEN"), codes.Unavailable, "IDENTITY_UNAVAILABLE"},
		"it is gone":  {refuse(codes.NotFound, "TENANT_NOT_FOUND"), codes.Unavailable, "IDENTITY_UNAVAILABLE"},
		"it says bad": {refuse(codes.InvalidArgument, "INVALID_ARGUMENT"), codes.InvalidArgument, "INVALID_ARGUMENT"},
	} {
		w.known.fail(tc.fault)
		res, err := c.CheckByIdentifier(deadline(t), byMail("jane@example.org", mail()))
		if res != nil {
			t.Errorf("%s: answered %v", name, res)
		}
		expect(t, name, err, tc.code, tc.reason)
		if err != nil && strings.Contains(err.Error(), "jane") {
			t.Errorf("%s: the error names the identifier: %v", name, err)
		}
	}
	w.known.fail(nil)
	both := byMail("jane@example.org", mail())
	both.Question.SubjectRef = subject
	_, err := c.CheckByIdentifier(deadline(t), both)
	if _, _, field := answer(err); field != "question.subject_ref" {
		t.Errorf("a reference beside: %v", err)
	}
	_, err = w.consent(t, human("product")).Check(deadline(t), &consentv1.CheckRequest{Question: byMail("", mail()).GetQuestion()})
	if code, _, field := answer(err); code != codes.InvalidArgument || field != "question.subject_ref" {
		t.Errorf("nobody in particular: %v", err)
	}
}

func TestAnExplanationHoldsTheWholeChain(t *testing.T) {
	w := newWorld(t)
	doc := document(t, "qcera")
	published := w.publish(t, doc)
	w.decide(t, "qcera", "mail.periodic", given)
	w.later(time.Hour)
	w.decide(t, "qcera", "mail.periodic", withdrawn)
	c := w.answers(t, human("auditor"))
	got, err := c.Explain(deadline(t), &consentv1.ExplainRequest{Question: mail()})
	if err != nil {
		t.Fatal(err)
	}
	v := got.GetVersion()
	if got.GetReason() != consentv1.Reason_REASON_CONSENT_WITHDRAWN || got.GetAnswer().GetClause() != "QC-05" || got.GetClauseSays() == "" ||
		v.GetNumber() != 1 || v.GetHash() != published.GetHash() || v.GetTextHash() != textHash(t, doc) || v.GetPostedAt() == nil || v.GetInForceFrom() == nil ||
		got.GetVersionGround() != consentv1.VersionGround_VERSION_GROUND_ONLY || got.GetConflictRule() != consentv1.ConflictRule_CONFLICT_RULE_LIST_AND_CONSENT ||
		got.GetRemedy() != consentv1.Remedy_REMEDY_GRANT_PURPOSE || got.GetRemedyActor() != consentv1.RemedyActor_REMEDY_ACTOR_PERSON || got.GetConsistencyToken() == "" {
		t.Errorf("explained: %v", got)
	}
	if len(got.GetActs()) != 2 || got.GetActs()[0].GetAct().GetEffective() || !got.GetActs()[1].GetAct().GetEffective() ||
		got.GetActs()[0].GetPosition() == got.GetActs()[1].GetPosition() || got.GetActs()[1].GetAct().GetRecordedAt() == nil {
		t.Errorf("acts: %v", got.GetActs())
	}
	yes, err := c.Explain(deadline(t), &consentv1.ExplainRequest{Question: mail(func(q *consentv1.Question) { q.At = got.GetActs()[0].GetAct().GetRecordedAt() })})
	if err != nil || !yes.GetAnswer().GetAllowed() || len(yes.GetActs()) != 1 || yes.GetRemedy() != 0 {
		t.Errorf("as it was: %v, error %v", yes, err)
	}
}

func TestAnExplanationNamesWhatIsKnownOfThePerson(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.decide(t, "qcera", "mail.periodic", given)
	for _, f := range []*consentv1.ApplyFactRequest{
		{Fact: consentv1.Fact_FACT_RESTRICTED, Cause: cause},
		{Fact: consentv1.Fact_FACT_RESTRICTED, Cause: another},
		{Fact: consentv1.Fact_FACT_MINOR, Cause: cause, Policy: "qcera"},
		{Fact: consentv1.Fact_FACT_MERGED, Cause: cause, OtherRef: another},
	} {
		f.RequestId, f.SubjectRef = "step-"+w.id(), subject
		if _, err := w.consent(t, service("fulfilment")).ApplyFact(deadline(t), f); err != nil {
			t.Fatal(err)
		}
	}
	got, err := w.answers(t, human("dpo")).Explain(deadline(t), &consentv1.ExplainRequest{Question: mail()})
	if err != nil {
		t.Fatal(err)
	}
	want := []*consentv1.ExplainedFact{
		{Fact: consentv1.KnownFact_KNOWN_FACT_RESTRICTED, Count: 2},
		{Fact: consentv1.KnownFact_KNOWN_FACT_MINOR, Count: 1},
		{Fact: consentv1.KnownFact_KNOWN_FACT_MERGED, Count: 1},
	}
	if diff := cmp.Diff(want, got.GetFacts(), protocmp.Transform()); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if got.GetConflictRule() != consentv1.ConflictRule_CONFLICT_RULE_PROTECTION_FIRST || got.GetAnswer().GetAllowed() {
		t.Errorf("explained: %v", got)
	}
}
