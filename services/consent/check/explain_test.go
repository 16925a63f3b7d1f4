package check_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/check"
)

func explain(a *asked) check.Explanation {
	return check.Explain(a.p, a.who, a.q, check.Ask(a.p, a.who, a.q))
}

func TestEveryNoSaysWhatWouldMakeItAYesAndWho(t *testing.T) {
	reached := map[check.Remedy]bool{}
	for reason, change := range refusals() {
		a := yes()
		change(a)
		e := explain(a)
		if e.Remedy == "" || e.Actor == "" || (e.Remedy == check.NoRemedy) != (e.Actor == check.ByNobody) {
			t.Errorf("%s: %q by %q", reason, e.Remedy, e.Actor)
		}
		reached[e.Remedy] = true
	}
	for _, r := range constants(t, "remedy.go", "Remedy") {
		if !reached[check.Remedy(r)] {
			t.Errorf("%s helps nobody", r)
		}
	}
	if e := explain(yes()); e.Remedy != "" || e.Actor != "" {
		t.Errorf("a yes needs %q by %q", e.Remedy, e.Actor)
	}
}

// newer adds a version that is in force from day 2 and is like the first.
func newer(a *asked, change func(*check.Version)) {
	v := a.p.Versions[0]
	v.Number, v.InForce = 2, day(2)
	change(&v)
	a.p.Versions = append(a.p.Versions, v)
}

func TestAnAnswerSaysWhyThatVersionDecided(t *testing.T) {
	same, accepted := func(*check.Version) {}, func(v *check.Version) { v.Accepted = true }
	described := func(a *asked) { a.purpose(func(p *check.Purpose) { p.Basis = check.Described }); a.who.Purposes = nil }
	for name, tc := range map[string]struct {
		change  func(*asked)
		want    check.VersionGround
		version uint32
	}{
		"there is one":                          {func(*asked) {}, check.OnlyVersion, 1},
		"none is in force":                      {func(a *asked) { a.q.At = day(1).Add(-time.Hour) }, "", 0},
		"the question makes no sense":           {func(a *asked) { newer(a, same); a.q.Categories = nil }, "", 2},
		"the data came under the second":        {func(a *asked) { described(a); newer(a, same); a.q.CollectedAt = day(3) }, check.OfCollection, 2},
		"the data came under the first":         {func(a *asked) { described(a); newer(a, same); a.q.CollectedAt = day(1) }, check.OfCollection, 1},
		"nobody knows when the data came":       {func(a *asked) { described(a); newer(a, same) }, check.CollectionUnknown, 1},
		"the second is narrower":                {func(a *asked) { described(a); newer(a, func(v *check.Version) { v.Purposes = nil }) }, check.Narrows, 2},
		"the person granted under the second":   {func(a *asked) { newer(a, same); a.who = decided("news", grant(2)) }, check.WasGranted, 2},
		"the person came under the first":       {func(a *asked) { described(a); newer(a, accepted); a.who.Since = day(1) }, check.CameUnder, 1},
		"the person has accepted the second":    {func(a *asked) { described(a); newer(a, accepted); a.who.Accepted = 2 }, check.WasAccepted, 2},
		"the person has accepted the first one": {func(a *asked) { described(a); newer(a, accepted); a.who.Accepted = 1 }, check.WasAccepted, 1},
	} {
		a := yes()
		tc.change(a)
		if e := explain(a); e.Ground != tc.want || e.Answer.Version != tc.version {
			t.Errorf("%s: %q, version %d; want %q, version %d", name, e.Ground, e.Answer.Version, tc.want, tc.version)
		}
	}
}

func TestEachWayInWhichPromisesPullApartNamesItsRule(t *testing.T) {
	ways := refusals()
	ask := func(pol check.Policy, who check.Person, q check.Question) check.Explanation {
		return check.Explain(pol, who, q, check.Ask(pol, who, q))
	}
	described := func(a *asked) { a.purpose(func(p *check.Purpose) { p.Basis = check.Described }); a.who.Purposes = nil }
	changed := func(changes ...func(*asked)) check.Explanation {
		a := yes()
		for _, c := range changes {
			c(a)
		}
		return explain(a)
	}
	share := of("service.provide", "personal.name", registration, to("service_provider"))
	got := map[string]check.Explanation{
		"CW-03 / CW-04 / CW-11":    ask(policy(pack(t, cw)), check.Person{}, of("service.improve", "account.email", registration)),
		"CW-11's matrix":           changed(ways[check.PurposeNotFor]),
		"QC-04 / QC-14 / QC-15":    changed(),
		"CW-05 / CW-07":            changed((*asked).ground),
		"CW-08 / CW-20":            changed(described, func(a *asked) { newer(a, func(v *check.Version) { v.Accepted = true }); a.who.Since = day(1) }),
		"PT-21 / PT-23":            changed(described, func(a *asked) { newer(a, func(*check.Version) {}); a.q.CollectedAt = day(1) }),
		"PT-22 / PT-03, PT-11":     changed(ways[check.ConsentImplied]),
		"QC-04 / QC-03, QC-07":     changed(ways[check.AgreementMissing]),
		"PT-06 / PT-12 / PT-15":    ask(policy(pack(t, pt)), check.Person{}, share),
		"QC-11":                    changed(ways[check.SourceUnknown]),
		"the protection of people": changed(ways[check.PersonRestricted]),
	}
	want := map[string]check.Conflict{
		"CW-03 / CW-04 / CW-11": check.ConsentBeforeWayOut, "CW-11's matrix": check.ListBoundsConsent, "QC-04 / QC-14 / QC-15": check.ListAndConsent,
		"CW-05 / CW-07": check.GroundExcepts, "CW-08 / CW-20": check.UntilAccepted, "PT-21 / PT-23": check.CollectionDecides,
		"PT-22 / PT-03, PT-11": check.ImpliedIsNoPermission, "QC-04 / QC-03, QC-07": check.AgreementAndConsent, "PT-06 / PT-12 / PT-15": check.KeptApart,
		"QC-11": check.UnknownIsUncovered, "the protection of people": check.ProtectionFirst,
	}
	var rules []string
	for name, e := range got {
		if e.Conflict != want[name] {
			t.Errorf("%s: %q after %+v, want %q", name, e.Conflict, e.Answer, want[name])
		}
		rules = append(rules, string(e.Conflict))
	}
	for _, c := range constants(t, "explain.go", "Conflict") {
		if !slices.Contains(rules, c) {
			t.Errorf("%s is never named", c)
		}
	}
	if e := changed(described); e.Conflict != "" {
		t.Errorf("nothing pulls apart, and the rule is %s", e.Conflict)
	}
}

func TestTheContractHasEveryWordOfAnExplanation(t *testing.T) {
	for _, e := range []struct {
		file, kind, prefix string
		values             map[string]int32
	}{
		{"explain.go", "VersionGround", "VERSION_GROUND_", consentv1.VersionGround_value},
		{"explain.go", "Conflict", "CONFLICT_RULE_", consentv1.ConflictRule_value},
		{"remedy.go", "Remedy", "REMEDY_", consentv1.Remedy_value},
		{"remedy.go", "Actor", "REMEDY_ACTOR_", consentv1.RemedyActor_value},
	} {
		words := constants(t, e.file, e.kind)
		for _, w := range words {
			if _, ok := e.values[e.prefix+w]; !ok {
				t.Errorf("the contract lacks %s%s", e.prefix, w)
			}
		}
		if len(e.values) != len(words)+1 { // and the one that is unspecified
			t.Errorf("%s: %d words in the contract, %d here", e.kind, len(e.values), len(words))
		}
	}
}

// constants are the values of a type's constants in a file.
func constants(t *testing.T, file, kind string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for n := range ast.Preorder(parsed) {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			continue
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == kind {
			out = append(out, strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)) //nolint:forcetypeassert // a test's own source
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s names no %s", file, kind)
	}
	return out
}
