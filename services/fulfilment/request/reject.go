package request

import (
	"slices"
	"strconv"
	"time"

	"habeas.internal/services/internal/personal"
)

// Rejection is that a request, or a part of it, is not carried out, and why. Whether
// policy and laws permit the ground, whoever makes one has looked up.
type Rejection struct {
	Ground     string
	Clause     string   // of the policy that lists it
	DPV        []string // its terms
	Rules      []string // provisions that permit it
	Leaves     []uint32 // none: the whole request
	Evidence   string   // reference
	Text       string   // id of the standard text
	Statement  personal.Text
	Complaints string // where the policy sends them
	Authority  string // to which they go on
	Controller string // that decided; empty if the tenant did
	By         string
	ReviewAt   time.Time // when what is left is looked at again
	At         time.Time
}

// Reject rejects the request or leaves of it. Own: they made it themselves. Barred is
// why the ground is none, as whoever has looked says; empty if it is one.
type Reject struct {
	Rejection
	Own    bool
	Barred Refusal
}

// Reopen takes a rejected request up again, once two have signed.
type Reopen struct {
	Reason, By string
	Own        bool
	At         time.Time
}

func (Reject) command() {}
func (Reopen) command() {}

// Rejected says what is not carried out, and why.
type Rejected Rejection

// ReopenProposed says that one has signed.
type ReopenProposed struct {
	Reason, By string
	At         time.Time
}

// Reopened says that a second one has.
type Reopened struct {
	Reason, By, ProposedBy string
	At                     time.Time
}

func (Rejected) event()       {}
func (ReopenProposed) event() {}
func (Reopened) event()       {}

const (
	// ErrNotProven refuses to reject before it is proven who asks.
	ErrNotProven = Refusal("REQUEST_NOT_VERIFIED")
	// ErrLeafEnded refuses to reject a leaf that has ended, or of which something was
	// destroyed.
	ErrLeafEnded = Refusal("LEAF_ALREADY_ENDED")
	// ErrLeafUnknown refuses to reject a leaf that the manifest does not have.
	ErrLeafUnknown = Refusal("LEAF_NOT_FOUND")
	// ErrRejectWhole refuses to reject every single leaf: that is to reject the request.
	ErrRejectWhole = Refusal("REJECT_AS_A_WHOLE")
	// ErrNotRejected refuses to reopen what was not rejected as a whole.
	ErrNotRejected = Refusal("REQUEST_NOT_REJECTED")
	// ErrReopenLate refuses it when the time for that is over.
	ErrReopenLate = Refusal("REOPEN_TOO_LATE")
	// ErrReopenSecond refuses the second signature to whoever gave the first.
	ErrReopenSecond = Refusal("SECOND_PERSON_REQUIRED")
)

// ReopenFor is how long a rejected request can be reopened. What it says of its
// requester is kept until then.
const ReopenFor = 30 * 24 * time.Hour

// reopenMargin lies between the last moment to reopen a request and the destruction
// of what that needs.
const reopenMargin = time.Minute

// TemplateRejected tells why a request was rejected, and where to complain.
const TemplateRejected = "rejected"

// round is a template of this round of the request: one that was reopened tells
// everything again.
func (s Request) round(template string) string {
	if s.Reopenings == 0 {
		return template
	}
	return template + ".r" + strconv.Itoa(s.Reopenings+1)
}

// Rejection is why the whole request was rejected, the last time; false if it is not.
func (s Request) Rejection() (Rejection, bool) {
	if !s.Rejected || len(s.Rejections) == 0 {
		return Rejection{}, false
	}
	return s.Rejections[len(s.Rejections)-1], true
}

// reopenUntil is until when the request can be reopened; zero if it can't be.
func (s Request) reopenUntil() time.Time {
	if r, ok := s.Rejection(); ok {
		return r.At.Add(ReopenFor)
	}
	return time.Time{}
}

// reopenable reports whether what the request says of its requester is still needed.
func (s Request) reopenable(now time.Time) bool {
	return s.Rejected && now.Before(s.reopenUntil().Add(reopenMargin))
}

// rejecting decides rejections and what takes them back.
func rejecting(s Request, cmd Command) ([]Event, error) {
	switch c := cmd.(type) { //nolint:gochecksumtype // Decide chose what concerns rejections
	case Reject:
		return reject(s, c)
	case Reopen:
		return reopen(s, c)
	}
	return nil, errUnknown
}

func reject(s Request, c Reject) ([]Event, error) {
	switch {
	case s.over():
		return refuse("reject", ErrOver)
	case !s.Assured():
		return refuse("reject", ErrNotProven)
	case s.Terms.Instructing.Period != "" && s.Service == "":
		return refuse("reject", ErrControllerDecides)
	case c.Own:
		return refuse("reject", ErrOwnRequest)
	case len(c.Leaves) == 0 && s.touched():
		return refuse("reject", ErrTooLate)
	case c.Barred != "":
		return refuse("reject", c.Barred)
	}
	for _, n := range c.Leaves {
		l, ok := s.leaf(n)
		switch {
		case !ok:
			return refuse("reject", ErrLeafUnknown)
		case l.Ended(), l.Cut:
			return refuse("reject", ErrLeafEnded)
		}
		if y, _ := s.system(l.System); y.busy(c.At) {
			return nil, ErrOutOfStep // somebody is at work on it
		}
	}
	if len(c.Leaves) > 0 && s.rejectsAll(c.Leaves) {
		return refuse("reject", ErrRejectWhole)
	}
	return []Event{Rejected(c.Rejection)}, nil
}

// rejectsAll reports whether nothing would be left to be done without these leaves.
func (s Request) rejectsAll(leaves []uint32) bool {
	return !slices.ContainsFunc(s.Leaves, func(l Leaf) bool {
		return l.Outcome != LeafRejected && !slices.Contains(leaves, l.Leaf)
	})
}

// reopen is decided by two: the first signature is remembered, the second counts.
func reopen(s Request, c Reopen) ([]Event, error) {
	first := s.Reopening
	switch {
	case !s.Rejected || !s.Closed:
		return refuse("reopen", ErrNotRejected)
	case !c.At.Before(s.reopenUntil()) || s.KeyDestroyed:
		return refuse("reopen", ErrReopenLate)
	case c.Own:
		return refuse("reopen", ErrOwnRequest)
	case first.By == "":
		return []Event{ReopenProposed{Reason: c.Reason, By: c.By, At: c.At}}, nil
	case first.By == c.By:
		return refuse("reopen", ErrReopenSecond)
	}
	return []Event{Reopened{Reason: c.Reason, By: c.By, ProposedBy: first.By, At: c.At}}, nil
}

func evolveRejection(s Request, ev Event) Request {
	switch e := ev.(type) { //nolint:gochecksumtype // Evolve chose the events of rejections
	case Rejected:
		s.Rejections = append(slices.Clip(s.Rejections), Rejection(e))
		s.Rejected, s.Since = s.Rejected || len(e.Leaves) == 0, e.At
		if len(e.Leaves) > 0 {
			s = s.withoutLeaves(e)
		}
	case ReopenProposed:
		s.Reopening = e
	case Reopened:
		s = s.again(e)
	}
	return s
}

// withoutLeaves is the request once leaves of it were rejected: what is there of them
// is kept, whatever becomes of the rest.
func (s Request) withoutLeaves(e Rejected) Request {
	for _, n := range e.Leaves {
		s.Leaves = changed(s.Leaves, func(l *Leaf) {
			if l.Leaf == n {
				l.Outcome, l.Because = LeafRejected, Because{Reason: e.Ground, Authority: Rejection(e).authority(), Until: e.ReviewAt}
				if l.Decision != Collect {
					l.Decision = Keep
				}
			}
		})
	}
	s.Approval.Revision++
	for _, y := range s.Systems {
		if allEnded(s.of(y.Name)) {
			s.Failures = others(others(s.Failures, StepErase, y.Name), StepLocate, y.Name)
		}
	}
	s.Failures = others(s.Failures, StepCollect, "")
	return s
}

// authority is on what a rejection rests, in one text.
func (r Rejection) authority() string {
	if len(r.Rules) > 0 {
		return r.Rules[0]
	}
	return r.Clause
}

// again is a rejected request that begins anew where its person was proven. What its
// controller has said is asked for again: the processor does not overrule it.
func (s Request) again(e Reopened) Request {
	s.Closed, s.Rejected, s.Outcome, s.ClosedAt = false, false, NoOutcome, time.Time{}
	s.Placed, s.Active, s.Yielded, s.Behind, s.SameRight, s.DocketLeft = false, false, false, "", false, false
	s.Frozen, s.RestrictionEnded = false, false
	s.Planned, s.Leaves, s.Systems, s.Failures = false, nil, nil, nil
	s.DigestKey, s.Approval = personal.Text{}, Approval{}
	s.Instruction = Instruction{Controller: s.Instruction.Controller}
	s.Reopening, s.Since = ReopenProposed{}, e.At
	s.Reopenings++
	return s
}
