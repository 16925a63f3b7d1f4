package request

import "slices"

// defers is the step that a hold on a system keeps from being done: erasing it,
// or, once that is over everywhere, forgetting the person.
func (s Request) defers(system string) (step Step, of string) {
	if system == OwnSystem && s.done() {
		return StepForget, ""
	}
	return StepErase, system
}

// deferForget decides that a hold keeps identity from forgetting the person.
func deferForget(s Request, c DeferLeaves) []Event {
	f, failed := s.failure(StepForget, "")
	if s.over() || s.Forgotten || (failed && f.Reason == c.Reason && c.At.Before(f.NextTryAt)) {
		return nil
	}
	return []Event{LeavesDeferred{System: c.System, Reason: c.Reason, NextTryAt: c.At.Add(holdLookedAt), At: c.At}}
}

// moveSystem decides that a system is gone on with by a later version of its
// description. The scope stays as it was fixed: a version with a part that the
// manifest lacks does not fit, nor does one that leaves out a part of which something
// was found, or may be: nobody would look for that any more.
func moveSystem(s Request, c MoveSystem) ([]Event, error) {
	mine := s.of(c.System)
	ev := LeavesDecided{System: c.System, At: c.At}
	parts := slices.Clone(c.Parts)
	for _, l := range mine {
		i := slices.Index(parts, Part{Collection: l.Collection, Category: l.Category})
		switch {
		case i >= 0:
			parts = slices.Delete(parts, i, i+1)
		case l.Decision == Undecided, max(l.Rows, l.RowsFound) > 0:
			return nil, ErrNotInManifest
		}
		if p := l.Planned; p.Version < c.Version {
			p.Version = c.Version
			ev.Leaves = append(ev.Leaves, p)
		}
	}
	if len(mine) == 0 || len(parts) > 0 {
		return nil, ErrNotInManifest
	}
	if y, _ := s.system(c.System); y.busy(c.At) {
		return nil, ErrOutOfStep
	}
	return once(len(ev.Leaves) == 0, ev)
}

// same reports whether both are one part of the manifest.
func (p Planned) same(o Planned) bool {
	return p.Leaf == o.Leaf && p.System == o.System && p.Version == o.Version &&
		p.Collection == o.Collection && p.Category == o.Category
}

// Uncounted reports whether a part that is to be erased may hold what a second person
// has not counted who is to approve it, or has approved it: more rows, or others than
// those that an attempt began with which was cut off. That is destroyed by no word of
// theirs. Digest is that of the rows that are there now.
func (s Request) Uncounted(l Leaf, now Planned, digest string) bool {
	return s.recounts(l, now) && (now.Rows > l.Rows || digest != l.Digest)
}

// recounts reports whether what is there now of a part is counted anew.
func (s Request) recounts(l Leaf, now Planned) bool {
	return s.Approval.Needed && l.Decision == Erase && now.Decision == Erase && (now.Rows > l.Rows || l.Cut && now.Rows > 0)
}

// keepMore decides anew what has been decided: what was to be erased may turn out
// to be kept, or to be more than is approved, for as long as nobody is at work on
// it. Any other decision stands.
func keepMore(s Request, c DecideLeaves, mine []Leaf) ([]Event, error) {
	ev := LeavesDecided{System: c.System, At: c.At}
	for i, l := range mine {
		p := c.Leaves[i]
		switch {
		case !l.same(p):
			return nil, ErrNotInManifest
		case l.Decision != Erase || p.Decision != Keep && !s.recounts(l, p) || l.Ended():
		case !s.fits(p, ""):
			return nil, ErrNotInManifest
		default:
			ev.Leaves = append(ev.Leaves, p)
		}
	}
	if y, _ := s.system(c.System); len(ev.Leaves) > 0 && y.busy(c.At) {
		return nil, ErrOutOfStep
	}
	return once(len(ev.Leaves) == 0, ev)
}
