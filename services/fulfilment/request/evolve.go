package request

import (
	"slices"
	"time"
)

// Evolve folds one event into the state.
func Evolve(s Request, ev Event) Request {
	s.Events++
	switch e := ev.(type) {
	case Submitted:
		s.Submitted, s.Right, s.Kind, s.Identifier = true, e.Right, e.Kind, e.Identifier
		s.Channel, s.Terms, s.ReceivedAt, s.Submitter, s.Since = e.Channel, e.Terms, e.ReceivedAt, e.Submitter, e.At
		s.Case.TakenBy = e.TakenBy
		s.Instruction.Controller = e.Terms.Controller
		s.Agent, s.Mandate, s.Service, s.SubmitterKey = e.Agent, e.Mandate, e.Service, e.SubmitterKey
	case ScopeSet:
		s.Scope = e.Limbs
	case NoticeOwed:
		s.Notices = append(slices.Clip(s.Notices), Notice{ID: e.Notice, Template: e.Template})
		s.Failures = others(others(others(s.Failures, StepAcknowledge, ""), StepMore, ""), StepRemind, "")
	case NoticeEnded:
		s.Notices = changed(s.Notices, func(n *Notice) { n.Ended, n.Sent = n.Ended || n.ID == e.Notice, n.Sent || n.ID == e.Notice && e.Sent })
	case VerificationStarted, Renewed, VerificationExtended, Verified, VerificationFailed:
		s = evolveVerification(s, e)
	case DelayBegun:
		s.DelayUntil, s.DelayCode, s.DelayChannels, s.DelayUnreached, s.Since = e.Until, e.Code, e.Channels, e.Unreached, e.At
		s.DelayPhones, s.DelayAddresses = e.Phones, e.Addresses
	case Cancelled:
		s.Withdrawn, s.Cancelled, s.Since = true, e.Reason, e.At
	case Queued:
		s.Placed, s.Behind, s.SameRight, s.Since = true, e.Behind, e.SameRight, e.At
	case Yielded:
		s.Active, s.Yielded, s.Behind, s.SameRight, s.Since = false, true, e.To, false, e.At
		s.Yields++
	case Activated:
		if s.Yielded { // nothing is waited for that may have ended meanwhile
			s = evolveWork(s, Resumed{Cause: "activated", At: e.At})
		}
		s.Placed, s.Active, s.Yielded, s.Since = true, true, false, e.At
	case ContactNoted:
		s.ContactNoted, s.Contact = true, e.Address
	case Frozen:
		s.Frozen, s.Since = true, e.At
	case Withdrawn, Closed, DocketLeft, KeyDestroyed, Finished, RecipientsTold, SubjectForgotten, RestrictionEnded:
		s = evolveEnd(s, e)
	case PackageBegun, PackageReady, PackageRead, PackageRevoked, PackageExpired:
		s.Package = evolvePackage(s.Package, e)
	case ManifestCommitted, LeavesDecided, LeavesStarted, ValuesSuppressed, ChangesAnnounced, LeavesCompleted, StepFailed, LeavesDeferred, Resumed:
		s = evolveApproval(evolveWork(s, e), e)
	case Assigned, Unassigned, NeedGranted, NeedEnded, Approved, Declined, Reviewed, ManifestOutdated:
		s = evolveApproval(evolveCase(s, e), e)
	case ControllerNamed, InstructionAsked, InstructionGiven:
		s = evolveInstruction(s, e)
	case Rejected, ReopenProposed, Reopened:
		s = evolveRejection(s, e)
	case CommandRefused, RemainderStated:
	}
	return clearFailures(s, ev)
}

func evolveEnd(s Request, ev Event) Request {
	switch e := ev.(type) { //nolint:gochecksumtype // Evolve chose the events of the end
	case Withdrawn:
		s.Withdrawn, s.Since = true, e.At
	case Closed:
		s.Closed, s.Outcome, s.DuplicateOf, s.ClosedAt, s.Since = true, e.Outcome, e.DuplicateOf, e.At, e.At
	case DocketLeft:
		s.DocketLeft = true
	case KeyDestroyed:
		s.KeyDestroyed = true
	case Finished:
		s.Finished = true
	case RecipientsTold:
		s.RecipientsTold = true
	case SubjectForgotten:
		s.Forgotten = true
	case RestrictionEnded:
		s.RestrictionEnded = true
	}
	return s
}

func evolveVerification(s Request, ev Event) Request {
	switch e := ev.(type) { //nolint:gochecksumtype // Evolve chose the events of verification
	case VerificationStarted:
		s.Verification, s.VerificationAt, s.Since = e.Verification, e.ExpiresAt, e.At
	case Renewed:
		s.Verification, s.VerificationAt, s.Since = "", time.Time{}, e.At
		s.Renewals++
	case Verified:
		s = evolveVerified(s, e)
	case VerificationExtended:
		s.VerificationAt, s.Since = e.ExpiresAt, e.At
	case VerificationFailed:
		s.Unverified, s.Since = e.Reason, e.At
	}
	return s
}

func evolvePackage(p Package, ev Event) Package {
	switch e := ev.(type) { //nolint:gochecksumtype // Evolve chose the events of packages
	case PackageBegun:
		p = Package{Name: e.Package, Refs: e.Refs}
	case PackageReady:
		p = Package{Name: e.Package, Ready: true, Size: e.Size, ExpiresAt: e.ExpiresAt, Refs: p.Refs}
	case PackageRevoked:
		p.Revoked = e.Reason
	case PackageExpired:
		p.Expired = true
	}
	return p
}

func evolveWork(s Request, ev Event) Request {
	switch e := ev.(type) { //nolint:gochecksumtype // Evolve chose the events of the work
	case ManifestCommitted:
		s.Planned, s.After, s.DigestKey, s.Since = true, e.After, e.DigestKey, e.At
		for _, p := range e.Leaves {
			s.Leaves = append(slices.Clip(s.Leaves), Leaf{Planned: p})
			if _, known := s.system(p.System); !known {
				s.Systems = append(slices.Clip(s.Systems), System{Name: p.System, Since: e.At})
			}
		}
	case LeavesDecided:
		for _, p := range e.Leaves {
			s.Leaves = changed(s.Leaves, func(l *Leaf) {
				if l.Leaf == p.Leaf {
					l.Planned, l.Cut = p, false
				}
			})
		}
		s.Systems = tried(s.Systems, e.System, func(y *System) { y.Since = e.At })
	case LeavesStarted:
		s = started(s, e)
	case ValuesSuppressed:
		if s.done() && e.System == OwnSystem {
			s.OwnSuppressed, s.OwnUntil = true, e.Until
		}
		s.Systems = changed(s.Systems, func(y *System) {
			if y.Name == e.System {
				y.Suppressed, y.Until = true, e.Until
			}
		})
	case ChangesAnnounced:
		s.Leaves = announced(s.Leaves, e)
	case LeavesCompleted:
		s = completed(s, e)
	case StepFailed:
		s.Failures = append(others(s.Failures, e.Step, e.System), s.failedAgain(Failure(e)))
		s.Systems = tried(s.Systems, e.System, func(y *System) { y.Permit = "" })
	case LeavesDeferred:
		s.Systems = tried(s.Systems, e.System, func(y *System) {
			if y.Deferred == "" {
				y.Since = e.At
			}
			y.Deferred = e.Reason
		})
		step, of := s.defers(e.System)
		deferral := Failure{Step: step, System: of, Reason: e.Reason, NextTryAt: e.NextTryAt, At: e.At}
		s.Failures = append(others(s.Failures, step, of), deferral)
	case Resumed:
		s.Failures = changed(s.Failures, func(f *Failure) { f.NextTryAt = e.At })
		s.Systems = changed(s.Systems, func(y *System) { y.Tries++ })
	}
	return s
}

// failedAgain is a failure with how long it has been failing for that reason.
func (s Request) failedAgain(f Failure) Failure {
	f.Same, f.First = 1, f.At
	if before, failed := s.failure(f.Step, f.System); failed && before.Reason == f.Reason {
		f.Same, f.First = before.Same+1, before.First
	}
	return f
}

func started(s Request, e LeavesStarted) Request {
	s.Systems = tried(s.Systems, e.System, func(y *System) {
		y.Attempts, y.Permit, y.PermitAt, y.Deferred, y.Since = e.Attempt, e.Permit, e.PermitAt, "", e.At
		y.Begun = y.Begun || e.Permit != ""
	})
	for _, f := range e.Leaves {
		s.Leaves = changed(s.Leaves, func(l *Leaf) {
			if l.Leaf == f.Leaf {
				l.Started, l.RowsFound, l.Digest = true, max(l.RowsFound, f.Rows), string(f.Digest)
			}
		})
	}
	return s
}

func announced(leaves []Leaf, e ChangesAnnounced) []Leaf {
	for _, d := range e.Leaves {
		leaves = changed(leaves, func(l *Leaf) {
			if l.Leaf == d.Leaf {
				l.Announced, l.Cut = d.most(l.Announced), l.Cut || d.destroys()
			}
		})
	}
	return leaves
}

func completed(s Request, e LeavesCompleted) Request {
	for _, d := range e.Leaves {
		s.Leaves = changed(s.Leaves, func(l *Leaf) {
			if l.Leaf == d.Leaf {
				l.Outcome, l.Because = d.Outcome, d.Because
				l.Deleted, l.Masked, l.Shared, l.Collected, l.Kept = d.Deleted, d.Masked, d.Shared, d.Collected, d.Kept
				l.Cards = d.Cards
			}
		})
	}
	s.Systems = tried(s.Systems, e.System, func(y *System) { y.Deferred, y.Since = "", e.At })
	s.Failures = others(others(s.Failures, StepErase, e.System), StepLocate, e.System)
	if s.done() {
		s.Since = e.At
	}
	return s
}

// clearFailures forgets the failures of steps that an event shows to have
// succeeded.
func clearFailures(s Request, ev Event) Request {
	if step := succeeded(ev); step != "" {
		s.Failures = others(s.Failures, step, "")
	}
	return s
}

func succeeded(ev Event) Step {
	switch ev.(type) { //nolint:gochecksumtype // the others end no step
	case VerificationStarted:
		return StepVerify
	case Verified, VerificationFailed, VerificationExtended:
		return StepFollowUp
	case Queued, Activated:
		return StepEnter
	case ContactNoted:
		return StepContact
	case DelayBegun:
		return StepDelay
	case Frozen:
		return StepFreeze
	case ManifestCommitted:
		return StepPlan
	case LeavesCompleted:
		return StepState
	case PackageReady:
		return StepCollect
	case RecipientsTold:
		return StepTell
	case SubjectForgotten:
		return StepForget
	case RestrictionEnded:
		return StepUnfreeze
	case Closed:
		return StepClose
	case DocketLeft:
		return StepLeave
	case KeyDestroyed:
		return StepDestroyKey
	case PackageExpired:
		return StepExpire
	case NoticeOwed:
		return StepNotify
	case NeedGranted, NeedEnded:
		return StepNeed
	case InstructionAsked:
		return StepAsk
	case Reviewed:
		return StepReview
	}
	return ""
}

// changed is a copy of list in which f has changed elements.
func changed[T any](list []T, f func(*T)) []T {
	out := slices.Clone(list)
	for i := range out {
		f(&out[i])
	}
	return out
}

func tried(list []System, name string, f func(*System)) []System {
	return changed(list, func(y *System) {
		if y.Name == name {
			y.Tries++
			f(y)
		}
	})
}

func others(list []Failure, step Step, system string) []Failure {
	return slices.DeleteFunc(slices.Clone(list), func(f Failure) bool { return f.Step == step && f.System == system })
}

func (s Request) system(name string) (System, bool) {
	i := slices.IndexFunc(s.Systems, func(y System) bool { return y.Name == name })
	if i < 0 {
		return System{}, false
	}
	return s.Systems[i], true
}

func (s Request) failure(step Step, system string) (Failure, bool) {
	i := slices.IndexFunc(s.Failures, func(f Failure) bool { return f.Step == step && f.System == system })
	if i < 0 {
		return Failure{}, false
	}
	return s.Failures[i], true
}

// of are the leaves of a system.
func (s Request) of(system string) []Leaf {
	return slices.DeleteFunc(slices.Clone(s.Leaves), func(l Leaf) bool { return l.System != system })
}

// LeavesOf are the leaves of a system, in the order of the manifest.
func (s Request) LeavesOf(system string) []Leaf { return s.of(system) }

// SystemOf is how far the work on a system got.
func (s Request) SystemOf(system string) System {
	y, _ := s.system(system)
	return y
}

// done reports whether every leaf has ended.
func (s Request) done() bool {
	return s.Planned && !slices.ContainsFunc(s.Leaves, func(l Leaf) bool { return !l.Ended() })
}

// touched reports whether the request is beyond withdrawal: an erasure once a
// system was begun under a permit, an access once its package is made. A system
// that holds nothing, or keeps it all, ends without anything being changed.
func (s Request) touched() bool {
	return s.done() || slices.ContainsFunc(s.Systems, func(y System) bool { return y.Begun })
}

// Destroys reports whether anything may be destroyed already.
func (s Request) Destroys() bool {
	return s.Forgotten || slices.ContainsFunc(s.Systems, func(y System) bool { return y.Begun })
}

// begun reports whether the work on any leaf has begun.
func (s Request) begun() bool {
	return slices.ContainsFunc(s.Leaves, func(l Leaf) bool { return l.Started || l.Ended() })
}
