package statistic

import (
	"slices"
	"strings"
)

// Decide returns the events that cmd causes. A determination that stands already
// causes none.
func Decide(s Statistic, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Count:
		return count(s, c)
	case Determine:
		return determine(s, c)
	case Release:
		return release(s, c)
	}
	return nil, errCommand
}

func count(s Statistic, c Count) ([]Event, error) {
	if c.CountedAt.After(c.At) {
		return nil, ErrInFuture
	}
	counts := c.Counts
	counts.Number = s.Counts.Number + 1
	counts.Cells = slices.SortedFunc(slices.Values(counts.Cells), func(a, b Cell) int { return strings.Compare(a.Name, b.Name) })
	return []Event{Counted{Counts: counts, RecordedAt: c.At}}, nil
}

func determine(s Statistic, c Determine) ([]Event, error) {
	switch {
	case !c.Until.After(c.From):
		return nil, ErrPeriod
	case s.Determination == c.Determination:
		return nil, nil
	}
	return []Event{Determined{Determination: c.Determination, RecordedAt: c.At}}, nil
}

func release(s Statistic, c Release) ([]Event, error) {
	if s.Counts.Number == 0 {
		return nil, ErrUnknown
	}
	if !c.Verdict.Allowed {
		return refused(c, Refusal(c.Verdict.Reason))
	}
	if !c.Terms.Purposes[c.Purpose] {
		return refused(c, ErrPurpose)
	}
	if r := identifying(s, c); r != "" {
		return refused(c, r)
	}
	cells, ok := s.Counts.named(c.Cells)
	if !ok {
		return refused(c, ErrNotCounted)
	}
	for _, cell := range cells {
		if r := revealing(s.Released[cell.Name], cell.Figure, c.Terms.Minimum); r != "" {
			return refused(c, r)
		}
	}
	return []Event{Released{
		Number: s.Releases + 1, Counts: s.Counts.Number, Policy: c.Policy, Purpose: c.Purpose, Recipient: c.Recipient,
		Cells: cells, Verdict: c.Verdict, At: c.At,
	}}, nil
}

// identifying is why a table may identify somebody; empty if it may not.
func identifying(s Statistic, c Release) Refusal {
	patients := false
	for _, name := range s.Counts.Categories {
		about, known := c.Terms.Categories[name]
		if !known {
			return ErrCategory
		}
		patients = patients || about
	}
	clean := len(s.Counts.Identifiers) == 0 && (s.Counts.Examined || !patients || !c.Terms.Deidentify)
	switch d := s.Determination; {
	case clean || d.stands(c.At):
		return ""
	case d.Document != "":
		return ErrDetermination
	case len(s.Counts.Identifiers) == 0:
		return ErrNotExamined
	}
	return ErrIdentifiers
}

// revealing is why a figure tells of too few people; empty if it does not. What
// left before can be subtracted from it.
func revealing(left []Figure, f Figure, minimum uint64) Refusal {
	if minimum == 0 || f.Count < minimum || f.Complement < minimum {
		return ErrTooSmall
	}
	few := func(a, b uint64) bool { return a != b && max(a, b)-min(a, b) < minimum }
	for _, old := range left {
		if few(f.Count, old.Count) || few(f.Complement, old.Complement) {
			return ErrDifference
		}
	}
	return ""
}

// named are the cells of those names, or all; false if one is not counted.
func (c Counts) named(names []string) ([]Cell, bool) {
	if len(names) == 0 {
		return c.Cells, len(c.Cells) > 0
	}
	var out []Cell
	for _, cell := range c.Cells {
		if slices.Contains(names, cell.Name) {
			out = append(out, cell)
		}
	}
	return out, len(out) == len(slices.Compact(slices.Sorted(slices.Values(names))))
}

func refused(c Release, r Refusal) ([]Event, error) {
	return []Event{Refused{Policy: c.Policy, Reason: r.Reason()}}, r
}
