package check_test

import (
	"testing"
	"time"

	"habeas.internal/services/consent/check"
	"habeas.internal/services/internal/policydoc"

	"pgregory.net/rapid"
)

// drawn is a policy of two versions, a person and a question, all drawn.
type drawn struct {
	policy check.Policy
	who    check.Person
	ask    check.Question
}

// versions are the pairs of versions that questions are drawn for.
func versions(t *testing.T) [][]policydoc.Document {
	t.Helper()
	return [][]policydoc.Document{
		{pack(t, cw), pack(t, cw, "purposes:\n", "purposes:\n  - id: x.research\n    title: Research\n    basis: described\n    categories: [log.ip_address]\n    clause: CW-10\n")},
		{pack(t, pt), pack(t, pt, "purposes:\n", newPurpose)},
		{pack(t, qc), pack(t, qc, "      - leave.absence\n      - client.information\n", "      - client.information\n")},
	}
}

func draw(t *rapid.T, all [][]policydoc.Document) drawn {
	docs := rapid.SampledFrom(all).Draw(t, "policy")
	d := &drawn{policy: policy(docs...)}
	purposes, categories := []string{"marketing.partner", "ground.law"}, []string{"no.such"}
	for _, p := range docs[1].Purposes {
		purposes = append(purposes, p.ID)
	}
	for _, c := range docs[1].Categories {
		categories = append(categories, c.ID)
	}
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return day(rapid.IntRange(0, 4).Draw(t, "day")).Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "off")))
	})
	d.ask = check.Question{
		Action:     rapid.SampledFrom([]check.Action{check.Collect, check.Access, check.Use, check.Preserve, check.Disclose, ""}).Draw(t, "action"),
		Purpose:    rapid.SampledFrom(purposes).Draw(t, "purpose"),
		Categories: rapid.SliceOfN(rapid.SampledFrom(categories), 1, 3).Draw(t, "categories"),
		Source:     rapid.SampledFrom([]check.Source{online, registration, cookie, observed, "affiliate", "offline", ""}).Draw(t, "source"),
		Channel:    rapid.SampledFrom([]string{"", "email"}).Draw(t, "channel"),
		At:         moment.Draw(t, "at"),
	}
	if rapid.IntRange(0, 3).Draw(t, "fitting") > 0 { // else hardly anything would be allowed
		d.fit(t, docs[1])
	}
	if rapid.Bool().Draw(t, "collection known") {
		d.ask.CollectedAt = moment.Draw(t, "collected")
	}
	d.who = check.Person{
		Purposes: map[string]check.Decision{d.ask.Purpose: {
			Status:   rapid.SampledFrom([]check.Status{"", check.Given, check.Given, check.Refused, check.Withdrawn}).Draw(t, "status"),
			Explicit: rapid.Bool().Draw(t, "explicit"), Evidence: rapid.Bool().Draw(t, "evidence"),
			Offered: rapid.Bool().Draw(t, "offered"), Version: uint32(rapid.IntRange(0, 2).Draw(t, "version")),
		}},
		Accepted: uint32(rapid.IntRange(0, 2).Draw(t, "accepted")),
	}
	if rapid.Bool().Draw(t, "came") {
		d.who.Since = moment.Draw(t, "since")
	}
	return *d
}

// fit makes the question one about a pair that the newest version lists, often
// of the purpose that it has added.
func (d *drawn) fit(t *rapid.T, doc policydoc.Document) {
	p := doc.Purposes[rapid.IntRange(0, len(doc.Purposes)-1).Draw(t, "listed")]
	if rapid.Bool().Draw(t, "newest") {
		p = doc.Purposes[0]
	}
	id := rapid.SampledFrom(p.Categories).Draw(t, "its category")
	d.ask.Action, d.ask.Purpose, d.ask.Categories = check.Use, p.ID, []string{id}
	for _, c := range doc.Categories {
		if c.ID == id {
			d.ask.Source = check.Source(c.Sources[0])
		}
	}
}

// legal reports whether the question is about what law demands, in every
// version.
func (d drawn) legal() bool {
	for _, v := range d.policy.Versions {
		if v.Purposes[d.ask.Purpose].Basis != check.Legal {
			return false
		}
	}
	return true
}

func TestWhatIsKnownOfAPersonOnlyTakesAway(t *testing.T) {
	all := versions(t)
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, all)
		before := check.Ask(d.policy, d.who, d.ask).Allowed
		for name, change := range map[string]func(*check.Person){
			"restricted": func(p *check.Person) { p.Restricted = true },
			"closed":     func(p *check.Person) { p.Closed = true },
			"erased":     func(p *check.Person) { p.Erased = true },
			"declined":   func(p *check.Person) { p.Declined = map[string]bool{d.ask.Categories[0]: true} },
			"withdrawn": func(p *check.Person) {
				p.Purposes = map[string]check.Decision{d.ask.Purpose: {Status: check.Withdrawn, Explicit: true, Version: 2}}
			},
		} {
			who := d.who
			change(&who)
			got := check.Ask(d.policy, who, d.ask)
			if got.Allowed && !before {
				t.Fatalf("%s: allowed as %s, and denied without", name, got.Reason)
			}
			if got.Allowed && !d.legal() && name != "restricted" && name != "closed" {
				t.Fatalf("%s: allowed as %s", name, got.Reason)
			}
			if got.Allowed && !d.legal() && d.ask.Action != check.Preserve {
				t.Fatalf("%s: %s is allowed as %s", name, d.ask.Action, got.Reason)
			}
		}
	})
}

func TestSeveralCategoriesAreAllowedIfEachIs(t *testing.T) {
	all := versions(t)
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, all)
		each := true
		for _, c := range d.ask.Categories {
			q := d.ask
			q.Categories = []string{c}
			each = each && check.Ask(d.policy, d.who, q).Allowed
		}
		if got := check.Ask(d.policy, d.who, d.ask); got.Allowed != each {
			t.Fatalf("%+v, each alone %v", got, each)
		}
	})
}

func TestALaterVersionNeverWidensWhatNobodyGranted(t *testing.T) {
	all := versions(t)
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, all)
		d.who.Purposes, d.who.Accepted, d.who.Since = nil, 0, day(1)
		d.ask.CollectedAt = day(1)
		first := check.Policy{ID: d.policy.ID, Versions: d.policy.Versions[:1]}
		if check.Ask(d.policy, d.who, d.ask).Allowed && !check.Ask(first, d.who, d.ask).Allowed {
			t.Fatal("the second version allows what the first denied, for data of the first")
		}
	})
}

func TestEveryAnswerSaysWhy(t *testing.T) {
	all := versions(t)
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, all)
		got := check.Ask(d.policy, d.who, d.ask)
		if got.Reason == "" || got.Allowed != (got.Basis != "") {
			t.Fatalf("%+v", got)
		}
		if got.Reason != check.NoPolicy && (got.Version == 0 || got.Clause == "" && got.Reason != check.ActionUnknown) {
			t.Fatalf("%+v", got)
		}
		if got.Allowed && d.ask.Action == check.Disclose {
			t.Fatalf("disclosed: %+v", got)
		}
	})
}
