package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
)

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// date is a day as a sentence has it.
func date(t time.Time) string { return t.Format("2 January 2006") }

// day is a day of the contract, which is 2006-01-02, as a sentence has it.
func day(text string) string {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return text
	}
	return date(t)
}

// found lists how many values hold what.
func found(s Scan) string {
	var parts []string
	for _, what := range kinds() {
		if n := s.Of(what); n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", what, n))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// tell says what came of a request.
func (p *player) tell(a ask, q *fulfilmentv1.Request, f Followed) {
	p.say("  Outcome: %s.", f.Outcome)
	place := ""
	for _, l := range q.GetLeaves() {
		if at := l.GetSystem() + " " + l.GetCollection(); at != place {
			place = at
			p.say("    %s", at)
		}
		p.say("      %-24s%7s  %s", l.GetCategory(), count(int(l.GetRowsFound()), "row"), word(l.GetOutcome().String(), "LEAF_OUTCOME_"))
	}
	if a.right == fulfilmentv1.Right_RIGHT_ERASURE {
		p.tellKept(q)
		p.tellScan(f)
	}
	if q.GetPackageUri() != "" {
		p.say("  The package lies sealed in the folder packages until %s, as", date(q.GetPackageExpiresAt().AsTime()))
		p.say("  %s.", q.GetPackageUri())
	}
}

// tellKept says what stays, on which ground and until when.
func (p *player) tellKept(q *fulfilmentv1.Request) {
	said := false
	for _, l := range q.GetLeaves() {
		if l.GetOutcome() != fulfilmentv1.LeafOutcome_LEAF_OUTCOME_RETAINED {
			continue
		}
		if !said {
			said = true
			p.say("  What is kept, and why:")
		}
		p.say("    %s %s, %s of %s", l.GetSystem(), l.GetCollection(), count(int(l.GetRowsFound()), "row"), l.GetCategory())
		p.say("      %s (%s), until %s", l.GetReason(), l.GetAuthority(), date(l.GetUntil().AsTime()))
	}
}

// tellScan says what is found of the person now, and where.
func (p *player) tellScan(f Followed) {
	p.say("  A scan of all %s in %s of %s (%d values) finds now:", count(f.After.Columns, "column"), count(f.After.Tables, "table"),
		count(f.After.Databases, "database"), f.After.Values)
	for _, what := range kinds() {
		before := f.Before.Of(what)
		if before == 0 {
			continue
		}
		now := f.After.Of(what)
		p.say("    %-17s%3d, before %d", what, now, before)
		for _, place := range slices.Sorted(maps.Keys(f.After.Places[what])) {
			p.say("      in %s: %d", place, f.After.Places[what][place])
		}
	}
	if f.After.Of(traceAddress) > 0 {
		p.say("  The address stays on bills that are kept, and where others live at it.")
	}
}
