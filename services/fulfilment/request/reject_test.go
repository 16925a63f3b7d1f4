package request_test

import (
	"testing"
	"time"

	"habeas.internal/services/fulfilment/request"
)

// rejected is an erasure that was rejected as a whole, and closed.
func rejected(more ...request.Event) []request.Event {
	return with(with(verified(), request.Rejected(rejection()), request.Closed{Outcome: request.RejectedWhole, At: noon()}), more...)
}

func rejections() []decision {
	no := request.Reject{Rejection: rejection()}
	own, barred, part, both, none := no, no, no, no, no
	own.Own, barred.Barred = true, "DECLINE_GROUND_NOT_LISTED"
	part.Leaves, both.Leaves, none.Leaves = []uint32{1}, []uint32{1, 2}, []uint32{7}
	two := planned(erases(), leaf(2, "crm", request.Erase))
	cut := request.ChangesAnnounced{System: "shop", Attempt: 1, Leaves: []request.Done{{Leaf: 1, Deleted: 2}}, At: noon()}
	late := part
	late.At = after(time.Hour)
	sign := func(who string, at time.Time) request.Command {
		return request.Reopen{Reason: "complaint_upheld", By: who, At: at}
	}
	first := request.ReopenProposed{Reason: "complaint_upheld", By: anna, At: noon()}
	reopened := request.Reopened{Reason: "complaint_upheld", By: fred, ProposedBy: anna, At: noon()}
	mine := request.Reopen{Reason: "x", By: fred, Own: true, At: noon()}
	return []decision{
		{"a request is rejected", verified(), no, one(request.Rejected(rejection())), nil},
		{"nobody rejects their own", verified(), own, refused("reject", request.ErrOwnRequest), request.ErrOwnRequest},
		{"not on a ground that is none", verified(), barred, refused("reject", "DECLINE_GROUND_NOT_LISTED"), request.Refusal("DECLINE_GROUND_NOT_LISTED")},
		{"not before it is proven who asks", one(submitted(request.Erasure)), no, refused("reject", request.ErrNotProven), request.ErrNotProven},
		{"not twice", rejected(), no, refused("reject", request.ErrOver), request.ErrOver},
		{"not once a system was begun", with(two, started(2)), no, refused("reject", request.ErrTooLate), request.ErrTooLate},
		{"a part is rejected", two, part, one(request.Rejected(part.Rejection)), nil},
		{"a part that was begun and of which nothing was destroyed is rejected", with(two, started(2)), late, one(request.Rejected(late.Rejection)), nil},
		{"not while somebody is at work on it", with(two, started(2)), withAt(part, noon()), nil, request.ErrOutOfStep},
		{"not once something of it was destroyed", with(two, started(2), cut), late, refused("reject", request.ErrLeafEnded), request.ErrLeafEnded},
		{"not a part that is not there", two, none, refused("reject", request.ErrLeafUnknown), request.ErrLeafUnknown},
		{"not every part by itself", two, both, refused("reject", request.ErrRejectWhole), request.ErrRejectWhole},
		{"one signs under a reopening", rejected(), sign(anna, noon()), one(first), nil},
		{"one alone does not reopen", rejected(first), sign(anna, noon()), refused("reopen", request.ErrReopenSecond), request.ErrReopenSecond},
		{"a second one does", rejected(first), sign(fred, noon()), one(reopened), nil},
		{"nobody reopens their own", rejected(first), mine, refused("reopen", request.ErrOwnRequest), request.ErrOwnRequest},
		{"not after its time", rejected(first), sign(fred, after(request.ReopenFor)), refused("reopen", request.ErrReopenLate), request.ErrReopenLate},
		{"only what was rejected is reopened", with(verified(), request.Withdrawn{At: noon()}, request.Closed{Outcome: request.WithdrawnByPerson, At: noon()}), sign(anna, noon()), refused("reopen", request.ErrNotRejected), request.ErrNotRejected},
		{"retrying leaves it rejected", rejected(), request.Retry{At: noon()}, refused("retry", request.ErrOver), request.ErrOver},
		{"submitting it again leaves it rejected", rejected(), request.Submit{At: noon()}, nil, nil},
		{"withdrawing leaves it rejected", verifiedAnd(request.Rejected(rejection())), request.Withdraw{At: noon()}, refused("withdraw", request.ErrOver), request.ErrOver},
		{"its turn leaves it rejected", verifiedAnd(request.Rejected(rejection())), request.Activate{At: noon()}, nil, request.ErrOutOfStep},
		{"another proof leaves it rejected", verifiedAnd(request.Rejected(rejection())), request.Verify{SubjectRef: subject, Level: 4, At: noon()}, nil, request.ErrOutOfStep},
	}
}

func withAt(r request.Reject, at time.Time) request.Reject {
	r.At = at
	return r
}

func verifiedAnd(more ...request.Event) []request.Event { return with(verified(), more...) }

// TestAReopenedRequestBeginsAgain where its person was proven, and asks its
// controller again; what was told is told again under another name.
func TestAReopenedRequestBeginsAgain(t *testing.T) {
	again := request.Reopened{Reason: "x", By: fred, ProposedBy: anna, At: noon()}
	s := fold(rejected(request.DocketLeft{}, again))
	if s.Closed || s.Rejected || s.Outcome != 0 || s.DocketLeft || s.Stage() != request.Planning || s.SubjectRef != subject || len(s.Rejections) != 1 {
		t.Errorf("after the reopening: stage %d, %+v", s.Stage(), s)
	}
	s = request.Evolve(s, request.Rejected(rejection()))
	if got := s.Conclusion(); got != "rejected.r2" {
		t.Errorf("the second rejection is told as %q", got)
	}
	given := request.InstructionGiven{Controller: acme, By: anna, At: noon()}
	c := fold(heldBy(acme, asked(), given, request.Rejected(rejection()), request.Closed{Outcome: request.RejectedWhole, At: noon()}, again))
	if !c.AwaitsInstruction() || c.Instruction.Controller != acme || !c.Instruction.AskedAt.IsZero() {
		t.Errorf("the controller is not asked again: %+v", c.Instruction)
	}
}

// TestWhatIsRejectedStays, whatever becomes of the rest.
func TestWhatIsRejectedStays(t *testing.T) {
	part := rejection()
	part.Leaves = []uint32{1}
	s := fold(with(planned(erases(), leaf(2, "crm", request.Erase)), request.Rejected(part)))
	l := s.LeavesOf("shop")[0]
	if l.Outcome != request.LeafRejected || l.Decision != request.Keep || l.Why().Reason != "legal_claims" {
		t.Errorf("the leaf is %+v", l)
	}
	for _, e := range request.Next(s, noon()) {
		if e.System == "shop" {
			t.Errorf("%s is due in the system that was rejected", e.Step)
		}
	}
	s = request.Evolve(s, request.LeavesCompleted{System: "crm", Leaves: []request.Ended{{Done: request.Done{Leaf: 2}, Outcome: request.Erased}}, At: noon()})
	if got := s.Verdict(); got != request.PartlyRejected {
		t.Errorf("it ends as %d", got)
	}
}

// TestWhatARejectedRequestSaysOfItsRequesterIsKeptUntilItCantBeReopened, and no longer.
func TestWhatARejectedRequestSaysOfItsRequesterIsKeptUntilItCantBeReopened(t *testing.T) {
	s := fold(rejected(request.DocketLeft{}, request.NoticeOwed{Notice: notice, Template: "rejected"}, request.NoticeEnded{Notice: notice, Sent: true}))
	keyDue := func(at time.Time) bool {
		for _, e := range request.Next(s, at) {
			if e.Step == request.StepDestroyKey {
				return true
			}
		}
		return false
	}
	end := request.Wake(s, noon())
	if keyDue(noon()) || keyDue(after(request.ReopenFor)) || !keyDue(end) || end.Before(after(request.ReopenFor)) || end.After(after(request.ReopenFor+time.Hour)) {
		t.Errorf("its key ends at %v", end)
	}
}
