package request

import (
	"slices"
	"time"
)

// work decides the manifest and what becomes of its leaves.
func work(s Request, cmd Command) ([]Event, error) {
	if s.over() || !s.Active {
		return nil, ErrOutOfStep
	}
	switch c := cmd.(type) { //nolint:gochecksumtype // Decide chose what concerns the work
	case CommitManifest:
		return commit(s, c)
	case DecideLeaves:
		return decideLeaves(s, c)
	case StartLeaves:
		return start(s, c)
	case NoteSuppression:
		return suppress(s, c)
	case AnnounceChanges:
		return announce(s, c)
	case CompleteLeaves:
		return complete(s, c)
	case EndSystem:
		return endSystem(s, c)
	case MoveSystem:
		return moveSystem(s, c)
	}
	return nil, errUnknown
}

func commit(s Request, c CommitManifest) ([]Event, error) {
	if s.Planned {
		return nil, nil
	}
	if s.whole() && !s.Frozen {
		return nil, ErrOutOfStep
	}
	for i, p := range c.Leaves {
		if p.Leaf != uint32(i)+1 || p.System == "" || !s.fits(p, c.After) || !s.InScope(p.System, p.Category) {
			return nil, ErrNotInManifest
		}
	}
	if len(c.Leaves) == 0 {
		return nil, ErrNotInManifest
	}
	return []Event{ManifestCommitted(c)}, nil
}

// fits reports whether a decision belongs to the right, and says all that it has
// to: what is kept has a ground, an authority and an end.
// An access keeps nothing of its own, but states what an erasure has left.
func (s Request) fits(p Planned, after string) bool {
	switch p.Decision {
	case Collect:
		return s.Right.Shows()
	case Erase:
		return s.Right == Erasure
	case Keep:
		return (s.Right == Erasure || after != "") && p.Ground != "" && p.Authority != "" && !p.Until.IsZero()
	case Undecided:
		return s.Right == Erasure
	}
	return false
}

func decideLeaves(s Request, c DecideLeaves) ([]Event, error) {
	mine := s.of(c.System)
	if len(mine) == 0 || len(mine) != len(c.Leaves) {
		return nil, ErrNotInManifest
	}
	if mine[0].Decision != Undecided {
		return keepMore(s, c, mine)
	}
	for i, l := range mine {
		p := c.Leaves[i]
		if !l.same(p) || p.Decision == Undecided || !s.fits(p, "") {
			return nil, ErrNotInManifest
		}
	}
	return []Event{LeavesDecided(c)}, nil
}

func start(s Request, c StartLeaves) ([]Event, error) {
	y, known := s.system(c.System)
	if !known {
		return nil, ErrNotInManifest
	}
	if y.busy(c.At) || c.Yields != s.Yields || s.AwaitsApproval() {
		return nil, ErrOutOfStep // somebody is at work, went first meanwhile, or has to look at the manifest
	}
	for _, f := range c.Leaves {
		l, ok := s.leaf(f.Leaf)
		switch {
		case !ok || l.System != c.System || l.Decision == Undecided:
			return nil, ErrNotInManifest
		case l.Ended():
			return nil, ErrOutOfStep
		case l.Decision == Erase && f.Rows > 0 && (c.Permit == "" || !c.PermitAt.After(c.At)):
			return nil, ErrOutOfStep // nothing is destroyed without a permit
		}
	}
	if len(c.Leaves) == 0 {
		return nil, ErrNotInManifest
	}
	return []Event{LeavesStarted{
		System: c.System, Attempt: y.Attempts + 1, Permit: c.Permit, PermitAt: c.PermitAt, Leaves: c.Leaves, At: c.At,
	}}, nil
}

// suppress decides the record of what is remembered: of a system before it is
// touched, and of identity itself when everything else is done. It is made again
// if they are remembered for longer.
func suppress(s Request, c NoteSuppression) ([]Event, error) {
	if c.System == OwnSystem && s.done() && s.Right == Erasure {
		return once(s.OwnSuppressed && !c.Until.After(s.OwnUntil), ValuesSuppressed(c))
	}
	y, known := s.system(c.System)
	return once(!known || y.Suppressed && !c.Until.After(y.Until), ValuesSuppressed(c))
}

// announce decides what is said before a system commits. Only the attempt that
// holds the permit may go on: no later one, and none whose permit has ended.
func announce(s Request, c AnnounceChanges) ([]Event, error) {
	y, known := s.system(c.System)
	if !known {
		return nil, ErrNotInManifest
	}
	if y.Attempts != c.Attempt || !y.busy(c.At) {
		return nil, ErrOutOfStep
	}
	ev := ChangesAnnounced{System: c.System, Attempt: c.Attempt, At: c.At}
	for _, d := range c.Leaves {
		l, ok := s.leaf(d.Leaf)
		switch {
		case !ok || l.System != c.System || (l.Decision != Erase && d.Deleted+d.Masked > 0):
			return nil, ErrNotInManifest
		case l.Ended() || !l.Started:
			return nil, ErrOutOfStep
		case d.tells(l.Announced), s.Approval.Needed && d.destroys() && !l.Cut:
			ev.Leaves = append(ev.Leaves, d)
		}
	}
	return once(len(ev.Leaves) == 0, ev)
}

func complete(s Request, c CompleteLeaves) ([]Event, error) {
	ev := LeavesCompleted{System: c.System, At: c.At}
	for _, d := range c.Leaves {
		l, ok := s.leaf(d.Leaf)
		switch {
		case !ok || l.System != c.System || l.Decision == Undecided:
			return nil, ErrNotInManifest
		case l.Ended():
			continue // done already: an outcome never changes
		case !l.Started:
			return nil, ErrOutOfStep
		case l.Decision == Erase && l.RowsFound > 0 && !c.Reread:
			return nil, ErrNotReread
		case l.Decision != Erase && d.Deleted+d.Masked > 0:
			return nil, ErrNotInManifest
		}
		if l.Decision != Keep { // what was announced and is kept after all was not done
			d = d.most(l.Announced)
		}
		ev.Leaves = append(ev.Leaves, s.ended(l, d, c.At))
	}
	if len(ev.Leaves) == 0 {
		return nil, nil
	}
	return []Event{ev}, nil
}

func (s Request) ended(l Leaf, d Done, at time.Time) Ended {
	e := Ended{Done: d, Outcome: leafOutcome(l, d)}
	if e.Outcome == Retained && l.Decision != Keep {
		e.Because = s.because(l, d, at)
	}
	return e
}

func (s Request) leaf(n uint32) (Leaf, bool) {
	i := slices.IndexFunc(s.Leaves, func(l Leaf) bool { return l.Leaf == n })
	if i < 0 {
		return Leaf{}, false
	}
	return s.Leaves[i], true
}

// ending decides what concludes a request.
func ending(s Request, cmd Command) ([]Event, error) {
	switch c := cmd.(type) { //nolint:gochecksumtype // Decide chose what concludes
	case TellRecipients:
		if !s.done() {
			return nil, ErrOutOfStep
		}
		return once(s.RecipientsTold, RecipientsTold(c))
	case NoteForgotten:
		if !s.done() || !s.whole() || s.AwaitsApproval() {
			return nil, ErrOutOfStep
		}
		return once(s.Forgotten, SubjectForgotten(c))
	case EndRestriction:
		if c.Erased != s.Forgotten || (!s.Active && !s.Yielded) {
			return nil, ErrOutOfStep
		}
		return once(s.RestrictionEnded, RestrictionEnded(c))
	case OweNotice:
		return owe(s, c), nil
	case EndNotice:
		i := slices.IndexFunc(s.Notices, func(n Notice) bool { return n.ID == c.Notice })
		if i < 0 {
			return nil, ErrOutOfStep // that it is owed will be recorded in a moment
		}
		return once(s.Notices[i].Ended, NoticeEnded(c))
	}
	return nil, errUnknown
}

func owe(s Request, c OweNotice) []Event {
	if s.owed(c.Template) || s.KeyDestroyed {
		return nil
	}
	out := []Event{NoticeOwed{Notice: c.Notice, Template: c.Template}}
	if c.Unaddressed {
		out = append(out, NoticeEnded{Notice: c.Notice, Reason: "NO_ADDRESS"})
	}
	return out
}

// closing decides the end of a request and what follows it.
func closing(s Request, cmd Command) ([]Event, error) {
	switch c := cmd.(type) { //nolint:gochecksumtype // Decide chose what closes
	case AnswerWith:
		if (s.Active || s.Rejected) && !s.Closed {
			return nil, ErrOutOfStep
		}
		return once(s.Closed, Closed{Outcome: Duplicate, DuplicateOf: c.Request, At: c.At})
	case Close:
		if s.Closed {
			return nil, nil
		}
		verdict := s.Verdict()
		forgotten := !s.whole() || s.Forgotten || s.over()
		if verdict == NoOutcome || s.restricted() || !forgotten {
			return nil, ErrOutOfStep
		}
		return append(s.remainder(), Closed{Outcome: verdict, At: c.At}), nil
	}
	if !s.Closed {
		return nil, ErrOutOfStep
	}
	switch c := cmd.(type) { //nolint:gochecksumtype // the rest of what closes
	case LeaveDocket:
		return once(s.DocketLeft, DocketLeft(c))
	case DestroyKey:
		if !s.told() {
			return nil, ErrOutOfStep
		}
		return once(s.KeyDestroyed, KeyDestroyed(c))
	case Finish:
		if !s.KeyDestroyed {
			return nil, ErrOutOfStep
		}
		return once(s.Finished, Finished(c))
	}
	return nil, errUnknown
}
