package check_test

import (
	"testing"

	"habeas.internal/services/consent/check"
)

// complete is a recipient in the United States that has agreed to everything,
// for the data and the purpose of a question.
func complete(kind string, q check.Question) check.Recipient {
	all := map[string]bool{}
	for _, u := range []string{
		"instructions", "this_policy", "confidentiality", "security", "like_practices", "task_only", "as_specified",
		"improve_only", "never_combined",
	} {
		all[u] = true
	}
	r := check.Recipient{Kind: kind, Region: "us", Agreement: check.Agreement{
		From: day(1), Undertakings: all, Confirmed: day(2), Associate: true,
		Categories: map[string]bool{}, Purposes: map[string]bool{q.Purpose: true}, Mechanism: map[string]bool{"us": true}, MechanismKind: "standard_contractual_clauses",
	}}
	for _, c := range q.Categories {
		r.Agreement.Categories[c] = true
	}
	if kind == "successor" {
		r.Succession = day(3)
	}
	return r
}

func without(undertaking string) func(*check.Recipient) {
	return func(r *check.Recipient) { delete(r.Agreement.Undertakings, undertaking) }
}

func agreement(change func(*check.Agreement)) func(*check.Recipient) {
	return func(r *check.Recipient) { change(&r.Agreement) }
}

// named is a person who has agreed to a purpose and to sharing with a kind of
// recipient.
func named(purpose, kind string) check.Person { return decided(purpose, grant(1, "the-"+kind)) }

func TestASignedAgreementIsWhatItSays(t *testing.T) {
	none := check.Person{}
	provider := func(change ...func(*check.Recipient)) check.Question {
		return of("service.provide", "personal.email", registration, to("service_provider", change...))
	}
	patient := func(change ...func(*check.Recipient)) check.Question {
		return of("service.provide", "patient.information", online, to("service_provider", change...))
	}
	helped := named("service.provide", "service_provider")
	run(t, []twin{
		{"PT-12 complete", pt, none, provider(), check.ContractNeeds, "PT-24", true},
		{"PT-12 no agreement", pt, none, provider(agreement(func(a *check.Agreement) { *a = check.Agreement{} })), check.AgreementMissing, "PT-12", false},
		{"PT-12 not begun", pt, none, provider(agreement(func(a *check.Agreement) { a.From = day(21) })), check.AgreementMissing, "PT-12", false},
		{"PT-12 ended", pt, none, provider(agreement(func(a *check.Agreement) { a.Until = day(20) })), check.AgreementEnded, "PT-12", false},
		{"PT-12 not yet ended", pt, none, provider(agreement(func(a *check.Agreement) { a.Until = day(21) })), check.ContractNeeds, "PT-24", true},
		{"PT-12 category outside", pt, none, provider(agreement(func(a *check.Agreement) { delete(a.Categories, "personal.email") })), check.CategoryNotAgreed, "PT-12", false},
		{"PT-12 purpose outside", pt, none, provider(agreement(func(a *check.Agreement) { delete(a.Purposes, "service.provide") })), check.PurposeNotAgreed, "PT-12", false},
		{"PT-12 confirmation missing", pt, none, provider(agreement(func(a *check.Agreement) { a.Confirmed = day(0).AddDate(0, 1, 0) })), check.ConfirmationMissing, "PT-12", false},
		{"PT-12 no security", pt, none, provider(without("security")), check.UndertakingMissing, "PT-12", false},
		{"PT-12 patients, with a business associate", pt, helped, patient(), check.ContractNeeds, "PT-24", true},
		{"PT-12 patients, without one", pt, helped, patient(agreement(func(a *check.Agreement) { a.Associate = false })), check.AssociateMissing, "PT-12", false},
		{"PT-16 abroad", pt, none, provider(func(r *check.Recipient) { r.Region = "de" }), check.RecipientElsewhere, "PT-16", false},
		{"PT-16 nobody knows where", pt, none, provider(func(r *check.Recipient) { r.Region = "" }), check.RecipientElsewhere, "PT-16", false},
		{"PT-16 the client's own archive", pt, none, of("service.provide", "message.content", online, to("client_archive", func(r *check.Recipient) { r.Region = "de" })), check.ContractNeeds, "PT-24", true},
		{"PT-10 an unlisted kind", pt, none, of("service.provide", "personal.email", registration, to("advertiser")), check.RecipientKindNotListed, "PT-10", false},
	})
	for _, u := range []string{"instructions", "this_policy", "confidentiality", "security"} {
		run(t, []twin{
			{"CW-07 all four", cw, none, of("service.provide", "log.ip_address", observed, to("affiliate")), check.ContractNeeds, "CW-01", true},
			{"CW-07 but for " + u, cw, none, of("service.provide", "log.ip_address", observed, to("affiliate", without(u))), check.UndertakingMissing, "CW-07", false},
		})
	}
}

func TestNothingCuresASale(t *testing.T) {
	paid := agreement(func(a *check.Agreement) { a.Value = true })
	run(t, []twin{
		{"PT-09 analytics for nothing", pt, check.Person{}, of("analytics.improve", "analytics.usage", cookie, to("analytics_provider")), check.NotOptedOut, "PT-13", true},
		{"PT-09 analytics, paid in kind", pt, check.Person{}, of("analytics.improve", "analytics.usage", cookie, to("analytics_provider", paid)), check.SaleForbidden, "PT-09", false},
		{"PT-09 consent does not cure it", pt, named("connect.show_user", "connection"), of("connect.show_user", "personal.name", registration, to("connection", paid)), check.SaleForbidden, "PT-09", false},
		{"PT-09 a successor pays", pt, check.Person{Notified: day(4)}, of("service.provide", "personal.name", registration, to("successor", paid)), check.ContractNeeds, "PT-24", true},
		{"QC-07 a successor pays", qc, named("leave.operate", "successor"), of("leave.operate", "leave.absence", online, to("successor", paid)), check.SaleForbidden, "QC-07", false},
		{"QC-07 client information", qc, named("leave.operate", "helper"), of("leave.operate", "client.information", online, to("helper")), check.ClientInformation, "QC-07", false},
	})
}

func TestASuccessorComesWithNotice(t *testing.T) {
	told := check.Person{Notified: day(4)}
	unrecorded := func(r *check.Recipient) { r.Succession = day(0).AddDate(1, 0, 0) }
	run(t, []twin{
		{"PT-20 recorded, and told", pt, told, of("service.provide", "personal.name", registration, to("successor")), check.ContractNeeds, "PT-24", true},
		{"PT-20 not recorded", pt, told, of("service.provide", "personal.name", registration, to("successor", unrecorded)), check.SuccessionNotRecorded, "PT-20", false},
		{"CW-08 told", cw, told, of("service.provide", "log.ip_address", observed, to("successor")), check.ContractNeeds, "CW-01", true},
		{"CW-08 not told", cw, check.Person{}, of("service.provide", "log.ip_address", observed, to("successor")), check.NoticeMissing, "CW-08", false},
		{"CW-08 told of a day to come", cw, check.Person{Notified: day(21)}, of("service.provide", "log.ip_address", observed, to("successor")), check.NoticeMissing, "CW-08", false},
		{"QC-07 without each person's consent", qc, decided("leave.operate", grant(1)), of("leave.operate", "visitor.name", online, to("successor")), check.PurposeNotFor, "", false},
		{"QC-07 for leave data", qc, decided("leave.operate", grant(1)), of("leave.operate", "leave.absence", online, to("successor")), check.SharingNotConsented, "QC-07", false},
	})
}

func TestSharingNeedsWhatThePersonSaid(t *testing.T) {
	share := func(kind string) check.Question {
		return of("leave.operate", "leave.absence", online, to(kind))
	}
	signalled := named("marketing.partner", "third_party")
	signalled.Signalled = true
	run(t, []twin{
		{"QC-07 a helper, consented", qc, named("leave.operate", "helper"), share("helper"), check.ConsentGiven, "QC-15", true},
		{"QC-07 a helper, not consented", qc, decided("leave.operate", grant(1)), share("helper"), check.SharingNotConsented, "QC-07", false},
		{"QC-07 a helper without confidentiality", qc, named("leave.operate", "helper"), of("leave.operate", "leave.absence", online, to("helper", without("confidentiality"))), check.UndertakingMissing, "QC-07", false},
		{"QC-03 the employer, by instruction alone", qc, decided("leave.operate", grant(1)), share("employer"), check.SharingNotConsented, "QC-03", false},
		{"QC-09 no mechanism", qc, named("leave.operate", "helper"), of("leave.operate", "leave.absence", online, to("helper", func(r *check.Recipient) { r.Region, r.Agreement.Mechanism = "de", nil })), check.MechanismMissing, "QC-09", false},
		{"QC-09 the wrong country", qc, named("leave.operate", "helper"), of("leave.operate", "leave.absence", online, to("helper", func(r *check.Recipient) {
			r.Region, r.Agreement.Mechanism = "de", map[string]bool{"fr": true}
		})), check.MechanismMissing, "QC-09", false},
		{"QC-09 one that the law has ended", qc, named("leave.operate", "helper"), of("leave.operate", "leave.absence", online, to("helper", func(r *check.Recipient) { r.Region, r.Agreement.MechanismKind = "de", "safe_harbor" })), check.MechanismInvalid, "QC-09", false},
		{"QC-09 an ended one", qc, named("leave.operate", "helper"), of("leave.operate", "leave.absence", online, to("helper", func(r *check.Recipient) { r.Region, r.Agreement.MechanismUntil = "de", day(20) })), check.MechanismMissing, "QC-09", false},
		{"QC-09 a valid one", qc, named("leave.operate", "helper"), of("leave.operate", "leave.absence", online, to("helper", func(r *check.Recipient) { r.Region = "de" })), check.ConsentGiven, "QC-15", true},
		{"CW-07 a third party, consented", cw, named("marketing.partner", "third_party"), of("marketing.partner", "log.ip_address", observed, to("third_party")), check.ConsentGiven, "CW-04", true},
		{"CW-07 a third party, not consented", cw, decided("marketing.partner", offered()), of("marketing.partner", "log.ip_address", observed, to("third_party")), check.SharingNotConsented, "CW-07", false},
		{"CW-07 a third party, against a signal", cw, signalled, of("marketing.partner", "log.ip_address", observed, to("third_party")), check.SharingOptedOut, "CW-07", false},
		{"CW-07 a processor, whatever the signal", cw, check.Person{Signalled: true}, of("service.provide", "log.ip_address", observed, to("processor")), check.ContractNeeds, "CW-01", true},
	})
}

func TestAGroundCountsWithItsWholeRecord(t *testing.T) {
	record := check.GroundUse{Belief: "subpoena", BelievedBy: "aaaa", Document: "case:1", Imminent: true}
	use := func(pack, ground string, change func(*check.GroundUse)) twin {
		g := record
		change(&g)
		return twin{pack: pack, ask: of("ground."+ground, map[string]string{cw: "log.ip_address", pt: "personal.email", qc: "leave.absence"}[pack], online, func(q *check.Question) {
			q.Action, q.Recipient, q.Ground = check.Disclose, "court", &g
		})}
	}
	for _, tc := range []struct {
		name, pack, ground string
		change             func(*check.GroundUse)
		reason             check.Reason
		yes                bool
	}{
		{"PT-15 law", pt, "law", func(*check.GroundUse) {}, check.LegalGround, true},
		{"PT-15 law without the document", pt, "law", func(g *check.GroundUse) { g.Document = "" }, check.GroundIncomplete, false},
		{"PT-15 harm without a document", pt, "harm", func(g *check.GroundUse) { g.Document = "" }, check.LegalGround, true},
		{"PT-15 nobody believed it", pt, "terms", func(g *check.GroundUse) { g.BelievedBy = "" }, check.GroundIncomplete, false},
		{"PT-15 nothing was believed", pt, "protection", func(g *check.GroundUse) { g.Belief = "" }, check.GroundIncomplete, false},
		{"PT-15 a ground of Qcera alone", pt, "rights_or_property", func(*check.GroundUse) {}, check.GroundUnknown, false},
		{"CW-07 harm that is not imminent", cw, "imminent_harm", func(g *check.GroundUse) { g.Imminent = false }, check.GroundIncomplete, false},
		{"CW-07 imminent harm", cw, "imminent_harm", func(*check.GroundUse) {}, check.LegalGround, true},
		{"QC-08 safety", qc, "personal_safety", func(*check.GroundUse) {}, check.LegalGround, true},
		{"QC-08 fraud", qc, "protection", func(*check.GroundUse) {}, check.GroundUnknown, false},
	} {
		tw := use(tc.pack, tc.ground, tc.change)
		tw.name, tw.reason, tw.yes = tc.name, tc.reason, tc.yes
		run(t, []twin{tw})
	}
}

func TestWhatMustStayApartIsSaidByEveryVersionThatDecides(t *testing.T) {
	const ban = "    - {what: personal_with_address_or_device, exempt: [law, hosting], clause: PT-06}\n"
	lax := pack(t, pt, "version: 1\n", "version: 2\n", ban, "")
	p := policy(pack(t, pt), lax) // in force from day 1, and from day 2
	share := of("service.provide", "personal.name", registration, to("service_provider"))
	for name, tc := range map[string]struct {
		at, collected int
		apart         bool
	}{
		"before the new one is in force":      {1, 1, true},
		"for data of the time before it":      {20, 1, true},
		"for data of which nobody knows":      {20, 0, true},
		"for data that was collected after":   {20, 3, false},
		"though it is posted for a day ahead": {1, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			q := share
			q.At = day(tc.at)
			if tc.collected > 0 {
				q.CollectedAt = day(tc.collected)
			}
			if sides, clause := p.Apart(check.Person{}, q); (len(sides) > 0) != tc.apart || tc.apart && clause != "PT-06" {
				t.Errorf("%d sides, by clause %q", len(sides), clause)
			}
		})
	}
}

func TestAnOldAnswerStandsAsLongAsEveryVersionInForceLetsIt(t *testing.T) {
	short := pack(t, pt, "version: 1\n", "version: 2\n", "  expressions: [explicit, implied]", "  outage_seconds: 2\n  expressions: [explicit, implied]")
	p := policy(pack(t, pt), short)
	q := of("service.provide", "usage.pages", observed)
	q.At = day(1)
	if got := p.Outage(q).Seconds(); got != 10 {
		t.Errorf("before the second version is in force: %v s", got)
	}
	q.At = day(2)
	if got := p.Outage(q).Seconds(); got != 2 {
		t.Errorf("after: %v s", got)
	}
	q.Categories = []string{"patient.information"}
	if got := p.Outage(q); got != 0 {
		t.Errorf("sensitive: %v", got)
	}
	q.Categories = []string{"no.such"}
	if got := p.Outage(q); got != 0 {
		t.Errorf("unknown: %v", got)
	}
}
