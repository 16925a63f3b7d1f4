package vocabulary

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"habeas.internal/services/fulfilment/internal/dataset"
)

// Failure is why nobody can say that data of a category may go.
type Failure string

// Error is the code.
func (f Failure) Error() string { return string(f) }

// Reason is the code.
func (f Failure) Reason() string { return string(f) }

// What keeps an erasure from being planned.
const (
	// ErrUnknown: neither a policy nor a schedule of the tenant names the category
	// or one that it is part of, nor does the standard name it. It may be a slip of
	// the pen for one that must be kept.
	ErrUnknown = Failure("CATEGORY_UNKNOWN")
	// ErrTooWide: a rule keeps a part of the category, and the description does
	// not say which rows are of that part.
	ErrTooWide = Failure("CATEGORY_TOO_WIDE")
)

// rule is what a duty to keep is about.
type rule struct {
	category string
	systems  []string
}

func (r rule) of(system string) bool {
	return len(r.systems) == 0 || slices.Contains(r.systems, system)
}

// Known are the names of categories that one tenant uses.
type Known struct {
	named map[string]bool // by a posted policy
	rules []rule          // of posted policies and schedules in force
}

// Judge says whether rules that keep nothing of a category in a system can be
// believed: nil, ErrUnknown or ErrTooWide. What a rule covers is judged by the
// rule.
func (k Known) Judge(system, category string) error {
	if slices.ContainsFunc(k.rules, func(r rule) bool { return r.of(system) && within(r.category, category) }) {
		return ErrTooWide
	}
	if slices.Contains(standard(), category) {
		return nil
	}
	for whole := category; whole != ""; whole, _ = parent(whole) {
		if k.names(whole) {
			if slices.ContainsFunc(k.rules, func(r rule) bool { return within(r.category, whole) }) {
				break // it may be meant for the part that is kept
			}
			return nil
		}
	}
	return ErrUnknown
}

// within reports whether a category is part of a wider one.
func within(category, wider string) bool { return strings.HasPrefix(category, wider+".") }

// parent is the category that one is directly part of; none for the widest.
func parent(category string) (string, bool) {
	i := strings.LastIndexByte(category, '.')
	return category[:max(i, 0)], i > 0
}

// names reports whether the tenant itself uses a name.
func (k Known) names(category string) bool {
	return k.named[category] || slices.ContainsFunc(k.rules, func(r rule) bool { return r.category == category })
}

// maxRemarks bounds what is said of one description.
const maxRemarks = 200

// Remarks say where a description uses categories of which nobody can say
// whether they must be kept, and which only the standard names. They hold names
// of the description and of policies, and nothing else.
func (k Known) Remarks(system string, d *dataset.Dataset) []string {
	var out, unnamed []string
	for _, c := range d.Collections {
		if c.Skip {
			continue
		}
		for _, f := range c.Fields {
			for _, category := range f.Personal() {
				if err := k.Judge(system, category); err != nil {
					out = append(out, k.remark(err, c.Name+"."+f.Name, category))
				} else if !k.covered(category) {
					unnamed = append(unnamed, category)
				}
			}
		}
	}
	slices.Sort(unnamed)
	if unnamed = slices.Compact(unnamed); len(unnamed) > 0 {
		out = append(out, "CATEGORY_NOT_IN_POLICY: no policy and no schedule names "+strings.Join(unnamed, ", ")+
			": nothing is kept of them")
	}
	if len(out) > maxRemarks {
		out = append(out[:maxRemarks], fmt.Sprintf("and %d remarks more", len(out)-maxRemarks))
	}
	return out
}

// covered reports whether the tenant names a category or one that it is part of.
func (k Known) covered(category string) bool {
	for ; category != ""; category, _ = parent(category) {
		if k.names(category) {
			return true
		}
	}
	return false
}

func (k Known) remark(why error, where, category string) string {
	if why == ErrTooWide { //nolint:errorlint // Judge returns its own errors, unwrapped
		return fmt.Sprintf("%s: %s: %s; a rule keeps a part of it: say which part the column holds; until then no erasure that meets it is planned",
			where, why, category)
	}
	return fmt.Sprintf("%s: %s: %s; nearest: %s; until it has a name that is known no erasure that meets it is planned",
		where, why, category, strings.Join(k.nearest(category), ", "))
}

const (
	// near is how many names are proposed.
	near = 3
	// longName bounds what names are compared by.
	longName = 128
)

// nearest are the names that differ least from one that nobody knows.
func (k Known) nearest(category string) []string {
	names := standard()
	for name := range k.named {
		names = append(names, name)
	}
	for _, r := range k.rules {
		names = append(names, r.category)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	away := make(map[string]int, len(names))
	for _, name := range names {
		away[name] = distance(name, category)
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(away[a], away[b]) })
	return names[:min(near, len(names))]
}

// distance is how many letters have to be put in, taken out or changed to make
// one name of the other.
func distance(a, b string) int {
	a, b = a[:min(len(a), longName)], b[:min(len(b), longName)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
