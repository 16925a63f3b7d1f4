package request

// OutcomeOf is how a request with these leaves ends; NoOutcome while one of
// them has not ended. It is a function of the leaves alone.
func OutcomeOf(leaves []Leaf) Outcome {
	if len(leaves) == 0 {
		return NoOutcome
	}
	held, retained := false, false
	for _, l := range leaves {
		switch l.Outcome {
		case Open:
			return NoOutcome
		case Retained:
			held, retained = true, true
		case Erased, Masked, Collected:
			held = true
		case NotHeld:
		}
	}
	switch {
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
	case s.Withdrawn:
		return WithdrawnByPerson
	case s.Unverified != "":
		return NotVerified
	case !s.done():
		return NoOutcome
	}
	return OutcomeOf(s.Leaves)
}

// leafOutcome is how a leaf ends with what was done to it. A leaf of which rows
// were found at any start was erased, even if the last try found nothing: an
// earlier one had been cut off after its work.
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
	case d.Masked > 0 && d.Deleted == 0:
		return Masked
	case d.Deleted > 0, l.RowsFound > 0:
		return Erased
	}
	return NotHeld
}
