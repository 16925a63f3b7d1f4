package person

import (
	"slices"
	"time"
)

// Evolve folds one event into the state.
func Evolve(s Person, ev Event) Person {
	switch e := ev.(type) {
	case HoldPlaced:
		s.Holds = append(slices.Clip(s.Holds), Hold{
			ID: e.Hold, Ground: e.Ground, Authority: e.Authority, PlacedAt: e.PlacedAt, ReviewAt: e.ReviewAt,
		})
	case HoldReviewed:
		s.Holds = change(s.Holds, e.Hold, func(h *Hold) { h.ReviewAt, h.ReviewDue = e.ReviewAt, false })
	case HoldReviewDue:
		s.Holds = change(s.Holds, e.Hold, func(h *Hold) { h.ReviewDue = true })
	case HoldReleased:
		s.Holds = change(s.Holds, e.Hold, func(h *Hold) { h.ReleasedAt = e.ReleasedAt })
	case PermitGiven:
		s.Permits = append(forget(s.Permits, e.GivenAt), Permit{
			ID: e.Permit, Request: e.Request, System: e.System, Policy: e.Policy, ScheduleVersion: e.ScheduleVersion,
			GivenAt: e.GivenAt, ExpiresAt: e.ExpiresAt, Others: e.Others,
		})
		s = s.begun(e.Request)
	case PermitRefused:
	case PermitEnded:
		s.Permits = slices.Clone(s.Permits)
		for i := range s.Permits {
			if s.Permits[i].ID == e.Permit {
				s.Permits[i].Ended, s.Permits[i].RowsDestroyed = true, e.RowsDestroyed
			}
		}
	case ClocksStarted, ClocksStopped, ErasureDue, AccountOpened, AccountClosed:
		s = evolveClocks(s, e)
	}
	return s
}

// change is the list with one of its holds changed.
func change(list []Hold, id string, how func(*Hold)) []Hold {
	list = slices.Clone(list)
	for i := range list {
		if list[i].ID == id {
			how(&list[i])
		}
	}
	return list
}

// forget makes room for one more permit. It drops the oldest that is over, and
// nothing when all are open.
func forget(list []Permit, at time.Time) []Permit {
	list = slices.Clip(list)
	if len(list) < remembered {
		return list
	}
	i := slices.IndexFunc(list, func(p Permit) bool { return p.Ended })
	if i < 0 {
		i = slices.IndexFunc(list, func(p Permit) bool { return !p.Open(at) })
	}
	if i < 0 {
		return list
	}
	return slices.Delete(slices.Clone(list), i, i+1)
}
