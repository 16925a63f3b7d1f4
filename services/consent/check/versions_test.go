package check_test

import (
	"testing"
	"time"

	"habeas.internal/services/consent/check"
)

// second adds a described purpose to Personnel Technology's tags.
const newPurpose = "purposes:\n  - id: tags.research\n    title: Research\n    basis: described\n    categories: [tag.use]\n    clause: PT-24\n"

func collected(at time.Time) func(*check.Question) {
	return func(q *check.Question) { q.CollectedAt = at }
}

func wants(t *testing.T, what string, got check.Answer, yes bool, reason check.Reason, version uint32) {
	t.Helper()
	if got.Allowed != yes || got.Reason != reason || got.Version != version {
		t.Errorf("%s: %+v, want %v %s v%d", what, got, yes, reason, version)
	}
}

func TestDataIsJudgedByThePolicyInForceWhenItWasCollected(t *testing.T) {
	p := policy(pack(t, pt), pack(t, pt, "purposes:\n", newPurpose))
	research := func(change ...func(*check.Question)) check.Question {
		return of("tags.research", "tag.use", observed, change...)
	}
	undecided := check.Person{}
	wants(t, "of the first version", check.Ask(p, undecided, research(collected(day(1)))), false, check.PurposeNotDescribed, 1)
	wants(t, "a second before the second", check.Ask(p, undecided, research(collected(day(2).Add(-time.Second)))), false, check.PurposeNotDescribed, 1)
	wants(t, "of the second", check.Ask(p, undecided, research(collected(day(2)))), true, check.PurposeDescribed, 2)
	wants(t, "of before any", check.Ask(p, undecided, research(collected(day(1).Add(-time.Second)))), false, check.PurposeNotDescribed, 1)
	wants(t, "of nobody knows when", check.Ask(p, undecided, research()), false, check.PurposeNotDescribed, 1)
	wants(t, "of tomorrow", check.Ask(p, undecided, research(collected(day(21)))), false, check.CollectedLater, 2)
	wants(t, "of the first, granted since", check.Ask(p, decided("tags.research", grant(2)), research(collected(day(1)))), true, check.PurposeDescribed, 2)
	implied := check.Decision{Status: check.Given, Version: 2}
	wants(t, "of the first, used since", check.Ask(p, decided("tags.research", implied), research(collected(day(1)))), false, check.PurposeNotDescribed, 1)
}

func TestALaterVersionMayNarrowWhatIsDoneWithOlderData(t *testing.T) {
	narrower := pack(t, pt, "categories: [tag.use]\n    clause: PT-24", "categories: [log.device]\n    clause: PT-24")
	p := policy(pack(t, pt), narrower)
	q := of("experience.customize", "tag.use", observed, collected(day(1)))
	wants(t, "narrowed", check.Ask(p, check.Person{}, q), false, check.PurposeNotFor, 2)
	q.At = day(2).Add(-time.Second)
	wants(t, "a second before", check.Ask(p, check.Person{}, q), true, check.PurposeDescribed, 1)
}

func TestNoVersionDecidesBeforeItIsInForce(t *testing.T) {
	p := policy(pack(t, pt))
	q := of("service.provide", "personal.email", registration)
	q.At = day(1).Add(-time.Second)
	wants(t, "a second before", check.Ask(p, check.Person{}, q), false, check.NoPolicy, 0)
	q.At = day(1)
	wants(t, "at the moment", check.Ask(p, check.Person{}, q), true, check.ContractNeeds, 1)
	p.Versions[0].InForce = time.Time{}
	wants(t, "never posted", check.Ask(p, check.Person{}, q), false, check.NoPolicy, 0)
}

func TestAVersionThatReducesRightsBindsAfterExplicitAcceptance(t *testing.T) {
	wider := pack(t, cw, "purposes:\n", "purposes:\n  - id: logs.research\n    title: Research\n    basis: described\n    categories: [log.ip_address]\n    clause: CW-10\n")
	p := policy(pack(t, cw), wider)
	q := of("logs.research", "log.ip_address", observed, collected(day(5)))
	wants(t, "came under the first", check.Ask(p, check.Person{Since: day(1)}, q), false, check.NotOffered, 1)
	wants(t, "accepted the second", check.Ask(p, check.Person{Since: day(1), Accepted: 2}, q), true, check.PurposeDescribed, 2)
	wants(t, "came under the second", check.Ask(p, check.Person{Since: day(3)}, q), true, check.PurposeDescribed, 2)
	wants(t, "nothing known, data of the second", check.Ask(p, check.Person{}, q), true, check.PurposeDescribed, 2)
	q.CollectedAt = time.Time{}
	wants(t, "nothing known at all", check.Ask(p, check.Person{}, q), false, check.NotOffered, 1)
}

func TestAChangeNeverExtendsAnExplicitGrant(t *testing.T) {
	const leave = "      - leave.absence\n      - client.information\n"
	first := pack(t, qc, leave, "      - client.information\n")
	p := policy(first, pack(t, qc))
	q := of("leave.operate", "leave.absence", online, collected(day(3)))
	wants(t, "a purpose that has grown since", check.Ask(p, decided("leave.operate", grant(1)), q), false, check.ConsentNarrower, 2)
	wants(t, "granted as it is", check.Ask(p, decided("leave.operate", grant(2)), q), true, check.ConsentGiven, 2)
	sixth := pack(t, qc, "purposes:\n", "purposes:\n  - id: survey.invite\n    title: Surveys\n    basis: opt_in\n    categories: [visitor.email]\n    clause: QC-15\n")
	p = policy(pack(t, qc), sixth)
	q = of("survey.invite", "visitor.email", online, collected(day(3)))
	wants(t, "another purpose's grant", check.Ask(p, decided("mail.periodic", grant(1)), q), false, check.ConsentMissing, 2)
}

// A change of one clause flips exactly the answers that it is about.
func TestOneClauseFlipsItsAnswer(t *testing.T) {
	for _, tc := range []struct {
		name, pack, old, by string
		ask                 check.Question
		was                 bool
	}{
		{"CW-03", cw, "  registration: {clause: CW-03}\n", "", of("complaint.contact", "account.name", registration), false},
		{"CW-04", cw, "undescribed: {mode: offer,", "undescribed: {mode: closed,", of("marketing.partner", "log.ip_address", observed), false},
		{"PT-03", pt, "basis: opt_in\n    categories: [contacts.list]", "basis: described\n    categories: [contacts.list]", of("connect.contact_list", "contacts.list", online), false},
		{"PT-16", pt, "allowed: [us]", "allowed: [us, de]", of("service.provide", "personal.email", registration, func(q *check.Question) { q.Region = "de" }), false},
		{"PT-26", pt, "{source: cookie, accepted: true, personal: false, clause: PT-26}", "{source: cookie, accepted: false, personal: false, clause: PT-26}", of("cookie.quality", "cookie.site", cookie), true},
		{"CW-23", cw, "purposes: [affiliate.deliver], clause: CW-23}", "purposes: [service.provide], clause: CW-23}", of("affiliate.deliver", "affiliate.profile", "affiliate"), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := check.Ask(policy(pack(t, tc.pack)), check.Person{}, tc.ask)
			after := check.Ask(policy(pack(t, tc.pack, tc.old, tc.by)), check.Person{}, tc.ask)
			if before.Allowed != tc.was || before == after {
				t.Errorf("before %+v, after %+v", before, after)
			}
		})
	}
}
