package merge_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/sqltest"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const tenant = "caseworks"

type world struct {
	*testing.T
	*stack.Stack
}

// dataset describes the one system that holds people.
const dataset = `dataset:
  - fides_key: shop
    collections:
      - name: held
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: address, data_categories: [account.email], fides_meta: {identity: email}}
`

func newWorld(t *testing.T) world {
	t.Helper()
	s := stack.New(t)
	db := sqltest.SQLite(t, "CREATE TABLE held (id INTEGER PRIMARY KEY, address TEXT)")
	s.Connections[tenant+"/shop"] = db.DSN
	s.Start()
	s.Tenant(tenant)
	s.Employ(tenant, "case.identity")
	s.Publish(tenant, tenant, time.Now().Add(-time.Hour))
	s.System(tenant, "shop", fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE, []byte(dataset))
	testwait.For(t, 30*time.Second, func() error {
		_, err := s.As(tenant, "dpo").Retention.GetSchedule(stack.Deadline(t), &retentionv1.GetScheduleRequest{Policy: tenant})
		return err
	})
	for _, address := range []string{janes, johns} {
		db.Run(t, "INSERT INTO held (address) VALUES (?)", address)
	}
	return world{t, s}
}

const janes, johns = "jane@people.example", "john@people.example"

func (w world) merges(stays, goes string) (*identityv1.MergeSubjectsResponse, error) {
	return w.As(tenant, "verifier").Merges.MergeSubjects(stack.For(stack.Deadline(w), "case.identity"), &identityv1.MergeSubjectsRequest{
		RequestId: uuid.NewString(), SubjectRef: stays, OtherRef: goes, Evidence: "case:7",
	})
}

func (w world) merge(stays, goes string) string {
	w.Helper()
	res, err := w.merges(stays, goes)
	if err != nil {
		w.Fatalf("merge: %v", err)
	}
	return res.GetMerge()
}

func (w world) unmerge(ref, merge string) *identityv1.Merge {
	w.Helper()
	res, err := w.As(tenant, "dpo").Merges.UnmergeSubjects(stack.For(stack.Deadline(w), "case.identity"), &identityv1.UnmergeSubjectsRequest{
		RequestId: uuid.NewString(), SubjectRef: ref, Merge: merge, Reason: "wrong_person",
	})
	if err != nil {
		w.Fatalf("unmerge: %v", err)
	}
	return res.GetMerge()
}

func email(value string) *identityv1.Identifier {
	return &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: value}
}

func (w world) resolves(value, want string) {
	w.Helper()
	res, err := w.As(tenant, "product").Subjects.ResolveSubject(stack.Deadline(w), &identityv1.ResolveSubjectRequest{Identifier: email(value)})
	if err != nil || res.GetSubjectRef() != want {
		w.Errorf("%s leads to %s, %v; want %s", value, res.GetSubjectRef(), err, want)
	}
}

func (w world) refuses(ref string) {
	w.Helper()
	_, err := w.As(tenant, "product").Consent.RecordDecision(stack.Deadline(w), &consentv1.RecordDecisionRequest{
		RequestId: uuid.NewString(), SubjectRef: ref, Policy: tenant, Evidence: "form:7", DecidedAt: timestamppb.Now(),
		Choices: []*consentv1.Choice{{
			Purpose: "trends.track", Decision: consentv1.Decision_DECISION_REFUSED, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
		}},
	})
	if err != nil {
		w.Fatal(err)
	}
}

func (w world) answers(ref, want string) {
	w.Helper()
	if err := w.expect(ref, want); err != nil {
		w.Error(err)
	}
}

// expect asks consent about a person, and is an error if the reason is another one.
func (w world) expect(ref, want string) error {
	w.Helper()
	res, err := w.As(tenant, "product").Consent.Check(stack.Deadline(w), &consentv1.CheckRequest{Question: &consentv1.Question{
		SubjectRef: ref, Policy: tenant, Purpose: "trends.track", Categories: []string{"cookie.browser_id"},
		Action: consentv1.Action_ACTION_USE, Source: consentv1.Source_SOURCE_COOKIE,
	}})
	if err != nil || res.GetAnswer().GetReason() != want {
		return fmt.Errorf("got %s, %w; want %s", res.GetAnswer().GetReason(), err, want)
	}
	return nil
}

func (w world) identifiers(ref string) []string {
	w.Helper()
	res, err := w.As(tenant, "verifier").Subjects.ListIdentifiers(stack.For(stack.Deadline(w), "case.identity"), &identityv1.ListIdentifiersRequest{SubjectRef: ref})
	if err != nil {
		w.Fatal(err)
	}
	var out []string
	for _, id := range res.GetIdentifiers() {
		out = append(out, id.GetValue())
	}
	return out
}

func TestAWrongMergeIsUndoneAndListsWhatItTouched(t *testing.T) {
	w := newWorld(t)
	jane, john := w.Register(tenant, janes), w.Register(tenant, johns)
	w.refuses(john)
	w.answers(jane, "NOT_OPTED_OUT")
	merge := w.merge(jane, john)
	w.resolves(johns, jane)
	w.answers(jane, "OPTED_OUT")
	w.answers(john, "OPTED_OUT")
	for _, ref := range []string{jane, john} {
		if got := w.identifiers(ref); !slices.Equal(got, []string{janes, johns}) {
			t.Errorf("shown %v", got)
		}
	}
	request := w.Ask(tenant, fulfilmentv1.Right_RIGHT_ACCESS, tenant, janes)
	w.Closed(tenant, request)
	m := w.unmerge(jane, merge)
	if m.GetReads() < 2 || m.GetUnmergedAt() == nil || m.GetOtherRef() != john {
		t.Errorf("the merge is told as %v", m)
	}
	w.touched(m, identityv1.TouchKind_TOUCH_KIND_PACKAGE, request)
	w.resolves(johns, john)
	w.answers(jane, "NOT_OPTED_OUT")
	w.answers(john, "OPTED_OUT")
	if got := w.identifiers(jane); !slices.Equal(got, []string{janes}) {
		t.Errorf("shown %v", got)
	}
	w.factsPrecede(jane, john)
	w.merge(john, jane) // the other way round, and anew
	w.resolves(janes, john)
}

// touched: one thing was done to them as one, in the name of a request.
func (w world) touched(m *identityv1.Merge, kind identityv1.TouchKind, request string) {
	w.Helper()
	if got := m.GetTouches(); len(got) != 1 || got[0].GetKind() != kind || got[0].GetReference() != request {
		w.Errorf("touched: %v; want %v by %s", got, kind, request)
	}
}

// factsPrecede: consent knew of the merge before identity recorded it.
func (w world) factsPrecede(refs ...string) {
	w.Helper()
	var merged time.Time
	facts := 0
	entries := w.Replay(audit.Filter{Tenant: tenant})
	for _, e := range entries {
		for _, ev := range e.Events {
			if merged.IsZero() && ev.Type == "subject.merged" {
				merged = e.Stored
			}
		}
	}
	for _, e := range entries {
		for _, ev := range e.Events {
			if ev.Type == "person.fact_applied" && slices.Contains(refs, e.ID) && ev.Data["other"] != nil && e.Stored.Before(merged) {
				facts++
			}
		}
	}
	if facts != len(refs) {
		w.Errorf("%d of %d facts precede the merge", facts, len(refs))
	}
}

func TestAnErasureEndsBothAndIsListed(t *testing.T) {
	w := newWorld(t)
	jane, john := w.Register(tenant, janes), w.Register(tenant, johns)
	merge := w.merge(jane, john)
	request := w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, tenant, janes)
	w.Closed(tenant, request)
	for _, ref := range []string{jane, john} {
		got, err := w.As(tenant, "product").Subjects.GetSubject(stack.Deadline(t), &identityv1.GetSubjectRequest{SubjectRef: ref})
		if err != nil || got.GetState() != identityv1.SubjectState_SUBJECT_STATE_FORGOTTEN {
			t.Errorf("after an erasure: %v, %v", got.GetState(), err)
		}
		w.answers(ref, "PERSON_ERASED")
	}
	destroyed := map[string]bool{}
	for _, e := range w.Replay(audit.Filter{Tenant: tenant}) {
		for _, ev := range e.Events {
			if ev.Type == "keyring.key_destroyed" {
				destroyed[e.ID] = true
			}
		}
	}
	if !destroyed["subject-"+jane] || !destroyed["subject-"+john] {
		t.Errorf("keys that ended: %v", destroyed)
	}
	m := w.unmerge(jane, merge)
	w.touched(m, identityv1.TouchKind_TOUCH_KIND_ERASURE, request)
}

func TestAVisitIsNeverMerged(t *testing.T) {
	w := newWorld(t)
	jane := w.Register(tenant, janes)
	res, err := w.As(tenant, "product").Subjects.RegisterSubject(stack.Deadline(t), &identityv1.RegisterSubjectRequest{
		RequestId: uuid.NewString(), Identifiers: []*identityv1.Identifier{{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_ANALYTICS, Value: "visit-1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{jane, res.GetSubjectRef()}, {res.GetSubjectRef(), jane}} {
		_, err = w.merges(pair[0], pair[1])
		if code, reason, _ := stack.Answer(err); code != codes.FailedPrecondition || reason != "IDENTIFIER_IS_ANALYTICS" {
			t.Errorf("got %v %s", code, reason)
		}
	}
	w.resolves(janes, jane)
	if _, err := w.merges(jane, jane); err == nil {
		t.Error("somebody is merged with themselves")
	}
	john := w.Register(tenant, johns)
	w.merge(jane, john) // whom a visit declined is free
}
