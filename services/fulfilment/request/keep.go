package request

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

// same reports whether both are one part of the manifest.
func (p Planned) same(o Planned) bool {
	return p.Leaf == o.Leaf && p.System == o.System && p.Version == o.Version &&
		p.Collection == o.Collection && p.Category == o.Category
}

// keepMore decides anew what has been decided: what was to be erased may turn out
// to be kept, for as long as nobody is at work on it. Any other decision stands.
func keepMore(s Request, c DecideLeaves, mine []Leaf) ([]Event, error) {
	ev := LeavesDecided{System: c.System, At: c.At}
	for i, l := range mine {
		p := c.Leaves[i]
		switch {
		case !l.same(p):
			return nil, ErrNotInManifest
		case l.Decision != Erase || p.Decision != Keep || l.Ended():
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
