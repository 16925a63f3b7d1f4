package check_test

import (
	"testing"
	"time"

	"habeas.internal/services/consent/check"
	"habeas.internal/services/internal/policydiff"
	"habeas.internal/services/internal/policydiff/policydifftest"
	"habeas.internal/services/internal/policydoc"

	"pgregory.net/rapid"
)

// The order of clauses and the rules that decide say the same: what a version
// allows of somebody who has not consented to it, and the one before did not
// allow, is a reduction by the order.
func TestWhatAVersionAllowsBeyondTheOneBeforeIsAReduction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := policydifftest.Published(t)
		after := policydifftest.Changed(t, before, 2)
		changes := policydiff.Compare(before, after)
		if changes.Reduces() {
			return
		}
		was, is := policy(before), policy(before, after)
		for range 50 {
			who, q := anybody(t, before), anything(t, after)
			earlier := check.Ask(was, who, q)
			who.Accepted, q.CollectedAt = 2, day(3) // the second version alone decides
			later := check.Ask(is, who, q)
			if later.Allowed && !earlier.Allowed {
				t.Fatalf("no reduction, and yet\n%+v\nof %+v is %+v by the second version\nand %+v by the first\n%+v", q, who, later, earlier, changes)
			}
		}
	})
}

// anybody is a person who has decided under the first version, or not at all.
func anybody(t *rapid.T, doc policydoc.Document) check.Person {
	who := check.Person{Purposes: map[string]check.Decision{}, Since: day(1), Signalled: rapid.Bool().Draw(t, "signalled")}
	for _, p := range doc.Purposes {
		who.Purposes[p.ID] = rapid.SampledFrom([]check.Decision{
			{}, grant(1), grant(1, "processor", "helper", "the-helper"), no(check.Refused), implied(), offered(), unproven(),
		}).Draw(t, "decision")
	}
	if rapid.IntRange(0, 9).Draw(t, "notified") == 0 {
		who.Notified = day(1)
	}
	return who
}

// anything is a question that the document may know an answer to.
func anything(t *rapid.T, doc policydoc.Document) check.Question {
	q := check.Question{
		Action:  rapid.SampledFrom([]check.Action{check.Collect, check.Use, check.Preserve, check.Disclose}).Draw(t, "action"),
		Purpose: "something.else", At: day(20), CollectedAt: day(1),
		Source:  check.Source(rapid.SampledFrom([]string{"online", "registration", "observed", "cookie", "offline"}).Draw(t, "source")),
		Channel: rapid.SampledFrom([]string{"", "email", "post"}).Draw(t, "channel"),
		Region:  rapid.SampledFrom([]string{"", "us", "de"}).Draw(t, "region"),
		Cohort:  uint64(rapid.IntRange(1, 20).Draw(t, "cohort")), Complement: 100,
		Age: rapid.Uint32Range(0, 20).Draw(t, "age"),
	}
	if len(doc.Categories) == 0 || len(doc.Purposes) == 0 {
		return q
	}
	q.Categories = []string{rapid.SampledFrom(doc.Categories).Draw(t, "category").ID}
	if rapid.IntRange(0, 9).Draw(t, "described") > 0 {
		p := rapid.SampledFrom(doc.Purposes).Draw(t, "purpose")
		q.Purpose = p.ID
		if len(p.Categories) > 0 {
			q.Categories[0] = rapid.SampledFrom(p.Categories).Draw(t, "listed")
		}
	}
	if len(doc.Grounds) > 0 && rapid.IntRange(0, 9).Draw(t, "ground") == 0 {
		q.Purpose = check.GroundPrefix + rapid.SampledFrom(doc.Grounds).Draw(t, "which").ID
		q.Ground = &check.GroundUse{Belief: "necessary", BelievedBy: "somebody", Imminent: rapid.Bool().Draw(t, "imminent")}
	}
	if q.Action == check.Disclose && len(doc.Sharing.Recipients) > 0 {
		r := rapid.SampledFrom(doc.Sharing.Recipients).Draw(t, "recipient")
		to(r.Kind)(&q)
		q.To.Succession = day(1)
		q.To.Region = rapid.SampledFrom([]string{"us", "de"}).Draw(t, "kept in")
		q.To.Agreement.Value = rapid.Bool().Draw(t, "value")
		if len(r.Undertakings) > 0 && rapid.Bool().Draw(t, "less") {
			delete(q.To.Agreement.Undertakings, rapid.SampledFrom(r.Undertakings).Draw(t, "without"))
		}
	}
	return q
}

const (
	collectedBinds = "versions: {binds: collected,"
	acceptedBinds  = "versions: {binds: accepted,"
)

func TestALaterVersionCannotTakeBackByWhatAVersionBinds(t *testing.T) {
	wider := []string{"purposes:\n", "purposes:\n  - id: logs.research\n    title: Research\n    basis: described\n    categories: [log.ip_address]\n    clause: CW-10\n"}
	q := of("logs.research", "log.ip_address", observed, collected(day(5)))
	since := check.Person{Since: day(1)}
	escaped := policy(pack(t, cw), pack(t, cw, append(wider, acceptedBinds, collectedBinds)...))
	wants(t, "bound by acceptance until the second version says otherwise", check.Ask(escaped, since, q), false, check.NotOffered, 1)
	since.Accepted = 2
	wants(t, "which the person has accepted", check.Ask(escaped, since, q), true, check.PurposeDescribed, 2)
	turned := policy(pack(t, pt), pack(t, pt, collectedBinds, acceptedBinds, "purposes:\n", newPurpose))
	q = of("tags.research", "tag.use", observed, collected(day(1)))
	wants(t, "judged by its collection until the second version says otherwise", check.Ask(turned, check.Person{Since: day(3)}, q), false, check.PurposeNotDescribed, 1)
	// without the defence, the second version's word alone would count
	alone := policy(pack(t, pt, collectedBinds, acceptedBinds), pack(t, pt, collectedBinds, acceptedBinds, "purposes:\n", newPurpose))
	wants(t, "where acceptance was promised all along", check.Ask(alone, check.Person{Since: day(3), Accepted: 2}, q), true, check.PurposeDescribed, 2)
}

func TestAGrantSpeaksForItsPurposeAndForNothingElseOfTheVersion(t *testing.T) {
	const research = "purposes:\n  - id: tags.research\n    title: Research\n    basis: opt_in\n    categories: [tag.use]\n    clause: PT-24\n"
	p := policy(pack(t, pt), pack(t, pt, "purposes:\n", research, "allowed: [us]", "allowed: [us, de]"))
	who := decided("tags.research", grant(2))
	q := of("tags.research", "tag.use", observed, collected(day(1)))
	wants(t, "what was granted", check.Ask(p, who, q), true, check.ConsentGiven, 2)
	q.Region = "de"
	wants(t, "in a place that the first version forbids", check.Ask(p, who, q), false, check.RegionNotAllowed, 1)
	q.CollectedAt = day(3)
	wants(t, "data of the second version there", check.Ask(p, who, q), true, check.ConsentGiven, 2)
}

func TestAGrantCoversNoActionAndNoChannelThatCameLater(t *testing.T) {
	const one = "    basis: opt_in\n    categories: [visitor.email]\n    channels: [email]\n    periodic: true\n"
	p := policy(pack(t, qc), pack(t, qc, one, "    basis: opt_in\n    categories: [visitor.email]\n    channels: [email, post]\n"))
	q := of("mail.periodic", "visitor.email", online, by("post"), collected(day(3)))
	wants(t, "granted before there was post", check.Ask(p, decided("mail.periodic", grant(1)), q), false, check.ConsentNarrower, 2)
	wants(t, "granted since", check.Ask(p, decided("mail.periodic", grant(2)), q), true, check.ConsentGiven, 2)
}

func TestTheVersionsThatBindSomebodyAreThoseFromWhichTheyCame(t *testing.T) {
	three := policy(pack(t, cw), pack(t, cw), pack(t, cw))
	for _, tc := range []struct {
		name string
		who  check.Person
		at   time.Time
		want int
	}{
		{"came under the first", check.Person{Since: day(1)}, day(9), 3},
		{"came under the second", check.Person{Since: day(2)}, day(9), 2},
		{"accepted the third", check.Person{Since: day(1), Accepted: 3}, day(9), 1},
		{"is not known", check.Person{}, day(9), 1},
		{"came under the first, asked when there was no other", check.Person{Since: day(1)}, day(1), 1},
		{"before any", check.Person{Since: day(1)}, day(1).Add(-time.Hour), 0},
	} {
		if got := three.Binding(tc.who, tc.at); len(got) != tc.want {
			t.Errorf("%s: bound by %d versions, want %d", tc.name, len(got), tc.want)
		}
	}
}
