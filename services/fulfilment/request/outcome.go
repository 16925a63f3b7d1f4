package request

import "time"

// OutcomeOf is how a request with these leaves ends; NoOutcome while one of
// them has not ended. It is a function of the leaves alone.
func OutcomeOf(leaves []Leaf) Outcome {
	if len(leaves) == 0 {
		return NoOutcome
	}
	held, retained, lost, rejected := false, false, false, false
	for _, l := range leaves {
		switch l.Outcome {
		case Open:
			return NoOutcome
		case Retained:
			held, retained = true, true
		case Erased, Masked, Collected:
			held = true
		case Lost:
			lost = true
		case LeafRejected:
			rejected = true
		case NotHeld:
		}
	}
	switch {
	case lost:
		return Incomplete
	case rejected:
		return PartlyRejected
	case !held:
		return NothingHeld
	case retained:
		return CompleteWithRetained
	}
	return Complete
}

// Verdict is the outcome that the request would be closed with now; NoOutcome
// while it can't be.
func (s Request) Verdict() Outcome {
	switch {
	case s.Cancelled != "":
		return CancelledByPerson
	case s.Withdrawn:
		return WithdrawnByPerson
	case s.Rejected:
		return RejectedWhole
	case s.Unverified != "":
		return NotVerified
	case !s.done():
		return NoOutcome
	}
	return OutcomeOf(s.Leaves)
}

// leafOutcome is how a leaf ends with what was done to it. A leaf was erased if
// a try said so, even if the last one found nothing: an earlier one had been cut off
// after its work, and each says what it does before it commits. A leaf of which anything stays is
// retained, whatever else was done to it.
func leafOutcome(l Leaf, d Done) LeafOutcome {
	switch {
	case l.Decision == Keep && max(l.Rows, l.RowsFound) > 0:
		return Retained
	case l.Decision == Keep:
		return NotHeld
	case l.Decision == Collect && d.Collected > 0:
		return Collected
	case l.Decision == Collect:
		return NotHeld
	case d.Kept > 0, d.Shared > 0:
		return Retained
	case d.Masked > 0 && d.Deleted == 0:
		return Masked
	case d.Deleted > 0:
		return Erased
	case l.RowsFound > 0: // nobody has erased it, and nobody knows that it is gone
		return Retained
	}
	return NotHeld
}

// lose decides the end of a request whose person identity has forgotten since.
// What was begun is not said to be unverified, nor is an access whose scope was
// fixed: what is left of it is lost, but for systems at which somebody is at work and
// comes to an end of their own.
func lose(s Request, c LosePerson) ([]Event, error) {
	switch {
	case s.SubjectRef == "" || s.done():
		return nil, ErrOutOfStep
	case !s.Planned, s.Right == Erasure && !s.begun():
		return []Event{VerificationFailed(c)}, nil
	}
	var out []Event
	for _, y := range s.Systems {
		ev := LeavesCompleted{System: y.Name, At: c.At}
		for _, l := range s.of(y.Name) {
			if !l.Ended() && !y.busy(c.At) {
				ev.Leaves = append(ev.Leaves, s.lost(l, c))
			}
		}
		if len(ev.Leaves) > 0 {
			out = append(out, ev)
		}
	}
	if len(out) == 0 {
		return nil, ErrOutOfStep
	}
	return out, nil
}

// lost is how a leaf ends that nobody can look for any more. What was to be kept
// was not to be touched, and is kept.
func (s Request) lost(l Leaf, c LosePerson) Ended {
	if l.Decision == Keep {
		return s.ended(l, Done{Leaf: l.Leaf}, c.At)
	}
	d := l.Announced
	d.Leaf = l.Leaf
	return Ended{Done: d, Outcome: Lost, Because: Because{Reason: c.Reason}}
}

// endSystem decides that the leaves of a system are lost that have not ended. What
// was to be kept there is not known to be kept.
func endSystem(s Request, c EndSystem) ([]Event, error) {
	y, known := s.system(c.System)
	if !known {
		return nil, ErrNotInManifest
	}
	if y.busy(c.At) {
		return nil, ErrOutOfStep // what is done under a permit is done to its end
	}
	ev := LeavesCompleted{System: c.System, At: c.At}
	for _, l := range s.of(c.System) {
		if !l.Ended() {
			d := l.Announced
			d.Leaf = l.Leaf
			ev.Leaves = append(ev.Leaves, Ended{Done: d, Outcome: Lost, Because: Because{Reason: c.Reason}})
		}
	}
	return once(len(ev.Leaves) == 0, ev)
}

// Why something stays that was to be erased.
const (
	// KeyOfRetainedRow: a value joins rows of which other parts are kept.
	KeyOfRetainedRow = "key_of_retained_row"
	// KeyOfReferencedRow: a value joins rows that others' rows refer to.
	KeyOfReferencedRow = "key_of_referenced_row"
	// KeptByDescription: the description of the system says so.
	KeptByDescription = "kept_by_description"
	// SharedWithOthers: the rows are others' as well.
	SharedWithOthers = "shared_with_others"
	// NoLongerFound: rows were found, and later not any more by what identity knew
	// the person by then, though no try had erased them.
	NoLongerFound = "no_longer_found"
)

// Authorities for what no law names.
const (
	rightsOfOthers    = "rights of others"
	systemDescription = "system description"
	nobodys           = "none"
)

// because says why a leaf that was to be erased is retained; what is kept of the
// person's own rows comes before what is shared. What a kept part needs is kept
// as long as that; anything else is to be looked at again after a year, which
// nothing does by itself yet.
func (s Request) because(l Leaf, d Done, at time.Time) Because {
	review := at.AddDate(1, 0, 0)
	if d.Kept == 0 && d.Shared == 0 {
		return Because{Reason: NoLongerFound, Authority: nobodys, Until: review}
	}
	if d.Kept == 0 {
		return Because{Reason: SharedWithOthers, Authority: rightsOfOthers, Until: review}
	}
	if d.Described {
		return Because{Reason: KeptByDescription, Authority: systemDescription, Until: review}
	}
	if k, ok := s.keeper(l); ok {
		return Because{Reason: KeyOfRetainedRow, Authority: k.Authority, Until: k.Until}
	}
	return Because{Reason: KeyOfReferencedRow, Authority: rightsOfOthers, Until: review}
}

// keeper is the kept leaf that is kept longest: of the same collection, or else
// of the same system.
func (s Request) keeper(of Leaf) (longest Leaf, found bool) {
	near := false
	for _, l := range s.of(of.System) {
		if l.Decision != Keep || leafOutcome(l, Done{}) != Retained {
			continue
		}
		same := l.Collection == of.Collection
		if !found || (same && !near) || (same == near && l.Until.After(longest.Until)) {
			longest, found, near = l, true, same
		}
	}
	return longest, found
}

// Left is what an erasure that is over has left, as the manifest of an access: what
// it retained, with its ground, and the rest as empty.
func Left(erasure Request) []Planned {
	out := make([]Planned, 0, len(erasure.Leaves))
	for _, l := range erasure.Leaves {
		p := l.Planned
		p.Decision, p.Rows, p.Ground, p.Authority, p.Until, p.Rule = Collect, 0, "", "", time.Time{}, ""
		if l.Outcome == Retained || l.Outcome == LeafRejected {
			why := l.Why()
			p.Decision, p.Rows, p.Rule = Keep, max(1, l.Kept, l.Shared), l.Rule
			p.Ground, p.Authority, p.Until = why.Reason, why.Authority, why.Until
			if l.Decision == Keep {
				p.Rows = max(1, l.Rows, l.RowsFound)
			}
		}
		out = append(out, p)
	}
	return out
}

// most is the greater of each count.
func (d Done) most(o Done) Done {
	return Done{
		Leaf: d.Leaf, Deleted: max(d.Deleted, o.Deleted), Masked: max(d.Masked, o.Masked), Shared: max(d.Shared, o.Shared),
		Collected: max(d.Collected, o.Collected), Cards: max(d.Cards, o.Cards), Kept: max(d.Kept, o.Kept),
		Described: d.Described || o.Described,
	}
}

// destroys reports whether d says that anything was taken away.
func (d Done) destroys() bool { return d.Deleted+d.Masked > 0 }

// tells reports whether d says something that was not said before: rows of a
// kind for the first time, or twice as many.
func (d Done) tells(before Done) bool {
	grown := func(now, was uint64) bool { return now > 0 && now >= 2*was }
	return grown(d.Deleted, before.Deleted) || grown(d.Masked, before.Masked) || grown(d.Shared, before.Shared) ||
		grown(d.Kept, before.Kept) || (d.Described && !before.Described)
}
