package check_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/check"
)

// asked is a small policy, a person and a question that is answered with yes.
type asked struct {
	p   check.Policy
	who check.Person
	q   check.Question
}

func (a *asked) v() *check.Version { return &a.p.Versions[0] }

// purpose changes the purpose that is asked about.
func (a *asked) purpose(change func(*check.Purpose)) {
	p := a.v().Purposes["news"]
	change(&p)
	a.v().Purposes["news"] = p
}

func (a *asked) category(change func(*check.Category)) {
	c := a.v().Categories["mail"]
	change(&c)
	a.v().Categories["mail"] = c
}

func (a *asked) decision(change func(*check.Decision)) {
	d := a.who.Purposes["news"]
	change(&d)
	a.who.Purposes["news"] = d
}

// give makes the question one about a disclosure that is allowed.
func (a *asked) give() {
	a.q.Action, a.q.Recipient, a.q.Origin = check.Disclose, "the-helper", "us"
	a.q.To = complete("helper", a.q)
}

// ground makes it one about a use on a ground.
func (a *asked) ground() {
	a.q.Action, a.q.Recipient, a.q.Purpose, a.q.Ground = check.Disclose, "court", "ground.law", &check.GroundUse{Belief: "subpoena"}
}

// yes is what every refusal below is one change away from.
func yes() *asked {
	return &asked{
		p: check.Policy{ID: "p", Versions: []check.Version{{
			Number: 1, InForce: day(1), Closed: true, Age: 13, Minimum: 10,
			Categories: map[string]check.Category{"mail": {Personal: true, Sources: map[check.Source]bool{online: true, check.ThirdParty: true}, Clause: "C"}},
			Purposes: map[string]check.Purpose{"news": {
				Basis: check.OptIn, Categories: map[string]bool{"mail": true}, Channels: map[string]bool{"email": true}, Clause: "P",
				Actions: map[check.Action]bool{check.Use: true, check.Collect: true, check.Disclose: true},
			}},
			Sources:    map[check.Source]check.SourceRule{},
			Grounds:    map[string]check.Ground{"law": {Actions: map[check.Action]bool{check.Disclose: true}, Requires: []string{"belief"}, Clause: "G"}},
			Recipients: map[string]check.Sharing{"helper": {Undertakings: []string{"security"}, Clause: "S"}, "successor": {Clause: "S"}},
			Bans:       map[string]check.Ban{},
			Clauses:    check.Clauses{Scope: "A", Versions: "V", Undescribed: "U", Matrix: "M", Decline: "D", Remainder: "R", Sharing: "S", Regions: "L", Ages: "Y", Aggregates: "G"},
		}}},
		who: decided("news", grant(1)),
		q:   of("news", "mail", online, by("email")),
	}
}

// refusals are the ways to be refused, by what changes a yes into each.
func refusals() map[check.Reason]func(*asked) {
	out := map[check.Reason]func(*asked){}
	maps.Copy(out, outside())
	maps.Copy(out, ofThePerson())
	maps.Copy(out, ofTheRecipient())
	return out
}

// outside are those of questions that leave what the policy describes.
func outside() map[check.Reason]func(*asked) {
	source := func(r check.SourceRule) func(*asked) {
		return func(a *asked) { a.v().Sources[online] = r }
	}
	return map[check.Reason]func(*asked){
		check.NoPolicy:            func(a *asked) { a.q.At = day(1).AddDate(0, 0, -1) },
		check.CollectedLater:      func(a *asked) { a.q.CollectedAt = day(21) },
		check.NoCategories:        func(a *asked) { a.q.Categories = nil },
		check.ActionUnknown:       func(a *asked) { a.q.Action = "sell" },
		check.CategoryUnknown:     func(a *asked) { a.q.Categories = []string{"no.such"} },
		check.PurposeNotDescribed: func(a *asked) { a.q.Purpose = "no.such" },
		check.PurposeNotFor:       func(a *asked) { a.purpose(func(p *check.Purpose) { p.Categories = nil }) },
		check.UnsubscribeRequired: func(a *asked) { a.purpose(func(p *check.Purpose) { p.Periodic = true }) },
		check.MessageMissing:      func(a *asked) { a.v().Messages = map[string]check.Message{"release": {Purpose: "news"}} },
		check.MessageUnknown: func(a *asked) {
			a.q.Message, a.v().Messages = "prize", map[string]check.Message{"release": {Purpose: "news"}}
		},
		check.PurposeNotOfMessage: func(a *asked) {
			a.q.Message, a.v().Messages = "release", map[string]check.Message{"release": {Purpose: "other"}}
		},
		check.ChannelNotForMessage: func(a *asked) {
			a.q.Message, a.v().Messages = "release", map[string]check.Message{"release": {Purpose: "news", Channels: map[string]bool{"sms": true}}}
		},
		check.ActionNotFor:      func(a *asked) { a.q.Action = check.Access },
		check.ChannelNotFor:     func(a *asked) { a.q.Channel = "sms" },
		check.BasisUnknown:      func(a *asked) { a.purpose(func(p *check.Purpose) { p.Basis = "whim" }) },
		check.SourceUnknown:     func(a *asked) { a.q.Source = "" },
		check.SourceNotOf:       func(a *asked) { a.q.Source = observed },
		check.SourceNotCovered:  source(check.SourceRule{}),
		check.SourceNotPersonal: source(check.SourceRule{Accepted: true}),
		check.SourceNotFor:      source(check.SourceRule{Accepted: true, Personal: true, Purposes: map[string]bool{"other": true}}),
		check.RegionNotAllowed:  func(a *asked) { a.v().Regions, a.q.Region = map[string]bool{"us": true}, "de" },
		check.CohortTooSmall:    func(a *asked) { a.purpose(func(p *check.Purpose) { p.Basis = check.Aggregate }) },
		check.FiguresNotCounted: func(a *asked) {
			a.give()
			a.purpose(func(p *check.Purpose) { p.Basis = check.Aggregate })
		},
		check.NoPurpose: func(a *asked) {
			a.q.Action, a.v().Clauses.Need = check.Collect, "N"
			a.purpose(func(p *check.Purpose) { p.Categories = nil })
		},
		check.ActionNotForGround: func(a *asked) { a.ground(); a.q.Action = check.Collect },
		check.GroundUnknown:      func(a *asked) { a.ground(); a.q.Purpose = "ground.no_such" },
		check.GroundNotRecorded:  func(a *asked) { a.ground(); a.q.Ground = nil },
		check.GroundIncomplete:   func(a *asked) { a.ground(); a.q.Ground.Belief = "" },
	}
}

// ofThePerson are those of what the person said, and of what is known of them.
func ofThePerson() map[check.Reason]func(*asked) {
	said := func(change func(*check.Decision)) func(*asked) {
		return func(a *asked) { a.decision(change) }
	}
	status := func(s check.Status) func(*asked) { return said(func(d *check.Decision) { d.Status = s }) }
	on := func(b check.Basis, change func(*asked)) func(*asked) {
		return func(a *asked) {
			a.purpose(func(p *check.Purpose) { p.Basis, p.Offer = b, b == check.OptOut })
			change(a)
		}
	}
	account := func(of string) func(*asked) {
		return func(a *asked) {
			a.q.Action, a.q.Source, a.q.Account = check.Collect, check.ThirdParty, check.Account{Provider: "hub", Scope: "files"}
			a.who.Accounts = map[check.Account]string{{Provider: of, Scope: "stars"}: "id"}
		}
	}
	return map[check.Reason]func(*asked){
		check.ConsentMissing:      status(""),
		check.ConsentRefused:      status(check.Refused),
		check.ConsentWithdrawn:    status(check.Withdrawn),
		check.ConsentExpired:      said(func(d *check.Decision) { d.Until = day(20) }),
		check.ConsentInvalidated:  status(check.Invalidated),
		check.ConsentImplied:      said(func(d *check.Decision) { d.Explicit = false }),
		check.ConsentUnproven:     said(func(d *check.Decision) { d.Evidence = false }),
		check.ConsentNarrower:     narrower,
		check.NotOffered:          on(check.OptOut, func(a *asked) { a.who.Purposes = nil }),
		check.OptedOut:            on(check.OptOut, status(check.Refused)),
		check.PurposeDeclined:     on(check.Described, status(check.Withdrawn)),
		check.CategoryDeclined:    func(a *asked) { a.who.Declined = map[string]bool{"mail": true} },
		check.PersonRestricted:    func(a *asked) { a.who.Restricted = true },
		check.AccountClosed:       func(a *asked) { a.who.Closed = true },
		check.PersonErased:        func(a *asked) { a.who.Erased = true },
		check.PersonMinor:         func(a *asked) { a.who.Minor = true },
		check.AgeTooLow:           func(a *asked) { a.q.Action, a.q.Age = check.Collect, 12 },
		check.SourceNotAuthorized: account("another"),
		check.ScopeNotAuthorized:  account("hub"),
	}
}

// narrower grants under a version that did not list the category, and asks
// under one that does.
func narrower(a *asked) {
	before, now := a.p.Versions[0], a.p.Versions[0]
	before.Purposes = map[string]check.Purpose{"news": {}}
	now.Number, now.InForce = 2, day(2)
	a.p.Versions, a.q.CollectedAt = []check.Version{before, now}, day(3)
}

// ofTheRecipient are those of disclosures.
func ofTheRecipient() map[check.Reason]func(*asked) {
	to := func(change func(*asked)) func(*asked) { return func(a *asked) { a.give(); change(a) } }
	agreed := func(change func(*check.Agreement)) func(*asked) {
		return to(func(a *asked) { change(&a.q.To.Agreement) })
	}
	rule := func(change func(*check.Sharing)) func(*asked) {
		return to(func(a *asked) { s := a.v().Recipients["helper"]; change(&s); a.v().Recipients["helper"] = s })
	}
	ban := func(what string, change func(*asked)) func(*asked) {
		return to(func(a *asked) { a.v().Bans[what] = check.Ban{Clause: "B"}; change(a) })
	}
	return map[check.Reason]func(*asked){
		check.RecipientNotExpected:   func(a *asked) { a.q.Recipient = "the-helper" },
		check.RecipientMissing:       to(func(a *asked) { a.q.Recipient = "" }),
		check.RecipientUnknown:       to(func(a *asked) { a.q.To.Kind = "" }),
		check.RecipientKindNotListed: to(func(a *asked) { a.q.To.Kind = "advertiser" }),
		check.RecipientElsewhere:     to(func(a *asked) { a.v().Regions, a.q.To.Region = map[string]bool{"us": true}, "de" }),
		check.ClientInformation:      ban(check.BanClient, func(a *asked) { a.category(func(c *check.Category) { c.Client = true }) }),
		check.SaleForbidden:          ban(check.BanSale, func(a *asked) { a.q.To.Agreement.Value = true }),
		check.MechanismInvalid:       ban(check.BanTransfer, func(a *asked) { a.q.To.Region, a.q.To.Agreement.MechanismKind = "de", "handshake" }),
		check.MechanismMissing:       ban(check.BanTransfer, func(a *asked) { a.q.To.Region, a.q.To.Agreement.Mechanism = "de", nil }),
		check.AgreementMissing:       agreed(func(g *check.Agreement) { g.From = day(21) }),
		check.AgreementEnded:         agreed(func(g *check.Agreement) { g.Until = day(19) }),
		check.UndertakingMissing:     agreed(func(g *check.Agreement) { delete(g.Undertakings, "security") }),
		check.CategoryNotAgreed:      agreed(func(g *check.Agreement) { g.Categories = nil }),
		check.PurposeNotAgreed:       agreed(func(g *check.Agreement) { g.Purposes = nil }),
		check.ConfirmationMissing: to(func(a *asked) {
			a.v().Recipients["helper"] = check.Sharing{Undertakings: []string{"like_practices"}}
			a.q.To.Agreement.Confirmed = day(21)
		}),
		check.AssociateMissing: to(func(a *asked) {
			a.category(func(c *check.Category) { c.Associate = true })
			a.q.To.Agreement.Associate = false
		}),
		check.SuccessionNotRecorded: to(func(a *asked) { a.q.To.Kind = "successor" }),
		check.NoticeMissing:         rule(func(s *check.Sharing) { s.Notice = true }),
		check.SharingNotConsented:   rule(func(s *check.Sharing) { s.Consent = true }),
		check.SharingOptedOut:       to(func(a *asked) { a.who.Signalled, a.q.To.OwnUse = true, true }),
		check.SharingNotOptedIn: to(func(a *asked) {
			a.v().Clauses.Sensitive = "X"
			a.category(func(c *check.Category) { c.Sensitive = true })
		}),
	}
}

func TestEveryReasonToRefuseIsReachedByOneChangeOfAYes(t *testing.T) {
	for name, allowed := range map[string]func(*asked){"use": func(*asked) {}, "disclosure": (*asked).give, "ground": (*asked).ground} {
		a := yes()
		allowed(a)
		if got := check.Ask(a.p, a.who, a.q); !got.Allowed {
			t.Errorf("%s: %+v", name, got)
		}
	}
	ways := refusals()
	for reason, change := range ways {
		a := yes()
		change(a)
		if got := check.Ask(a.p, a.who, a.q); got.Allowed || got.Reason != reason {
			t.Errorf("%s: answered %+v", reason, got)
		}
	}
	for name, value := range reasons(t) {
		_, reached := ways[value]
		switch {
		case allowing(value) && reached:
			t.Errorf("%s both allows and refuses", name)
		case !allowing(value) && !reached && value != check.CombinationForbidden: // which the register decides, outside of Ask
			t.Errorf("%s is never reached", name)
		}
	}
}

func TestNoTwoWaysToBeRefusedShareAReason(t *testing.T) {
	names, used := reasons(t), map[string][]string{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || slices.Contains([]string{"types.go", "explain.go", "remedy.go"}, file) { // which speak of reasons, and give none
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for n := range ast.Preorder(parsed) {
			if id, ok := n.(*ast.Ident); ok && names[id.Name] != "" {
				used[id.Name] = append(used[id.Name], set.Position(id.Pos()).String())
			}
		}
	}
	for name, value := range names {
		if at := used[name]; !allowing(value) && value != check.CombinationForbidden && len(at) != 1 {
			t.Errorf("%s is the reason in %d places: %s", name, len(at), strings.Join(at, ", "))
		}
	}
}

func TestTheContractHasEveryReason(t *testing.T) {
	want := []string{"REASON_UNSPECIFIED"}
	for _, r := range reasons(t) {
		want = append(want, "REASON_"+string(r))
	}
	got := slices.Sorted(maps.Keys(consentv1.Reason_value))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("the contract lacks %s", w)
			}
		}
		for _, g := range got {
			if !slices.Contains(want, g) {
				t.Errorf("no rule answers %s", g)
			}
		}
	}
}

func allowing(r check.Reason) bool {
	return slices.Contains([]check.Reason{
		check.ConsentGiven, check.PurposeDescribed, check.ContractNeeds, check.NotOptedOut, check.LegalGround, check.Aggregated,
	}, r)
}

// reasons are the constants of types.go, by name.
func reasons(t *testing.T) map[string]check.Reason {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "types.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]check.Reason{}
	for n := range ast.Preorder(parsed) {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			continue
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
			out[spec.Names[0].Name] = check.Reason(strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)) //nolint:forcetypeassert // a test's own source
		}
	}
	if len(out) == 0 {
		t.Fatal("types.go names no reason")
	}
	return out
}
