package disclosure

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Holding is what a recipient got.
type Holding struct {
	Recipient            string
	Categories, Purposes []string // each once, in order
	Disclosures          uint32
	First, Last          time.Time
}

// Given sums up the disclosures among entries, by recipient. Uses of our own are
// none.
func Given(entries []Disclosed) []Holding {
	by := map[string]*Holding{}
	for _, e := range entries {
		if e.Action != disclose {
			continue
		}
		h := by[e.Recipient]
		if h == nil {
			h = &Holding{Recipient: e.Recipient, First: e.At, Last: e.At}
			by[e.Recipient] = h
		}
		h.Categories, h.Purposes = append(h.Categories, e.Categories...), append(h.Purposes, e.Purpose)
		h.Disclosures++
		if e.At.Before(h.First) {
			h.First = e.At
		}
		if e.At.After(h.Last) {
			h.Last = e.At
		}
	}
	out := make([]Holding, 0, len(by))
	for _, h := range by {
		h.Categories, h.Purposes = unique(h.Categories), unique(h.Purposes)
		out = append(out, *h)
	}
	slices.SortFunc(out, func(a, b Holding) int { return strings.Compare(a.Recipient, b.Recipient) })
	return out
}

// Marketed are the entries under a policy that served recipients' own direct
// marketing in a calendar year of a zone (Cal. Civ. Code 1798.83).
func Marketed(entries []Disclosed, policy string, year int, zone *time.Location) []Disclosed {
	from, to := time.Date(year, 1, 1, 0, 0, 0, 0, zone), time.Date(year+1, 1, 1, 0, 0, 0, 0, zone)
	return only(entries, func(e Disclosed) bool {
		return e.Marketing && e.Action == disclose && e.Policy == policy && !e.At.Before(from) && e.At.Before(to)
	})
}

// accountedYears is how far back an accounting reaches (45 CFR 164.528(a)(1)).
const accountedYears = 6

// AccountedFrom is since when an accounting of a moment tells.
func AccountedFrom(at time.Time) time.Time { return at.AddDate(-accountedYears, 0, 0) }

// Accounted are the disclosures since a moment of what exempt does not except,
// oldest first.
func Accounted(entries []Disclosed, from time.Time, exempt func(Disclosed) bool) []Disclosed {
	out := only(entries, func(e Disclosed) bool { return e.Action == disclose && !e.At.Before(from) && !exempt(e) })
	slices.SortStableFunc(out, func(a, b Disclosed) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Number, b.Number))
	})
	return out
}

func only(entries []Disclosed, keep func(Disclosed) bool) (out []Disclosed) {
	for _, e := range entries {
		if keep(e) {
			out = append(out, e)
		}
	}
	return out
}
