package request

import (
	"cmp"
	"slices"
	"time"
)

// Stage is where a request stands. The numbers are the contract's.
type Stage uint8

// The stages.
const (
	Received   Stage = 1
	Waiting    Stage = 2
	Planning   Stage = 3
	Running    Stage = 4
	Concluding Stage = 5
	Over       Stage = 6
)

// Stage is where the request stands.
func (s Request) Stage() Stage {
	switch {
	case s.Closed:
		return Over
	case s.over():
		return Concluding
	case !s.Assured():
		return Received
	case s.Placed && !s.Active:
		return Waiting
	case !s.Planned:
		return Planning
	case !s.done():
		return Running
	}
	return Concluding
}

// Explanation says who must act next, on what, since when, and from when on it
// is overdue.
type Explanation struct {
	Actor     string
	Awaited   string
	System    string
	Category  string // that the reason is about; empty if it is about none
	Reason    string
	Since     time.Time
	OverdueAt time.Time
	NextTryAt time.Time
	// Controller is who is waited for, if the actor is a controller.
	Controller string
	// ByItself is what happens at NextTryAt, where that is no retry.
	ByItself string
}

// PermitOpen is the reason while a system is worked on under a permit: whoever
// takes over from one that died waits for the permit's end.
const PermitOpen = "PERMIT_OPEN"

// DelayRuns is the reason while a request is held, so that whoever was told of it
// can cancel it.
const DelayRuns = "SAFEGUARD_DELAY"

// NoSystems is the reason of a request in whose tenant no system is registered:
// where to look is not known, so that nothing is planned.
const NoSystems = "NO_SYSTEMS"

// NoScope is the reason of a request about a part of the data that no system is
// described as holding.
const NoScope = "SCOPE_NOT_DESCRIBED"

// Who acts.
const (
	ActorPerson     = "person"
	ActorFulfilment = "fulfilment"
	ActorRetention  = "retention"
	ActorSystem     = "system"
	// ActorOwner looks after a system's description, which alone can be mended.
	ActorOwner     = "system_owner"
	ActorNobody    = "nobody"
	ActorApprover  = "approver"
	ActorFulfiller = "fulfiller"
	// ActorController decides on the request; ActorIntake says which one does.
	ActorController = "controller"
	ActorIntake     = "intake"
)

// Explain says how the request stands. Every state that is not closed has an
// actor, something awaited, a beginning and a moment of being overdue.
func Explain(s Request) Explanation {
	x := Explanation{Actor: ActorFulfilment, Since: s.Since, OverdueAt: s.Terms.DueAt}
	switch {
	case s.Closed:
		return explainRest(s)
	case s.over():
		x.Awaited = "request.close"
	case !s.Assured() && s.Verification == "":
		x.Awaited = "verification.start"
	case s.SubjectRef == "":
		x.Actor, x.Awaited, x.NextTryAt = ActorPerson, "verification.code", s.VerificationAt
		if x.OverdueAt.IsZero() || s.VerificationAt.Before(x.OverdueAt) { // the law's day may be over already
			x.OverdueAt = s.VerificationAt
		}
	case !s.Assured():
		x.Actor, x.Awaited, x.Reason, x.OverdueAt = ActorPerson, "verification.more", TooLow, s.proveBy()
		return x
	case s.AwaitsInstruction() && (s.Instruction.Controller == "" || !s.Instruction.AskedAt.IsZero()):
		return explainInstruction(s, x)
	case !s.Placed && !s.DelayUntil.IsZero(): // the person may cancel it meanwhile
		x.Actor, x.Awaited, x.Reason, x.NextTryAt = ActorFulfilment, "delay.end", DelayRuns, s.DelayUntil
		return withFailure(s, x)
	case s.Placed && !s.Active: // what failed before is not what it waits for now
		x.Awaited = "docket.turn"
		return x
	case s.AwaitsInstruction():
		x.Awaited = "controller.ask"
	case !s.Planned:
		x.Awaited = "manifest.commit"
	case s.AwaitsApproval():
		return explainApproval(s, x)
	case !s.done():
		return explainWork(s, x)
	default:
		x.Awaited = "request.close"
	}
	return withFailure(s, x)
}

// MandateRevoked is the reason of a request that ends with the time for its proof, or
// as soon as the proof is there: the person has taken back what its agent may ask.
const MandateRevoked = "MANDATE_REVOKED"

// Stopped explains an agent's request, not placed yet, whose mandate is gone.
func Stopped(s Request) Explanation {
	return Explanation{
		Actor: ActorFulfilment, Awaited: "verification.end", Reason: MandateRevoked, Since: s.Since, OverdueAt: s.Terms.DueAt,
		NextTryAt: cmp.Or(s.DelayUntil, s.proveBy()),
	}
}

// left are the steps after the closing that have failed and are tried again. That
// nobody can be written to tells whether somebody is known, and is not told while
// nobody has proven who asks.
func (s Request) left() []Failure {
	after := []Step{StepLeave, StepNotify, StepDestroyKey, StepExpire, StepFinish, StepNeed}
	if s.SubjectRef == "" {
		after = []Step{StepDestroyKey, StepFinish}
	}
	return slices.DeleteFunc(slices.Clone(s.Failures), func(f Failure) bool {
		return s.Finished || !slices.Contains(after, f.Step)
	})
}

// explainRest says what a closed request still waits for: of the steps that fail
// the one that is tried first.
func explainRest(s Request) Explanation {
	x := Explanation{Actor: ActorNobody, Awaited: "nothing", Since: s.ClosedAt}
	for _, f := range s.left() {
		if x.NextTryAt.IsZero() || f.NextTryAt.Before(x.NextTryAt) {
			x = Explanation{
				Actor: ActorFulfilment, Awaited: string(f.Step) + ".retry", Reason: f.Reason, Since: s.ClosedAt,
				OverdueAt: s.Terms.DueAt, NextTryAt: f.NextTryAt,
			}
		}
	}
	return x
}

// withFailure adds the step that keeps the request where it is.
func withFailure(s Request, x Explanation) Explanation {
	for _, f := range s.Failures {
		if f.Step == StepNeed { // it keeps nothing from going on
			continue
		}
		if x.NextTryAt.IsZero() || f.NextTryAt.Before(x.NextTryAt) || x.Actor == ActorFulfilment {
			x.Awaited, x.System, x.Reason, x.NextTryAt = string(f.Step)+".retry", cmp.Or(f.System, f.In), f.Reason, f.NextTryAt
			x.Category = f.Category
			switch {
			case f.Category != "":
				x.Actor = ActorOwner
			case x.System != "":
				x.Actor = ActorSystem
			case f.Reason == NoSystems, f.Reason == NoScope:
				x.Actor, x.Awaited = ActorOwner, "system.register"
			case f.Step == StepForget && f.Reason == OnHold:
				x.Actor, x.Awaited = ActorRetention, "hold.release"
			}
		}
	}
	return x
}

// explainWork names the system that is waited for longest: first one that
// fails, then one that a hold binds, then one that is being worked on.
func explainWork(s Request, x Explanation) Explanation {
	var failing, held, busy *System
	for i, y := range s.Systems {
		_, failed := s.failure(StepErase, y.Name)
		_, lost := s.failure(StepLocate, y.Name)
		switch {
		case allEnded(s.of(y.Name)):
		case y.Deferred != "":
			held = earlier(held, &s.Systems[i])
		case failed || lost:
			failing = earlier(failing, &s.Systems[i])
		default:
			busy = earlier(busy, &s.Systems[i])
		}
	}
	switch {
	case failing != nil:
		f, ok := s.failure(StepErase, failing.Name)
		if !ok {
			f, _ = s.failure(StepLocate, failing.Name)
		}
		x.Actor, x.Awaited, x.System, x.Reason = ActorSystem, "leaf.retry", failing.Name, f.Reason
		x.Since, x.NextTryAt, x.Category = failing.Since, f.NextTryAt, f.Category
		if f.Category != "" {
			x.Actor = ActorOwner
		}
	case held != nil:
		f, _ := s.failure(StepErase, held.Name)
		x.Actor, x.Awaited, x.System, x.Reason = ActorRetention, "hold.release", held.Name, held.Deferred
		x.Since, x.NextTryAt = held.Since, f.NextTryAt
	default:
		x.Awaited = "leaf.carry"
		if busy != nil {
			x.System, x.Since = busy.Name, busy.Since
			if busy.Permit != "" { // whoever has it is at work, or has died and left it open
				x.Reason, x.NextTryAt = PermitOpen, busy.PermitAt
			}
		}
		return withFailure(s, x)
	}
	return x
}

func allEnded(leaves []Leaf) bool {
	for _, l := range leaves {
		if !l.Ended() {
			return false
		}
	}
	return true
}

func earlier(a, b *System) *System {
	if a == nil || b.Since.Before(a.Since) {
		return b
	}
	return a
}

// WaitsFor is the reason code why a system's leaves are not carried out yet;
// empty when nothing stands in the way.
func (s Request) WaitsFor(system string) string {
	y, _ := s.system(system)
	if y.Deferred != "" {
		return y.Deferred
	}
	for _, step := range []Step{StepErase, StepLocate} {
		if f, failed := s.failure(step, system); failed {
			return f.Reason
		}
	}
	return ""
}
