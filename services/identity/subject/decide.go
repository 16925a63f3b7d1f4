package subject

import (
	"slices"
	"time"
)

// Decide returns the events that cmd causes. A repeated command that finds its
// result in place causes none.
func Decide(s Subject, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Register:
		return register(s, c)
	case Bar:
		if slices.Contains(s.Claims, c.Claim) || slices.Contains(s.Barred, c.Claim) {
			return nil, nil
		}
		return []Event{ClaimBarred(c)}, nil
	case Link, Unlink, RecordRead, Fix, Release, Search, BeginForgetting, EndForgetting,
		SignUp, BeginMerge, Absorb, CompleteMerge, AbandonMerge, Separate, UndoMerge, RecordTouch,
		StateAge, GiveMandate, EndMandate, AgreeAsParent, WithdrawAsParent, BlockMinor, UnblockMinor:
		if s.Phase == Unknown {
			return nil, ErrNotFound
		}
	}
	switch c := cmd.(type) {
	case Link:
		return link(s, c)
	case Unlink:
		return unlink(s, c)
	case RecordRead:
		if s.Phase != Active {
			return refuse(ChangeRead, ErrForgotten)
		}
		return []Event{IdentifiersRead(c)}, nil
	case Fix:
		return fix(s, c)
	case Release:
		return release(s, c)
	case Search:
		return search(s, c)
	case BeginForgetting:
		if s.Phase != Active {
			return nil, nil
		}
		return []Event{ForgettingBegun(c)}, nil
	case EndForgetting:
		if s.Phase != Forgetting {
			return nil, nil
		}
		return []Event{Forgot{Request: s.Ending.Request, KeysDestroyed: c.KeysDestroyed, ResidueEndsAt: c.ResidueEndsAt}}, nil
	case SignUp, BeginMerge, Absorb, CompleteMerge, AbandonMerge, Separate, UndoMerge, RecordTouch:
		return merge(s, c)
	case StateAge, GiveMandate, EndMandate, AgreeAsParent, WithdrawAsParent, BlockMinor, UnblockMinor:
		return ages(s, c)
	case Register, Bar: // above
	}
	return nil, errUnknown
}

func refuse(change string, why Refusal) ([]Event, error) {
	return []Event{ChangeRefused{Change: change, Reason: why.Reason()}}, why
}

func register(s Subject, c Register) ([]Event, error) {
	if s.Phase != Unknown {
		return nil, nil // its claims led here: the same command, again
	}
	if len(c.Identifiers) == 0 {
		return nil, ErrNoIdentifier
	}
	if slices.Contains(s.Barred, c.Claim) {
		return nil, ErrBarred
	}
	events := []Event{Registered{Claim: c.Claim, Policy: c.Policy, At: c.At}}
	for i, id := range c.Identifiers {
		if slices.Contains(s.Barred, id.Claim) {
			return nil, ErrBarred
		}
		if id.analytics() && len(c.Identifiers) > 1 {
			return nil, ErrMixed
		}
		events = append(events, linked(uint32(i)+1, id, time.Time{}))
	}
	for _, fact := range c.Age {
		more, err := ages(Subject{Phase: Active}, fact)
		if err != nil {
			return nil, err
		}
		events = append(events, more...)
	}
	return events, nil
}

func linked(number uint32, c Claimed, at time.Time) Event {
	return IdentifierLinked{Identifier{Number: number, Kind: c.Kind, Value: c.Value, Claim: c.Claim, Analytics: c.Analytics, At: at}}
}

func (c Claimed) analytics() bool { return c.Analytics || Analytics(c.Kind) }

// Analytics reports whether a kind is one of analytics identifiers everywhere.
func Analytics(kind string) bool { return kind == KindCookie || kind == KindAnalytics }

// Linkable reports whether a link would be decided by nothing but who holds the
// value: only then is it worth a claim.
func Linkable(s Subject, c Link) bool {
	events, err := link(s, c)
	return err == nil && len(events) > 0
}

func link(s Subject, c Link) ([]Event, error) {
	switch {
	case s.Phase != Active:
		return refuse(ChangeLink, ErrForgotten)
	case slices.Contains(s.Claims, c.Identifier.Claim):
		return nil, nil
	case slices.Contains(s.Barred, c.Identifier.Claim):
		return nil, ErrBarred
	case s.Fixed():
		return refuse(ChangeLink, ErrFixed)
	case c.Taken:
		return refuse(ChangeLink, ErrTaken)
	case len(s.Held) >= MaxHeld:
		return refuse(ChangeLink, ErrTooMany)
	case c.Identifier.analytics() || s.Anonymous():
		return refuse(ChangeLink, ErrAnalytics)
	}
	return []Event{linked(s.Last+1, c.Identifier, c.At)}, nil
}

// Anonymous reports whether a subject is known by an analytics identifier alone.
func (s Subject) Anonymous() bool {
	return slices.ContainsFunc(s.Held, func(i Identifier) bool { return i.Analytics || Analytics(i.Kind) })
}

func unlink(s Subject, c Unlink) ([]Event, error) {
	_, held := s.Find(c.Number)
	switch {
	case s.Phase != Active:
		return refuse(ChangeUnlink, ErrForgotten)
	case !held:
		return refuse(ChangeUnlink, ErrNotHeld)
	case s.Fixed():
		return refuse(ChangeUnlink, ErrFixed)
	case len(s.Held) == 1:
		return refuse(ChangeUnlink, ErrLast)
	}
	return []Event{IdentifierUnlinked(c)}, nil
}
