package conformance_test

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"habeas.internal/services/internal/policydoc"
)

// change replaces one clause of a published policy.
type change struct{ old, by string }

// text is a published policy with changes, each of which must fit exactly one
// place.
func text(t testing.TB, policy string, changes ...change) []byte {
	t.Helper()
	b, err := fs.ReadFile(policydoc.Published(), policy+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	out := string(b)
	for _, c := range changes {
		if n := strings.Count(out, c.old); n != 1 {
			t.Fatalf("%s has %d places that say %q", policy, n, c.old)
		}
		out = strings.Replace(out, c.old, c.by, 1)
	}
	return []byte(out)
}

// second is a published policy as its second version, with changes.
func second(t testing.TB, policy string, changes ...change) []byte {
	t.Helper()
	return text(t, policy, append(changes, change{"\nversion: 1\n", "\nversion: 2\n"})...)
}

// renamed is a published policy in which every category has another id.
func renamed(t testing.TB, policy string) []byte {
	t.Helper()
	out := text(t, policy)
	for _, c := range document(t, policy).Categories {
		id := regexp.MustCompile(`\b` + regexp.QuoteMeta(c.ID) + `\b`)
		out = id.ReplaceAll(out, []byte(c.ID+anotherName))
	}
	return out
}

const anotherName = "_by_another_name"

// document is a published policy as data.
func document(t testing.TB, policy string) policydoc.Document {
	t.Helper()
	doc, err := policydoc.Parse(text(t, policy))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// The words of a policy.
const (
	described = "described"
	contract  = "contract"
	optIn     = "opt_in"
	optOut    = "opt_out"
	legal     = "legal"
	aggregate = "aggregate"
)

// listed reports whether the policy lists a category under a purpose, and
// registration data among what it was collected for.
func listed(p policydoc.Purpose, c policydoc.Category) bool {
	return slices.Contains(p.Categories, c.ID) && (!c.Registration || slices.Contains(c.CollectedFor, p.ID))
}

// reading is a question about a category for a purpose in the way that the
// policy describes: an action and a channel of the purpose, a source of the
// category, and a kind of message of the purpose.
func reading(doc policydoc.Document, p policydoc.Purpose, c policydoc.Category) ask {
	a := ask{purpose: p.ID, category: c.ID, source: c.Sources[0], action: "use"}
	if len(p.Actions) > 0 && !slices.Contains(p.Actions, a.action) {
		a.action = p.Actions[len(p.Actions)-1]
	}
	if p.Periodic { // sending needs more than an answer
		a.action = "access"
	}
	if len(p.Channels) > 0 {
		a.channel = p.Channels[0]
	}
	if i := slices.IndexFunc(doc.Messages, func(m policydoc.Message) bool { return m.Purpose == p.ID }); i >= 0 {
		a.message = doc.Messages[i].ID
	}
	if p.Basis == aggregate {
		a.cohort, a.complement = 1000, 1000
	}
	return a
}

// every are the questions about all that a policy lists.
func every(doc policydoc.Document) []ask {
	var out []ask
	for _, p := range doc.Purposes {
		for _, c := range doc.Categories {
			if listed(p, c) {
				out = append(out, reading(doc, p, c))
			}
		}
	}
	return out
}

// basis is the W3C DPV name of what allows a listed purpose to somebody who
// has granted what is opt-in and nothing else.
func basis(p policydoc.Purpose) (reason, dpv string) {
	switch p.Basis {
	case contract:
		return "CONTRACT_NEEDS", "dpv:ContractPerformance"
	case described:
		return "PURPOSE_DESCRIBED", "dpv:LegitimateInterest"
	case optOut:
		return "NOT_OPTED_OUT", "dpv:LegitimateInterest"
	case legal:
		return "LEGAL_GROUND", "dpv:LegalObligation"
	case aggregate:
		return "AGGREGATED", "dpv:AnonymisedData"
	default:
		return "CONSENT_GIVEN", "dpv:ExplicitlyExpressedConsent"
	}
}

// ofBasis are the ids of a policy's purposes with a basis.
func ofBasis(doc policydoc.Document, basis string) []string {
	var out []string
	for _, p := range doc.Purposes {
		if p.Basis == basis {
			out = append(out, p.ID)
		}
	}
	return out
}
