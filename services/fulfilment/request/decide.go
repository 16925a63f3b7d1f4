package request

import (
	"errors"
	"slices"
	"time"
)

var (
	// ErrNoRequest says that there is no such request.
	ErrNoRequest = errors.New("request does not exist")
	// ErrInFuture says that a request would have been received later than now.
	ErrInFuture = errors.New("request would be received in the future")
	// ErrOutOfStep says that the request is not where the command belongs; its
	// process reads the state again.
	ErrOutOfStep = errors.New("request is not at this step")
	// ErrNotReread says that rows would count as erased before anybody looked.
	ErrNotReread = errors.New("erased leaf was not read again")
	// ErrNotInManifest says that a command speaks of a part that the manifest
	// does not have, or decides otherwise.
	ErrNotInManifest = errors.New("leaf is not in the manifest")

	// ErrNotStarted says that nobody has been asked for a code yet; in a moment
	// somebody will be.
	ErrNotStarted = errors.New("verification is not started yet")

	errUnknown = errors.New("unknown command")
)

// Decide returns the events that cmd causes. A repeated or late command that
// finds its result in place causes none.
func Decide(s Request, cmd Command) ([]Event, error) {
	if _, ok := cmd.(Submit); !ok && !s.Submitted {
		return nil, ErrNoRequest
	}
	switch c := cmd.(type) {
	case Submit:
		return submit(s, c)
	case CheckOpen, CheckPerson, Renew, Withdraw, Cancel, Retry, ReadPackage:
		return asked(s, c)
	case NoteVerification, ExtendVerification, Verify, FailVerification, GiveUp, BeginDelay, Retract, LosePerson, Queue, Yield, Activate, NoteContact, Freeze:
		return opening(s, c)
	case CommitManifest, DecideLeaves, StartLeaves, NoteSuppression, AnnounceChanges, CompleteLeaves, EndSystem, MoveSystem:
		return work(s, c)
	case FailStep:
		return failStep(s, c), nil
	case DeferLeaves:
		return deferLeaves(s, c), nil
	case Resume:
		return resume(s, c.Cause, c.At), nil
	case BeginPackage, FinishPackage, RevokePackage, ExpirePackage:
		return packaging(s, c)
	case Assign, Unassign, NoteNeed, NoteNeedEnded:
		return staffing(s, c)
	case Approve, Decline, NoteReview, OutdateManifest:
		return approving(s, c)
	case NameController, AskController, Instruct:
		return instruction(s, c)
	case Reject, Reopen:
		return rejecting(s, c)
	case TellRecipients, NoteForgotten, EndRestriction, OweNotice, EndNotice:
		return ending(s, c)
	case AnswerWith, Close, LeaveDocket, DestroyKey, Finish:
		return closing(s, c)
	}
	return nil, errUnknown
}

func submit(s Request, c Submit) ([]Event, error) {
	if s.Submitted {
		return nil, nil
	}
	if c.ReceivedAt.After(c.At) {
		return nil, ErrInFuture
	}
	if len(c.Scope) > 0 {
		return submitPartial(c), nil
	}
	return []Event{Submitted{
		Right: c.Right, Kind: c.Kind, Identifier: c.Identifier, Channel: c.Channel, Terms: c.Terms, Submitter: c.Submitter,
		TakenBy: c.TakenBy, Agent: c.Agent, Mandate: c.Mandate, Service: c.Service, SubmitterKey: c.SubmitterKey,
		ReceivedAt: c.ReceivedAt, At: c.At,
	}}, nil
}

func refuse(command string, r Refusal) ([]Event, error) {
	return []Event{CommandRefused{Command: command, Reason: r.Reason()}}, r
}

// asked decides what people ask of a request.
func asked(s Request, cmd Command) ([]Event, error) {
	switch c := cmd.(type) { //nolint:gochecksumtype // Decide chose what people ask
	case CheckOpen:
		switch {
		case s.over():
			return refuse("verify", ErrNotOpen)
		case s.Verification == "":
			return nil, ErrNotStarted
		}
		return nil, nil
	case Renew:
		return renew(s, c)
	case CheckPerson:
		return checkPerson(s, c)
	case Withdraw:
		switch {
		case s.Withdrawn:
			return nil, nil
		case s.Closed, s.Rejected:
			return refuse("withdraw", ErrOver)
		case s.touched():
			return refuse("withdraw", ErrTooLate)
		}
		return []Event{Withdrawn(c)}, nil
	case Cancel:
		return cancel(s, c)
	case Retry:
		switch {
		case s.Closed && len(s.left()) == 0:
			return refuse("retry", ErrOver)
		case len(s.Failures) == 0 && s.Approval.Declined == "":
			return refuse("retry", ErrNothingFailed)
		}
		return []Event{Resumed{Cause: causeRetry, At: c.At}}, nil
	case ReadPackage:
		return readPackage(s, c)
	}
	return nil, errUnknown
}

// readPackage gives the package to nobody that holds data of somebody else than the
// person by now: it ends.
func readPackage(s Request, c ReadPackage) ([]Event, error) {
	events, err := refuse("download", ErrNoPackage)
	switch {
	case !s.Package.Live(c.At):
		return events, err
	case c.Separated:
		return append(events, PackageRevoked{Reason: PackageSeparated, At: c.At}), err
	}
	return []Event{PackageRead{Purpose: c.Purpose, Roles: c.Roles, Reader: c.Reader, At: c.At}}, nil
}

// causeRetry is the cause of what somebody asked to try again.
const causeRetry = "retry"

// over reports whether the process has nothing more to do inside.
func (s Request) over() bool { return s.Closed || s.Withdrawn || s.Rejected || s.Unverified != "" }

// opening decides what happens before there is a manifest.
func opening(s Request, cmd Command) ([]Event, error) {
	if s.over() {
		return nil, ErrOutOfStep
	}
	switch c := cmd.(type) { //nolint:gochecksumtype // Decide chose what opens a request
	case NoteVerification:
		return once(s.Verification != "", VerificationStarted(c))
	case Verify:
		return verify(s, c)
	case FailVerification:
		return failVerification(s, c)
	case ExtendVerification:
		return extend(s, c)
	case GiveUp:
		return giveUp(s, c)
	case BeginDelay:
		return beginDelay(s, c)
	case Retract:
		if s.Destroys() {
			return nil, ErrOutOfStep
		}
		return []Event{VerificationFailed(c)}, nil
	case LosePerson:
		return lose(s, c)
	case Queue:
		if !s.Assured() {
			return nil, ErrOutOfStep
		}
		return once(s.Placed, Queued(c))
	case Yield:
		if slices.ContainsFunc(s.Systems, func(y System) bool { return y.busy(c.At) && !allEnded(s.of(y.Name)) }) {
			return nil, ErrOutOfStep // somebody is at work
		}
		return once(!s.Active, Yielded(c))
	case Activate:
		if !s.Assured() {
			return nil, ErrOutOfStep
		}
		return once(s.Active, Activated(c))
	case NoteContact:
		if !s.Assured() {
			return nil, ErrOutOfStep
		}
		return once(s.ContactNoted, ContactNoted(c))
	case Freeze:
		if !s.Active && !s.Yielded {
			return nil, ErrOutOfStep
		}
		return once(s.Frozen, Frozen(c))
	}
	return nil, errUnknown
}

// once is an event unless its result is in place.
func once(inPlace bool, ev Event) ([]Event, error) {
	if inPlace {
		return nil, nil
	}
	return []Event{ev}, nil
}

// backoff is how long a step that failed n times in a row waits: for most of a day
// an hour at most, then longer, so that what is away for weeks does not fill the log.
func backoff(n uint32) time.Duration {
	waits := []time.Duration{
		time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	}
	if int(n) <= len(waits) && n > 0 {
		return waits[n-1]
	}
	switch {
	case n <= 24:
		return time.Hour
	case n <= 48:
		return 3 * time.Hour
	}
	return 6 * time.Hour
}

func failStep(s Request, c FailStep) []Event {
	f, _ := s.failure(c.Step, c.System)
	if s.Finished || c.At.Before(f.NextTryAt) { // a late report of a try that was made before
		return nil
	}
	n := f.Failures + 1
	return []Event{StepFailed{
		Step: c.Step, System: c.System, In: c.In, Category: c.Category, Failures: n, Reason: c.Reason, NextTryAt: c.At.Add(backoff(n)), At: c.At,
	}}
}

// holdLookedAt is how often a hold is asked about that nobody said was released.
const holdLookedAt = 6 * time.Hour

func deferLeaves(s Request, c DeferLeaves) []Event {
	if step, _ := s.defers(c.System); step == StepForget {
		return deferForget(s, c)
	}
	f, failed := s.failure(StepErase, c.System)
	y, known := s.system(c.System)
	if s.over() || !known || (failed && y.Deferred != "" && c.At.Before(f.NextTryAt)) {
		return nil
	}
	return []Event{LeavesDeferred{System: c.System, Reason: c.Reason, NextTryAt: c.At.Add(holdLookedAt), At: c.At}}
}

// resume tries at once what waits, if anything does.
func resume(s Request, cause string, at time.Time) []Event {
	waits := slices.ContainsFunc(s.Failures, func(f Failure) bool { return f.NextTryAt.After(at) })
	if s.Closed || !waits {
		return nil
	}
	return []Event{Resumed{Cause: cause, At: at}}
}

// packaging decides the life of the package.
func packaging(s Request, cmd Command) ([]Event, error) {
	switch c := cmd.(type) { //nolint:gochecksumtype // Decide chose what concerns the package
	case BeginPackage:
		if s.over() || !s.Right.Shows() || !s.Planned || s.Package.Ready || !allStarted(s) {
			return nil, ErrOutOfStep
		}
		return []Event{PackageBegun(c)}, nil
	case FinishPackage:
		if s.Package.Ready && s.Package.Name == c.Package {
			return nil, nil
		}
		if s.over() || s.Package.Name != c.Package || s.done() {
			return nil, ErrOutOfStep
		}
		return finishPackage(s, c)
	case RevokePackage:
		return once(!s.Package.Ready || s.Package.Expired || s.Package.Revoked != "", PackageRevoked(c))
	case ExpirePackage:
		if s.Package.Name == "" || s.Package.Expired {
			return nil, nil
		}
		return []Event{PackageExpired{Package: s.Package.Name, ResidueEndsAt: c.ResidueEndsAt}}, nil
	}
	return nil, errUnknown
}

func allStarted(s Request) bool {
	return !slices.ContainsFunc(s.Leaves, func(l Leaf) bool { return !l.Started && !l.Ended() })
}

func finishPackage(s Request, c FinishPackage) ([]Event, error) {
	out := []Event{PackageReady{Package: c.Package, Size: c.Size, ExpiresAt: c.ExpiresAt}}
	for _, y := range s.Systems {
		leaves := slices.DeleteFunc(slices.Clone(c.Leaves), func(d Done) bool {
			return !slices.ContainsFunc(s.of(y.Name), func(l Leaf) bool { return l.Leaf == d.Leaf })
		})
		more, err := complete(s, CompleteLeaves{System: y.Name, Leaves: leaves, At: c.At})
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	state := s
	for _, ev := range out {
		state = Evolve(state, ev)
	}
	if !state.done() {
		return nil, ErrNotInManifest // the package would lack a leaf
	}
	return out, nil
}
