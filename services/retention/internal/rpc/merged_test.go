package rpc_test

import (
	"fmt"
	"testing"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	jane = subject
	john = "jjjjjjjjjjjjjjjjjjjjjjjjja"
)

// two is a world with two references that may be one person.
type two struct {
	*world
	t         *testing.T
	dpo, saga retentionv1.RetentionServiceClient
	calls     int
}

func newTwo(t *testing.T) *two {
	t.Helper()
	w := newWorld(t)
	out := &two{world: w, t: t, dpo: w.client(t, person("dpo")), saga: w.client(t, service("fulfilment"))}
	putRules(t, out.dpo)
	return out
}

func (w *two) next() string {
	w.calls++
	return fmt.Sprintf("00000000-0000-4000-9000-%012d", w.calls)
}

func (w *two) hold(ref string) *retentionv1.PlaceHoldResponse {
	w.t.Helper()
	res, err := w.dpo.PlaceHold(deadline(w.t), &retentionv1.PlaceHoldRequest{
		RequestId: w.next(), SubjectRef: ref, Ground: "legal_claim", Authority: "Case 4/26", ReviewAt: timestamppb.New(w.now().AddDate(1, 0, 0)),
	})
	if err != nil {
		w.t.Fatalf("place hold: %v", err)
	}
	return res
}

func (w *two) release(ref, hold string) {
	w.t.Helper()
	_, err := w.dpo.ReleaseHold(deadline(w.t), &retentionv1.ReleaseHoldRequest{RequestId: w.next(), SubjectRef: ref, Hold: hold})
	if err != nil {
		w.t.Fatalf("release hold: %v", err)
	}
}

func (w *two) ask(ref string) (string, error) {
	res, err := w.saga.RequestPermit(deadline(w.t), &retentionv1.RequestPermitRequest{
		RequestId: w.next(), SubjectRef: ref, Request: request, System: "shop", Policy: "main",
	})
	return res.GetPermit(), err
}

func (w *two) end(ref, permit string) {
	w.t.Helper()
	_, err := w.saga.EndPermit(deadline(w.t), &retentionv1.EndPermitRequest{RequestId: w.next(), SubjectRef: ref, Permit: permit, RowsDestroyed: 3})
	if err != nil {
		w.t.Fatalf("end permit: %v", err)
	}
}

// free: a reference gets a permit, which is given back.
func (w *two) free(ref string) {
	w.t.Helper()
	permit, err := w.ask(ref)
	if err != nil {
		w.t.Errorf("permit for %s: %v", ref, err)
		return
	}
	w.end(ref, permit)
}

func (w *two) held(ref string) {
	w.t.Helper()
	_, err := w.ask(ref)
	expect(w.t, "a permit for "+ref, err, codes.FailedPrecondition, "PERSON_ON_HOLD")
}

func TestAHoldOnTheOneWhoWentBindsTheOneWhoStays(t *testing.T) {
	w := newTwo(t)
	placed := w.hold(john)
	w.free(jane)
	w.people.merge(john, jane)
	w.held(jane)
	w.held(john)
	res, err := w.dpo.Evaluate(deadline(t), &retentionv1.EvaluateRequest{
		SubjectRef: jane, Policy: "main", Items: []*retentionv1.Item{{System: "shop", Collection: "people", Category: "user.contact"}},
	})
	if err != nil || res.GetVerdicts()[0].GetVerdict() != retentionv1.Verdict_VERDICT_HOLD {
		t.Errorf("evaluated as %v, %v", res, err)
	}
	who, err := w.dpo.GetPerson(deadline(t), &retentionv1.GetPersonRequest{SubjectRef: jane})
	if err != nil || len(who.GetHolds()) != 1 || who.GetHolds()[0].GetHold() != placed.GetHold() {
		t.Errorf("holds %v, %v", who.GetHolds(), err)
	}
	w.people.part()
	w.free(jane)
	w.held(john)
	w.people.merge(john, jane)
	w.release(jane, placed.GetHold()) // by the name of the one who stays
	w.free(jane)
	w.people.part()
	w.free(john)
}

func TestWhatIsOrderedForBothBindsBothUntilItIsReleased(t *testing.T) {
	w := newTwo(t)
	w.people.merge(john, jane)
	first, second := w.hold(john), w.hold(jane)
	who, err := w.dpo.GetPerson(deadline(t), &retentionv1.GetPersonRequest{SubjectRef: john})
	if err != nil || len(who.GetHolds()) != 2 {
		t.Errorf("holds %v, %v", who.GetHolds(), err)
	}
	_, err = w.dpo.ReviewHold(deadline(t), &retentionv1.ReviewHoldRequest{
		RequestId: w.next(), SubjectRef: john, Hold: first.GetHold(), ReviewAt: timestamppb.New(w.now().AddDate(2, 0, 0)),
	})
	if err != nil {
		t.Errorf("review: %v", err)
	}
	w.release(jane, first.GetHold())
	w.held(jane)
	w.people.part()
	w.held(jane)
	w.held(john)
	w.release(john, second.GetHold())
	w.free(john)
	w.held(jane) // whose it was nobody can tell: each has its own now
	w.release(jane, second.GetHold())
	w.free(jane)
}

func TestAHoldSeesThePermitsOfEveryReference(t *testing.T) {
	w := newTwo(t)
	before, err := w.ask(jane)
	if err != nil {
		t.Fatal(err)
	}
	w.people.merge(john, jane)
	placed := w.hold(john) // the permit is hers alone, and he is her now
	if placed.GetEffective() || len(placed.GetOpenPermits()) != 1 {
		t.Errorf("a hold beside an older permit: %v", placed)
	}
	w.end(jane, before)
	w.release(john, placed.GetHold())
	permit, err := w.ask(jane)
	if err != nil {
		t.Fatal(err)
	}
	w.people.part()
	placed = w.hold(john)
	if placed.GetEffective() || len(placed.GetOpenPermits()) != 1 || !placed.GetEffectiveBy().AsTime().After(w.now()) {
		t.Errorf("a hold after the merge was undone, while what was permitted for both goes on: %v", placed)
	}
	w.end(jane, permit) // it ends for him, too, though both are two people again
	if placed = w.hold(john); !placed.GetEffective() {
		t.Errorf("a hold when all is given back: %v", placed)
	}
}

func TestAMergeBetweenTheQuestionAndTheAnswerLeavesNoPermit(t *testing.T) {
	w := newTwo(t)
	placed := w.hold(john)
	start := w.people.asked
	w.people.then = func(asked int) {
		if asked == start+1 { // the first answer still knew of one
			w.people.merge(john, jane)
		}
	}
	_, err := w.ask(jane)
	expect(t, "a permit across a merge", err, codes.Aborted, "PERSON_MERGED")
	w.release(john, placed.GetHold())
	if again := w.hold(jane); !again.GetEffective() {
		t.Errorf("something is left open: %v", again)
	}
}

func TestAMergeWhileAHoldIsPlacedBindsBoth(t *testing.T) {
	w := newTwo(t)
	start := w.people.asked
	w.people.then = func(asked int) {
		if asked == start+1 {
			w.people.merge(john, jane)
		}
	}
	w.hold(john)
	w.people.part()
	w.held(jane)
	w.held(john)
}

func TestTheOneWhoGoesIsBoundFromTheBeginning(t *testing.T) {
	w := newTwo(t)
	w.hold(jane)
	w.people.going = map[string]string{john: jane}
	w.held(john)
}

func TestWithoutIdentityNothingIsPermitted(t *testing.T) {
	w := newTwo(t)
	w.people.code.Store(uint32(codes.Unavailable))
	_, err := w.ask(jane)
	expect(t, "a permit", err, codes.Unavailable, "SUBJECT_NOT_CHECKED")
	_, err = w.dpo.Evaluate(deadline(t), &retentionv1.EvaluateRequest{
		SubjectRef: jane, Policy: "main", Items: []*retentionv1.Item{{System: "shop", Collection: "people", Category: "user.contact"}},
	})
	expect(t, "a verdict", err, codes.Unavailable, "SUBJECT_NOT_CHECKED")
	w.people.code.Store(uint32(codes.NotFound))
	_, err = w.ask(jane)
	expect(t, "a permit for nobody", err, codes.NotFound, "SUBJECT_NOT_FOUND")
	w.later(time.Minute)
	w.people.code.Store(uint32(codes.OK))
	w.free(jane)
}
