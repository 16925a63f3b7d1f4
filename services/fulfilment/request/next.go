package request

import (
	"slices"
	"time"
)

// Step is something that the request's process has to do outside.
type Step string

// The steps, in the order of a request's life.
const (
	StepAcknowledge Step = "acknowledge"
	StepVerify      Step = "verify"
	StepFollowUp    Step = "follow_up"
	StepGiveUp      Step = "give_up"
	StepMore        Step = "ask_for_more"
	StepDelay       Step = "delay"
	StepContact     Step = "contact"
	StepEnter       Step = "enter"
	StepFreeze      Step = "freeze"
	StepPlan        Step = "plan"
	StepLocate      Step = "locate"
	StepErase       Step = "erase"
	StepCollect     Step = "collect"
	StepState       Step = "state_retained"
	StepTell        Step = "tell_recipients"
	StepForget      Step = "forget"
	StepUnfreeze    Step = "unfreeze"
	StepNotify      Step = "notify"
	StepClose       Step = "close"
	StepLeave       Step = "leave"
	StepExpire      Step = "expire_package"
	StepDestroyKey  Step = "destroy_key"
	StepFinish      Step = "finish"
	StepNeed        Step = "case_need"
	StepReview      Step = "review_manifest"
	StepAsk         Step = "ask_controller"
	StepRemind      Step = "tell_controller"
)

// Effect is a step that is due, on a system if it is about one.
type Effect struct {
	Step   Step
	System string
}

// Next lists what is due at a moment. It follows from the state alone, so that
// whoever takes over after a crash does what is left and nothing else.
func Next(s Request, now time.Time) []Effect {
	var due []Effect
	for _, e := range pending(s, now) {
		if f, failed := s.failure(e.Step, e.System); !failed || !now.Before(f.NextTryAt) {
			due = append(due, e)
		}
	}
	return due
}

// Wake is the next moment at which something becomes due by itself; zero if
// nothing does.
func Wake(s Request, now time.Time) time.Time {
	var at time.Time
	add := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for _, e := range pending(s, now) {
		if f, failed := s.failure(e.Step, e.System); failed {
			add(f.NextTryAt)
		} else {
			add(now)
		}
	}
	if s.Submitted && !s.over() && s.SubjectRef == "" && now.Before(s.VerificationAt) {
		add(s.VerificationAt)
	}
	if !s.over() && s.SubjectRef != "" && !s.Assured() {
		add(s.proveBy())
	}
	if !s.over() && !s.Placed && now.Before(s.DelayUntil) {
		add(s.DelayUntil)
	}
	if s.AwaitsInstruction() && s.Assured() {
		if template, next := s.ToController(); template != "" {
			add(next)
		}
	}
	if s.Closed && s.reopenable(now) {
		add(s.reopenUntil().Add(reopenMargin))
	}
	if s.Stage() == Waiting {
		add(now.Add(turnLookedAt))
	}
	for _, y := range s.Systems {
		if !s.Closed && y.busy(now) && !allEnded(s.of(y.Name)) {
			add(y.PermitAt)
		}
	}
	if s.Package.Live(now) {
		add(s.Package.ExpiresAt)
	}
	return at
}

// turnLookedAt is how often a request that waits asks the docket for its turn, even
// if nobody says that it has come.
const turnLookedAt = 6 * time.Hour

// Held reports whether a hold, or that nobody has approved, keeps the request from
// going on, while nobody is at work on any system of it.
func (s Request) Held(now time.Time) bool {
	if s.over() || !s.Active || s.Forgotten {
		return false
	}
	f, failed := s.failure(StepForget, "")
	held := failed && f.Reason == OnHold || s.AwaitsApproval()
	for _, y := range s.Systems {
		if allEnded(s.of(y.Name)) {
			continue
		}
		if y.busy(now) {
			return false
		}
		held = held || y.Deferred != ""
	}
	return held
}

// InDocket reports whether the request has a place in the person's docket, and is
// not over.
func (s Request) InDocket() bool { return s.Placed && !s.over() }

// pending lists what is to be done, whether or not it is tried again yet.
func pending(s Request, now time.Time) []Effect {
	if !s.Submitted || s.Finished {
		return nil
	}
	return append(s.staffed(now), onward(s, now)...)
}

// onward is what brings the request itself on.
func onward(s Request, now time.Time) []Effect {
	switch {
	case !s.owed(TemplateAcknowledged) && !s.Closed && !s.Partial():
		return one(StepAcknowledge)
	case s.Closed:
		return afterwards(s, now)
	case s.over() && s.restricted():
		return one(StepUnfreeze)
	case s.over():
		return one(StepClose)
	case s.SubjectRef == "":
		return verifying(s, now)
	case !s.Assured():
		return better(s, now)
	case !s.ContactNoted && !s.Partial():
		return one(StepContact)
	case s.delays(), s.telling():
		return one(StepDelay)
	case !s.Placed && now.Before(s.DelayUntil):
		return nil
	case s.AwaitsInstruction():
		return s.instructing(now)
	case !s.Placed:
		return one(StepEnter)
	case !s.Active:
		return nil // it asks the docket whenever it is woken
	case s.whole() && !s.Frozen:
		return one(StepFreeze)
	case !s.Planned:
		return one(StepPlan)
	case !s.done():
		return working(s, now)
	}
	return concluding(s)
}

// restricted reports whether consent may restrict the person because of this
// request: it is told first, and a withdrawal may have come in between.
func (s Request) restricted() bool {
	return s.whole() && (s.Active || s.Yielded) && !s.RestrictionEnded
}

func one(step Step) []Effect { return []Effect{{Step: step}} }

func verifying(s Request, now time.Time) []Effect {
	switch {
	case s.Verification == "":
		return one(StepVerify)
	case !now.Before(s.VerificationAt):
		return one(StepFollowUp)
	}
	return nil
}

// working has an effect for each system: none waits for another.
func working(s Request, now time.Time) []Effect {
	if s.Right.Shows() && s.After != "" {
		return one(StepState)
	}
	if s.Right.Shows() {
		return one(StepCollect)
	}
	if s.Approval.Review {
		if slices.ContainsFunc(s.Systems, func(y System) bool { return y.busy(now) && !allEnded(s.of(y.Name)) }) {
			return nil // what is approved there is being carried out
		}
		return one(StepReview)
	}
	var out []Effect
	for _, y := range s.Systems {
		leaves := s.of(y.Name)
		switch {
		case allEnded(leaves), y.busy(now):
		case slices.ContainsFunc(leaves, func(l Leaf) bool { return l.Decision == Undecided }):
			out = append(out, Effect{StepLocate, y.Name})
		case s.AwaitsApproval(): // nothing is destroyed before
		default:
			out = append(out, Effect{StepErase, y.Name})
		}
	}
	return out
}

// busy reports whether somebody may be at work on the system: a try that was
// begun under a permit is left alone until it ends.
func (y System) busy(now time.Time) bool { return y.Permit != "" && now.Before(y.PermitAt) }

func concluding(s Request) []Effect {
	if s.whole() {
		switch {
		case s.Approval.Review:
			return one(StepReview)
		case s.AwaitsApproval():
			return nil
		case !s.RecipientsTold:
			return one(StepTell)
		case !s.Forgotten:
			return one(StepForget)
		case !s.RestrictionEnded:
			return one(StepUnfreeze)
		}
	}
	if !s.Partial() && !s.owed(s.Conclusion()) {
		return one(StepNotify)
	}
	return one(StepClose)
}

// afterwards is what remains of a closed request.
func afterwards(s Request, now time.Time) []Effect {
	var out []Effect
	if s.SubjectRef != "" && !s.DocketLeft { // it may have a place there, even if nobody wrote that down here
		out = append(out, Effect{Step: StepLeave})
	}
	conclusion := s.Conclusion()
	reachable := s.ContactNoted || conclusion == TemplateNotVerified // by what the request brought
	if conclusion != "" && reachable && !s.KeyDestroyed && !s.owed(conclusion) {
		out = append(out, Effect{Step: StepNotify})
	} else if !s.KeyDestroyed && s.told() && !s.reopenable(now) {
		out = append(out, Effect{Step: StepDestroyKey})
	}
	live := s.Package.Name != "" && !s.Package.Expired
	if live && !s.Package.Live(now) {
		out = append(out, Effect{Step: StepExpire})
	}
	if len(out) == 0 && !live && s.KeyDestroyed && len(s.staffed(now)) == 0 {
		out = one(StepFinish)
	}
	return out
}

// The messages that a person is owed.
const (
	TemplateAcknowledged = "acknowledged"
	TemplateErased       = "erased"
	TemplateReady        = "package_ready"
	TemplateListed       = "disclosures_listed"
	TemplateNoneListed   = "disclosures_none"
	TemplateListedBefore = "disclosures_listed_before"
	TemplateRetained     = "retained"
	TemplateNothing      = "nothing_held"
	TemplateWithdrawn    = "withdrawn"
	TemplateDuplicate    = "duplicate"
	TemplateNotVerified  = "not_verified"
	TemplateIncomplete   = "incomplete"
	TemplateCancelled    = "cancelled"
	TemplateDelayed      = "delayed"
	TemplateMore         = "more_needed"
)

// Conclusion is the message that tells how the request ended; empty if none is
// owed.
func (s Request) Conclusion() string {
	if s.Partial() { // nobody has asked for it
		return ""
	}
	outcome := s.Outcome
	if !s.Closed {
		outcome = s.Verdict()
	}
	if t := s.listing(outcome); t != "" {
		return t
	}
	switch outcome {
	case Complete, CompleteWithRetained:
		switch {
		case s.After != "":
			return TemplateRetained
		case s.Right == Access:
			return TemplateReady
		}
		return TemplateErased
	case NothingHeld:
		return TemplateNothing
	case WithdrawnByPerson:
		return TemplateWithdrawn
	case CancelledByPerson:
		return TemplateCancelled
	case RejectedWhole:
		return s.round(TemplateRejected)
	case PartlyRejected:
		if s.Right == Access && s.Package.Ready {
			return TemplateReady // it says what is not in it
		}
		return TemplateErased
	case Duplicate:
		return TemplateDuplicate
	case Incomplete:
		if s.Right == Access && s.Package.Ready {
			return TemplateReady // it says what is not in it
		}
		return TemplateIncomplete
	case NotVerified:
		if !s.Assured() && s.Service == "" { // a service has no mailbox
			return TemplateNotVerified
		}
	case NoOutcome:
	}
	return ""
}

// listing is the message that goes with a list; empty where another does.
func (s Request) listing(outcome Outcome) string {
	switch {
	case !s.Right.Lists():
	case outcome == Complete:
		return TemplateListed
	case outcome == NothingHeld:
		return TemplateNoneListed
	case outcome == Duplicate && s.Right == DisclosureList:
		return TemplateListedBefore
	}
	return ""
}

func (s Request) owed(template string) bool {
	return slices.ContainsFunc(s.Notices, func(n Notice) bool { return n.Template == template })
}

// told reports whether no message is under way.
func (s Request) told() bool {
	return !slices.ContainsFunc(s.Notices, func(n Notice) bool { return !n.Ended })
}
