package schedule

import (
	"slices"
	"strings"
)

// PurposeEnded is the event from which data counts that no purpose needs any more.
const PurposeEnded = "purpose_ended"

// Grace is for how long data stays that no purpose needs any more: long enough to
// correct a mistake in a policy, and no longer than the law gives to answer who asks.
func Grace() Period { return Period{Days: 30} }

// Limit says when data of a category is over by itself.
type Limit struct {
	Category string // and everything below it
	StartsOn string // the event from which the period counts
	Period   Period
	Clause   string // of the policy
	// Purposes are those for which the data is held, but for law's own.
	Purposes []string
	Source   string // by which it comes in; the first of several
}

// Covers says that a limit is about data of a category.
func (l Limit) Covers(category string) bool {
	rest, ok := strings.CutPrefix(category, l.Category)
	return ok && (rest == "" || rest[0] == '.')
}

func (l Limit) equal(o Limit) bool {
	return l.Category == o.Category && l.StartsOn == o.StartsOn && l.Period == o.Period && l.Clause == o.Clause && l.Source == o.Source &&
		slices.Equal(l.Purposes, o.Purposes)
}

// limits are those of a next version. What an earlier one limited and this one does not
// know any more has no purpose: nothing that was collected under a policy stays for ever.
func (s Schedule) limits(c Put) []Limit {
	if len(s.Versions) == 0 {
		return c.Limits
	}
	last := s.Versions[len(s.Versions)-1].Limits
	if c.KeepLimits {
		return last
	}
	out := slices.Clone(c.Limits)
	for _, l := range last {
		if !slices.ContainsFunc(out, func(o Limit) bool { return o.Category == l.Category }) {
			l.StartsOn, l.Period, l.Purposes = PurposeEnded, Grace(), nil
			out = append(out, l)
		}
	}
	return out
}

// checkLimits finds what forbids limits.
func checkLimits(list []Limit) error {
	seen := map[string]bool{}
	for _, l := range list {
		switch {
		case !dotted(l.Category) || l.StartsOn == "" || seen[l.Category]:
			return ErrLimitMalformed
		case l.Period.IsZero() || l.Period.tooLong():
			return ErrLimitWithoutEnd
		}
		seen[l.Category] = true
	}
	return nil
}
