package merge_test

import (
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func (w world) hold(ref string) string {
	w.Helper()
	res, err := w.As(tenant, "dpo").Retention.PlaceHold(stack.Deadline(w), &retentionv1.PlaceHoldRequest{
		RequestId: uuid.NewString(), SubjectRef: ref, Ground: "legal_claim", Authority: "case 7732",
		ReviewAt: timestamppb.New(time.Now().AddDate(0, 6, 0)),
	})
	if err != nil || !res.GetEffective() {
		w.Fatalf("place hold: effective %v, %v", res.GetEffective(), err)
	}
	return res.GetHold()
}

// holds lists the holds that bind a person.
func (w world) holds(ref string) []string {
	w.Helper()
	res, err := w.As(tenant, "dpo").Retention.GetPerson(stack.Deadline(w), &retentionv1.GetPersonRequest{SubjectRef: ref})
	if err != nil {
		w.Fatal(err)
	}
	var out []string
	for _, h := range res.GetHolds() {
		if h.GetReleasedAt() == nil {
			out = append(out, h.GetHold())
		}
	}
	return out
}

// TestAHoldOnTheOneWhoWentKeepsTheOneWhoStays: an erasure of the person waits for
// a hold that was placed on the other before anybody knew that both are one, and
// goes on when that is released by the name of the one who stays.
func TestAHoldOnTheOneWhoWentKeepsTheOneWhoStays(t *testing.T) {
	w := newWorld(t)
	jane, john := w.Register(tenant, janes), w.Register(tenant, johns)
	hold := w.hold(john)
	merge := w.merge(jane, john)
	if got := w.holds(jane); len(got) != 1 || got[0] != hold {
		t.Errorf("of her are shown %v", got)
	}
	w.unmerge(jane, merge)
	if hers, his := w.holds(jane), w.holds(john); len(hers) != 0 || len(his) != 1 {
		t.Errorf("after the merge was undone %v bind her, and %v him", hers, his)
	}
	w.merge(jane, john)
	request := w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, tenant, janes)
	w.Until(tenant, request, "held", func(r *fulfilmentv1.Request) bool {
		for _, l := range r.GetLeaves() {
			if l.GetReason() == "PERSON_ON_HOLD" {
				return true
			}
		}
		return false
	})
	for _, ref := range []string{jane, john} {
		got, err := w.As(tenant, "product").Subjects.GetSubject(stack.Deadline(t), &identityv1.GetSubjectRequest{SubjectRef: ref})
		if err != nil || got.GetState() != identityv1.SubjectState_SUBJECT_STATE_ACTIVE {
			t.Errorf("under a hold: %v, %v", got.GetState(), err)
		}
	}
	_, err := w.As(tenant, "dpo").Retention.ReleaseHold(stack.Deadline(t), &retentionv1.ReleaseHoldRequest{
		RequestId: uuid.NewString(), SubjectRef: jane, Hold: hold,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Closed(tenant, request)
	for _, ref := range []string{jane, john} {
		got, err := w.As(tenant, "product").Subjects.GetSubject(stack.Deadline(t), &identityv1.GetSubjectRequest{SubjectRef: ref})
		if err != nil || got.GetState() != identityv1.SubjectState_SUBJECT_STATE_FORGOTTEN {
			t.Errorf("after the hold: %v, %v", got.GetState(), err)
		}
	}
}
