package disclosure

import "slices"

// Decide returns the events that cmd causes.
func Decide(s Register, cmd Command) ([]Event, error) {
	c, ok := cmd.(Disclose)
	if !ok {
		return nil, errUnknown
	}
	var r Refusal
	switch {
	case !c.Allowed:
		r = Refusal(c.Verdict.Reason)
	case s.Number >= MaxEntries:
		r = ErrTooMany
	case c.Action == disclose && Combines(slices.Concat(s.Held[c.Recipient], c.Others), Set{Categories: c.Categories, Keys: c.Keys}, c.Sides):
		r = ErrCombination
	default:
		return []Event{Disclosed{Entry: c.Entry, Number: s.Number + 1, At: c.At}}, nil
	}
	if !c.Known && s.Number == 0 {
		return nil, r
	}
	return []Event{Refused{Recipient: c.Recipient, Policy: c.Policy, Purpose: c.Purpose, Reason: r.Reason()}}, r
}

// Combines reports whether a recipient that gets a set could join categories of
// different sides, in the set itself or with what it holds.
func Combines(held []Set, s Set, sides map[string]string) bool {
	if len(sides) == 0 {
		return false
	}
	first := ""
	for _, joined := range reach(held, s) {
		for _, c := range joined.Categories {
			side := sides[c]
			if side == "" {
				continue
			}
			if first != "" && side != first {
				return true
			}
			first = side
		}
	}
	return false
}

// reach is a set and all others that can be joined with it, by a key in common
// or by way of others. Of a set without keys nobody knows by what it can be
// joined: it is joined with everything.
func reach(held []Set, s Set) []Set {
	keyless := func(o Set) bool { return len(o.Keys) == 0 }
	if keyless(s) || slices.ContainsFunc(held, keyless) {
		return append([]Set{s}, held...)
	}
	out, keys, rest := []Set{s}, slices.Clone(s.Keys), slices.Clone(held)
	for grown := true; grown; {
		grown = false
		rest = slices.DeleteFunc(rest, func(o Set) bool {
			if !shares(o.Keys, keys) {
				return false
			}
			out, keys, grown = append(out, o), append(keys, o.Keys...), true
			return true
		})
	}
	return out
}

func shares(a, b []string) bool {
	return slices.ContainsFunc(a, func(k string) bool { return slices.Contains(b, k) })
}
