package person

import (
	"slices"
	"time"
)

// Together is one person who is known by several references, of which each has a
// state of its own. A hold that lies with several of them binds as long as it
// binds with one, and a permit is given back when one says so.
func Together(states []Person) Person {
	if len(states) == 1 {
		return states[0]
	}
	var out Person
	for _, s := range states {
		for _, h := range s.Holds {
			switch was, ok := out.Hold(h.ID); {
			case !ok:
				out.Holds = append(out.Holds, h)
			case !was.Binds():
				out.Holds = change(out.Holds, h.ID, func(o *Hold) { *o = h })
			}
		}
		for _, p := range s.Permits {
			if _, ok := out.Permit(p.ID); !ok {
				out.Permits = append(out.Permits, p)
				continue
			}
			out.Permits = merged(out.Permits, p)
		}
	}
	for _, s := range states {
		out.Clocks = append(out.Clocks, s.Clocks...)
	}
	slices.SortStableFunc(out.Holds, func(a, b Hold) int { return a.PlacedAt.Compare(b.PlacedAt) })
	slices.SortStableFunc(out.Permits, func(a, b Permit) int { return a.GivenAt.Compare(b.GivenAt) })
	return out
}

func merged(list []Permit, p Permit) []Permit {
	for i := range list {
		o := &list[i]
		if o.ID != p.ID {
			continue
		}
		o.Ended, o.RowsDestroyed = o.Ended || p.Ended, max(o.RowsDestroyed, p.RowsDestroyed)
		o.ExpiresAt = earlier(o.ExpiresAt, p.ExpiresAt)
	}
	return list
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
