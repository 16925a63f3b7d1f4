package check_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/consent/check"
	"habeas.internal/services/consent/internal/compile"
	"habeas.internal/services/internal/policydoc"
)

// day is a moment long after everything that the tests set up.
func day(n int) time.Time { return time.Date(2026, 11, n, 12, 0, 0, 0, time.UTC) }

// pack reads a published policy, changed by pairs of old and new.
func pack(t *testing.T, id string, change ...string) policydoc.Document {
	t.Helper()
	b, err := fs.ReadFile(policydoc.Published(), id+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for pair := range slices.Chunk(change, 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("%s holds no %q", id, pair[0])
		}
		text = strings.Replace(text, pair[0], pair[1], 1)
	}
	doc, err := policydoc.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s:\n%v", id, err)
	}
	return doc
}

// policy makes documents the versions of a policy, one in force from each day.
func policy(docs ...policydoc.Document) check.Policy {
	p := check.Policy{ID: docs[0].Policy}
	for i, d := range docs {
		v := compile.Document(d).Version
		v.Number, v.InForce = uint32(i+1), day(i+1)
		p.Versions = append(p.Versions, v)
	}
	return p
}

func published() []string { return []string{"caseworks", "personnel-technology", "qcera"} }

// grant is an explicit, proven grant under a version.
func grant(version uint32, recipients ...string) check.Decision {
	return check.Decision{Status: check.Given, Explicit: true, Evidence: true, Version: version, Recipients: recipients}
}

func decided(purpose string, d check.Decision) check.Person {
	return check.Person{Purposes: map[string]check.Decision{purpose: d}}
}

// ask is a question about a pair as the document expects it to be asked.
func ask(d policydoc.Document, c policydoc.Category, p policydoc.Purpose) check.Question {
	q := check.Question{
		Action: check.Use, Purpose: p.ID, Categories: []string{c.ID}, Source: check.Source(c.Sources[0]),
		Cohort: 100, Complement: 100, At: day(20),
	}
	if len(p.Actions) > 0 && !slices.Contains(p.Actions, "use") {
		q.Action = check.Action(p.Actions[0])
	}
	if len(p.Channels) > 0 {
		q.Channel = p.Channels[0]
	}
	if i := slices.IndexFunc(d.Messages, func(m policydoc.Message) bool { return m.Purpose == p.ID }); i >= 0 {
		q.Message = d.Messages[i].ID
	}
	return q
}

// bySource reports whether the document lets data of that source serve a
// purpose.
func bySource(d policydoc.Document, c policydoc.Category, p policydoc.Purpose) bool {
	for _, s := range d.Sources {
		if s.Source == c.Sources[0] && (!s.Accepted || c.Personal && !s.Personal) {
			return false
		}
		if s.Source == c.Sources[0] && len(s.Purposes) > 0 && p.Basis != "legal" && !slices.Contains(s.Purposes, p.ID) {
			return false
		}
	}
	return true
}

// expected says from the document alone who may: somebody undecided, somebody
// who granted explicitly, and somebody who refused.
func expected(d policydoc.Document, c policydoc.Category, p policydoc.Purpose) (undecided, granted, refused bool) {
	if !bySource(d, c, p) {
		return false, false, false
	}
	listed := slices.Contains(p.Categories, c.ID)
	if p.Basis == "legal" {
		return listed, listed, listed
	}
	beyond := d.Undescribed.Mode == "offer" && (d.Consent.Registration != nil && c.Registration || d.Consent.Sensitive != nil && c.Sensitive)
	if beyond && c.Registration && !slices.Contains(c.CollectedFor, p.ID) || beyond && c.Sensitive && !listed {
		return false, true, false
	}
	free := p.Basis == "described" || p.Basis == "contract" || p.Basis == "aggregate" || p.Basis == "opt_out" && !p.Offer
	return listed && free, listed, false
}

func TestEveryPairOfAPublishedPolicyIsJudgedByItsMatrix(t *testing.T) {
	for _, id := range published() {
		d := pack(t, id)
		pol := policy(d)
		for _, c := range d.Categories {
			for _, p := range d.Purposes {
				undecided, granted, refused := expected(d, c, p)
				for _, tc := range []struct {
					name string
					who  check.Person
					want bool
				}{
					{"undecided", check.Person{}, undecided},
					{"granted", decided(p.ID, grant(1)), granted},
					{"refused", decided(p.ID, check.Decision{Status: check.Refused, Explicit: true}), refused},
					{"erased", check.Person{Erased: true, Purposes: map[string]check.Decision{p.ID: grant(1)}}, refused},
				} {
					q := ask(d, c, p)
					q.Stoppable = true
					got := check.Ask(pol, tc.who, q)
					if got.Allowed != tc.want || got.Clause == "" || got.Version != 1 || got.Reason == "" || (got.Basis != "") != got.Allowed {
						t.Errorf("%s: %s for %s, %s: %+v, want %v", id, c.ID, p.ID, tc.name, got, tc.want)
					}
				}
			}
		}
	}
}

func TestNoCategoryIsCollectedFromASourceThatItDoesNotHave(t *testing.T) {
	sources := []string{"online", "offline", "cookie", "affiliate", "third_party", "observed", "registration", ""}
	for _, id := range published() {
		d := pack(t, id)
		pol := policy(d)
		for _, c := range d.Categories {
			for _, p := range d.Purposes {
				for _, s := range sources {
					q := ask(d, c, p)
					q.Source = check.Source(s)
					if got := check.Ask(pol, decided(p.ID, grant(1)), q); got.Allowed && !slices.Contains(c.Sources, s) {
						t.Errorf("%s: %s for %s from %q is allowed", id, c.ID, p.ID, s)
					}
				}
			}
		}
	}
}

func TestNothingIsDisclosedWithoutAKnownAgreement(t *testing.T) {
	for _, id := range published() {
		d := pack(t, id)
		pol := policy(d)
		for _, c := range d.Categories {
			for _, p := range d.Purposes {
				q := ask(d, c, p)
				q.Action, q.Recipient = check.Disclose, "processor"
				if got := check.Ask(pol, decided(p.ID, grant(1, "processor")), q); got.Allowed || got.Clause == "" {
					t.Errorf("%s: %s for %s is disclosed: %+v", id, c.ID, p.ID, got)
				}
			}
		}
	}
}
