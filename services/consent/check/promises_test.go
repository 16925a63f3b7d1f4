package check_test

import (
	"testing"

	"habeas.internal/services/consent/check"
)

// twin is a case of a promise: what is asked of whom, and the answer.
type twin struct {
	name   string
	pack   string
	who    check.Person
	ask    check.Question
	reason check.Reason
	clause string
	yes    bool
}

// of is a question about one category.
func of(purpose, category string, source check.Source, change ...func(*check.Question)) check.Question {
	q := check.Question{Action: check.Use, Purpose: purpose, Categories: []string{category}, Source: source, At: day(20)}
	for _, c := range change {
		c(&q)
	}
	return q
}

func doing(a check.Action) func(*check.Question) { return func(q *check.Question) { q.Action = a } }

func by(channel string) func(*check.Question) { return func(q *check.Question) { q.Channel = channel } }

// saying makes it one about a message of a kind.
func saying(kind string) func(*check.Question) { return func(q *check.Question) { q.Message = kind } }

// stoppable makes it one about a message that says how to stop its like.
func stoppable(q *check.Question) { q.Stoppable = true }

// to makes the question one about giving the data to a recipient of a kind, which
// has agreed to all that any policy asks, but for the changes.
func to(kind string, change ...func(*check.Recipient)) func(*check.Question) {
	return func(q *check.Question) {
		q.Action, q.Recipient, q.Origin = check.Disclose, "the-"+kind, "us"
		if kind == "" {
			q.Recipient = ""
			return
		}
		q.To = complete(kind, *q)
		for _, c := range change {
			c(&q.To)
		}
	}
}

func implied() check.Decision { return check.Decision{Status: check.Given, Version: 1} }

func unproven() check.Decision {
	return check.Decision{Status: check.Given, Explicit: true, Version: 1}
}

func no(s check.Status) check.Decision {
	return check.Decision{Status: s, Explicit: true, Offered: true, Version: 1}
}

func offered() check.Decision { return check.Decision{Offered: true} }

const (
	cw, pt, qc = "caseworks", "personnel-technology", "qcera"

	registration check.Source = "registration"
	online       check.Source = "online"
	cookie       check.Source = "cookie"
	observed     check.Source = "observed"
)

func TestCaseworksKeepsItsPromises(t *testing.T) {
	undecided := check.Person{}
	run(t, []twin{
		{"CW-01 a category that the policy names", cw, undecided, of("service.provide", "log.ip_address", observed), check.ContractNeeds, "CW-01", true},
		{"CW-02 a card number is no category", cw, undecided, of("billing.charge", "billing.card_number", registration), check.CategoryUnknown, "CW-23", false},
		{"CW-03 for what it was collected for", cw, undecided, of("account.manage", "account.email", registration), check.ContractNeeds, "CW-01", true},
		{"CW-03 for another described purpose", cw, undecided, of("service.improve", "account.email", registration), check.ConsentMissing, "CW-03", false},
		{"CW-03 for another purpose, granted", cw, decided("service.improve", grant(1)), of("service.improve", "account.email", registration), check.ConsentGiven, "CW-03", true},
		{"CW-03 for another purpose, implied", cw, decided("service.improve", implied()), of("service.improve", "account.email", registration), check.ConsentImplied, "CW-03", false},
		{"CW-03 an offered way out is no consent", cw, decided("marketing.partner", offered()), of("marketing.partner", "account.email", registration), check.ConsentMissing, "CW-03", false},
		{"CW-04 not offered", cw, undecided, of("marketing.partner", "log.ip_address", observed), check.NotOffered, "CW-04", false},
		{"CW-04 offered", cw, decided("marketing.partner", offered()), of("marketing.partner", "log.ip_address", observed), check.NotOptedOut, "CW-04", true},
		{"CW-04 opted out", cw, decided("marketing.partner", no(check.Withdrawn)), of("marketing.partner", "log.ip_address", observed), check.OptedOut, "CW-04", false},
		{"CW-05 described internal use", cw, undecided, of("inquiry.respond", "communication.sensitive", online), check.PurposeDescribed, "CW-01", true},
		{"CW-05 undescribed collection", cw, undecided, of("research.study", "communication.sensitive", online, doing(check.Collect)), check.ConsentMissing, "CW-05", false},
		{"CW-05 undescribed, offered", cw, decided("research.study", offered()), of("research.study", "communication.sensitive", online), check.ConsentMissing, "CW-05", false},
		{"CW-05 undescribed, implied", cw, decided("research.study", implied()), of("research.study", "communication.sensitive", online), check.ConsentImplied, "CW-05", false},
		{"CW-05 undescribed, without evidence", cw, decided("research.study", unproven()), of("research.study", "communication.sensitive", online), check.ConsentUnproven, "CW-05", false},
		{"CW-05 undescribed, granted", cw, decided("research.study", grant(1)), of("research.study", "communication.sensitive", online), check.ConsentGiven, "CW-05", true},
		{"CW-05 consent to use is none to share", cw, decided("research.study", grant(1)), of("research.study", "communication.sensitive", online, to("processor")), check.SharingNotOptedIn, "CW-05", false},
		{"CW-05 described use is no consent to share", cw, undecided, of("inquiry.respond", "communication.sensitive", online, to("processor")), check.SharingNotOptedIn, "CW-05", false},
		{"CW-05 opted in to share, naming the kind", cw, decided("research.study", grant(1, "processor")), of("research.study", "communication.sensitive", online, to("processor")), check.ConsentGiven, "CW-05", true},
		{"CW-07 to nobody", cw, undecided, of("service.provide", "log.ip_address", observed, to("")), check.RecipientMissing, "CW-07", false},
		{"CW-06 declined", cw, check.Person{Declined: map[string]bool{"log.ip_address": true}}, of("service.provide", "log.ip_address", observed), check.CategoryDeclined, "CW-06", false},
		{"CW-06 declining one is none of another", cw, check.Person{Declined: map[string]bool{"log.ip_address": true}}, of("service.provide", "log.browser", observed), check.ContractNeeds, "CW-01", true},
		{"CW-07 a ground needs its record", cw, undecided, of("ground.law", "log.ip_address", observed, doing(check.Access)), check.GroundNotRecorded, "CW-07", false},
		{"CW-07 a ground that the policy doesn't have", cw, undecided, of("ground.rights_or_property", "log.ip_address", observed), check.GroundUnknown, "CW-07", false},
		{"CW-11 outside the matrix", cw, undecided, of("trends.track", "log.ip_address", observed), check.PurposeNotFor, "CW-11", false},
		{"CW-11 outside the matrix, granted", cw, decided("trends.track", grant(1)), of("trends.track", "log.ip_address", observed), check.PurposeNotFor, "CW-11", false},
		{"CW-21 a cookie's trends", cw, undecided, of("trends.track", "cookie.browser_id", cookie), check.NotOptedOut, "CW-21", true},
		{"CW-21 a refused cookie", cw, decided("trends.track", no(check.Refused)), of("trends.track", "cookie.browser_id", cookie), check.OptedOut, "CW-21", false},
		{"CW-23 an affiliate's datum is delivered", cw, undecided, of("affiliate.deliver", "affiliate.profile", "affiliate"), check.ContractNeeds, "CW-23", true},
		{"CW-23 an affiliate's datum makes no trends", cw, undecided, of("trends.track", "affiliate.profile", "affiliate"), check.SourceNotFor, "CW-23", false},
		{"CW-18 erased", cw, check.Person{Erased: true}, of("service.provide", "log.ip_address", observed), check.PersonErased, "CW-18", false},
		{"CW-14 what law needs kept, after the erasure", cw, check.Person{Erased: true}, of("legal.retention", "billing.address", registration, doing(check.Preserve)), check.LegalGround, "CW-14", true},
		{"CW-14 a duty to keep is none to use", cw, check.Person{Erased: true}, of("legal.retention", "billing.address", registration), check.ActionNotFor, "CW-14", false},
	})
}

// importer is somebody who has authorised one scope of one provider.
func importer(d check.Decision) check.Person {
	who := decided("import.third_party", d)
	who.Accounts = map[check.Account]string{{Provider: "mailer", Scope: "mail"}: "a1"}
	return who
}

// imported is the question whether content of an account may come in.
func imported(provider, scope string) check.Question {
	return of("import.third_party", "third_party.content", check.ThirdParty, doing(check.Collect), func(q *check.Question) {
		q.Account = check.Account{Provider: provider, Scope: scope}
	})
}

func TestPersonnelTechnologyKeepsItsPromises(t *testing.T) {
	undecided := check.Person{}
	abroad := func(q *check.Question) { q.Region = "de" }
	run(t, []twin{
		{"PT-02 declined", pt, check.Person{Declined: map[string]bool{"personal.mobile_phone": true}}, of("service.provide", "personal.mobile_phone", registration), check.CategoryDeclined, "PT-02", false},
		{"PT-03 contacts, undecided", pt, undecided, of("connect.contact_list", "contacts.list", online, doing(check.Collect)), check.ConsentMissing, "PT-03", false},
		{"PT-03 contacts, permitted", pt, decided("connect.contact_list", grant(1)), of("connect.contact_list", "contacts.list", online, doing(check.Collect)), check.ConsentGiven, "PT-03", true},
		{"PT-03 contacts, withdrawn", pt, decided("connect.contact_list", no(check.Withdrawn)), of("connect.contact_list", "contacts.list", online, doing(check.Collect)), check.ConsentWithdrawn, "PT-03", false},
		{"PT-03 contacts don't permit the calendar", pt, decided("connect.contact_list", grant(1)), of("schedule.calendar", "contacts.calendar", online), check.ConsentMissing, "PT-03", false},
		{"PT-04 signing in authorises nothing", pt, undecided, of("import.third_party", "third_party.content", "third_party", doing(check.Collect)), check.ConsentMissing, "PT-04", false},
		{"PT-04 consent to import authorises no account", pt, decided("import.third_party", grant(1)), imported("mailer", "mail"), check.SourceNotAuthorized, "PT-04", false},
		{"PT-04 authorised and consented", pt, importer(grant(1)), imported("mailer", "mail"), check.ConsentGiven, "PT-04", true},
		{"PT-04 authorised, not consented", pt, importer(check.Decision{}), imported("mailer", "mail"), check.ConsentMissing, "PT-04", false},
		{"PT-04 another scope", pt, importer(grant(1)), imported("mailer", "contacts"), check.ScopeNotAuthorized, "PT-04", false},
		{"PT-04 no scope named", pt, importer(grant(1)), imported("mailer", ""), check.ScopeNotAuthorized, "PT-04", false},
		{"PT-04 another provider", pt, importer(grant(1)), imported("drive", "mail"), check.SourceNotAuthorized, "PT-04", false},
		{"PT-04 no provider named", pt, importer(grant(1)), imported("", ""), check.SourceNotAuthorized, "PT-04", false},
		{"PT-04 imported content falls under the policy", pt, undecided, of("service.imported", "third_party.content", "third_party"), check.ContractNeeds, "PT-04", true},
		{"PT-03 contacts of an account elsewhere, permitted and not authorised", pt, decided("connect.contact_list", grant(1)), of("connect.contact_list", "contacts.list", "third_party", doing(check.Collect)), check.SourceNotAuthorized, "PT-03", false},
		{"PT-07 about the service", pt, undecided, of("mail.service", "personal.email", registration, by("email"), saying("account.notice")), check.ContractNeeds, "PT-07", true},
		{"PT-07 about the service, by another channel", pt, undecided, of("mail.service", "personal.email", registration, by("sms")), check.ChannelNotFor, "PT-07", false},
		{"PT-07 advertising", pt, undecided, of("mail.advertising", "personal.email", registration, by("email")), check.PurposeNotDescribed, "PT-24", false},
		{"PT-07 an urgent danger", pt, undecided, of("notice.safety", "personal.email", registration, by("email"), saying("danger.notice")), check.LegalGround, "PT-07", true},
		{"PT-11 undecided", pt, undecided, of("mail.updates", "personal.email", registration, by("email")), check.ConsentMissing, "PT-11", false},
		{"PT-11 granted, every channel", pt, decided("mail.updates", grant(1)), of("mail.updates", "personal.mobile_phone", registration, by("sms"), saying("patch.announced")), check.ConsentGiven, "PT-11", true},
		{"PT-11 withdrawn", pt, decided("mail.updates", no(check.Withdrawn)), of("mail.updates", "personal.email", registration, by("email")), check.ConsentWithdrawn, "PT-11", false},
		{"PT-11 a release is no message about the service", pt, undecided, of("mail.service", "personal.email", registration, by("email"), saying("release.announced")), check.PurposeNotOfMessage, "PT-11", false},
		{"PT-11 a release is no urgent danger", pt, undecided, of("notice.safety", "personal.email", registration, by("email"), saying("release.announced")), check.PurposeNotOfMessage, "PT-11", false},
		{"PT-11 a message of no kind", pt, undecided, of("mail.service", "personal.email", registration, by("email")), check.MessageMissing, "PT-07", false},
		{"PT-11 a message of no kind and by no channel", pt, decided("mail.updates", grant(1)), of("mail.updates", "personal.email", registration), check.MessageMissing, "PT-11", false},
		{"PT-11 a message of an unknown kind", pt, decided("mail.updates", grant(1)), of("mail.updates", "personal.email", registration, by("email"), saying("prize.won")), check.MessageUnknown, "PT-24", false},
		{"PT-16 abroad", pt, undecided, of("service.provide", "personal.email", registration, abroad), check.RegionNotAllowed, "PT-16", false},
		{"PT-22 necessary, none", pt, undecided, of("service.provide", "personal.email", registration), check.ContractNeeds, "PT-24", true},
		{"PT-22 necessary, implied", pt, decided("service.provide", implied()), of("service.provide", "personal.email", registration), check.ContractNeeds, "PT-24", true},
		{"PT-22 necessary, explicit", pt, decided("service.provide", grant(1)), of("service.provide", "personal.email", registration), check.ContractNeeds, "PT-24", true},
		{"PT-22 opt-in, none", pt, undecided, of("connect.show_user", "personal.name", registration), check.ConsentMissing, "PT-25", false},
		{"PT-22 opt-in, implied", pt, decided("connect.show_user", implied()), of("connect.show_user", "personal.name", registration), check.ConsentImplied, "PT-25", false},
		{"PT-22 opt-in, explicit", pt, decided("connect.show_user", grant(1)), of("connect.show_user", "personal.name", registration), check.ConsentGiven, "PT-25", true},
		{"PT-22 opt-out, none", pt, undecided, of("cookie.quality", "cookie.site", cookie), check.NotOptedOut, "PT-26", true},
		{"PT-22 opt-out, implied", pt, decided("cookie.quality", implied()), of("cookie.quality", "cookie.site", cookie), check.NotOptedOut, "PT-26", true},
		{"PT-22 opt-out, explicit", pt, decided("cookie.quality", grant(1)), of("cookie.quality", "cookie.site", cookie), check.ConsentGiven, "PT-26", true},
		{"PT-13 analytics improves", pt, undecided, of("analytics.improve", "analytics.usage", cookie), check.NotOptedOut, "PT-13", true},
		{"PT-13 analytics is never used to support a person", pt, undecided, of("service.support", "analytics.usage", cookie), check.PurposeNotFor, "PT-24", false},
		{"PT-24 tags make no support", pt, undecided, of("service.support", "tag.use", observed), check.PurposeNotFor, "PT-24", false},
		{"PT-26 a cookie fills nothing personal", pt, undecided, of("service.provide", "personal.name", cookie, doing(check.Collect)), check.SourceNotPersonal, "PT-26", false},
		{"PT-26 a refused cookie", pt, decided("cookie.quality", no(check.Refused)), of("cookie.quality", "cookie.site", cookie), check.OptedOut, "PT-26", false},
		{"PT-27 what remains is stored only", pt, check.Person{Erased: true}, of("service.provide", "message.content", online), check.PersonErased, "PT-27", false},
		{"PT-27 what law needs kept", pt, check.Person{Erased: true}, of("legal.retention", "message.content", online, doing(check.Preserve)), check.LegalGround, "PT-27", true},
		{"PT-14 a small group", pt, undecided, of("aggregate.share", "aggregate.usage", observed, func(q *check.Question) { q.Cohort, q.Complement = 9, 1000 }), check.CohortTooSmall, "PT-14", false},
		{"PT-14 a small rest", pt, undecided, of("aggregate.share", "aggregate.usage", observed, func(q *check.Question) { q.Cohort, q.Complement = 1000, 9 }), check.CohortTooSmall, "PT-14", false},
		{"PT-14 a large group", pt, undecided, of("aggregate.share", "aggregate.usage", observed, func(q *check.Question) { q.Cohort, q.Complement = 10, 10 }), check.Aggregated, "PT-14", true},
	})
}

func TestQceraKeepsItsPromises(t *testing.T) {
	undecided := check.Person{}
	run(t, []twin{
		{"QC-04 undecided", qc, undecided, of("leave.operate", "leave.absence", online), check.ConsentMissing, "QC-15", false},
		{"QC-04 explicit", qc, decided("leave.operate", grant(1)), of("leave.operate", "leave.absence", online), check.ConsentGiven, "QC-15", true},
		{"QC-04 implied", qc, decided("leave.operate", implied()), of("leave.operate", "leave.absence", online), check.ConsentImplied, "QC-15", false},
		{"QC-04 without evidence", qc, decided("leave.operate", unproven()), of("leave.operate", "leave.absence", online), check.ConsentUnproven, "QC-15", false},
		{"QC-04 withdrawn", qc, decided("leave.operate", no(check.Withdrawn)), of("leave.operate", "leave.absence", online), check.ConsentWithdrawn, "QC-15", false},
		{"QC-06 cookies, undecided", qc, undecided, of("cookie.traffic_figures", "cookie.traffic", cookie), check.ConsentMissing, "QC-06", false},
		{"QC-06 aggregate figures, allowed", qc, decided("cookie.traffic_figures", grant(1)), of("cookie.traffic_figures", "cookie.traffic", cookie), check.ConsentGiven, "QC-06", true},
		{"QC-06 a profile", qc, decided("experience.personalise", grant(1)), of("experience.personalise", "cookie.traffic", cookie), check.SourceNotFor, "QC-06", false},
		{"QC-08 a ground of Caseworks", qc, undecided, of("ground.terms", "leave.absence", online, doing(check.Access)), check.GroundUnknown, "QC-07", false},
		{"QC-08 a ground needs its record", qc, undecided, of("ground.law", "leave.absence", online, doing(check.Access)), check.GroundNotRecorded, "QC-08", false},
		{"QC-11 offline", qc, decided("leave.operate", grant(1)), of("leave.operate", "leave.absence", "offline"), check.SourceNotCovered, "QC-11", false},
		{"QC-11 nobody knows how it came", qc, decided("leave.operate", grant(1)), of("leave.operate", "leave.absence", ""), check.SourceUnknown, "QC-11", false},
		{"QC-14 using the site", qc, decided("website.improve", implied()), of("website.improve", "visitor.name", online), check.ConsentImplied, "QC-15", false},
		{"QC-15 a sixth purpose, granted", qc, decided("profile.sell", grant(1)), of("profile.sell", "visitor.name", online), check.PurposeNotDescribed, "QC-15", false},
		{"QC-15 all of several categories", qc, decided("website.improve", grant(1)), of("website.improve", "visitor.name", online, func(q *check.Question) { q.Categories = []string{"visitor.name", "leave.absence"} }), check.PurposeNotFor, "QC-15", false},
	})
	for _, purpose := range []string{"experience.personalise", "website.improve", "customer_service.improve", "mail.periodic"} {
		run(t, []twin{
			{"QC-15 undecided " + purpose, qc, undecided, of(purpose, "visitor.email", online, by("email")), check.ConsentMissing, "", false},
			{"QC-15 granted " + purpose, qc, decided(purpose, grant(1)), of(purpose, "visitor.email", online, by("email"), stoppable), check.ConsentGiven, "", true},
		})
	}
}

func run(t *testing.T, twins []twin) {
	t.Helper()
	for _, tc := range twins {
		t.Run(tc.name, func(t *testing.T) {
			got := check.Ask(policy(pack(t, tc.pack)), tc.who, tc.ask)
			if got.Allowed != tc.yes || got.Reason != tc.reason || tc.clause != "" && got.Clause != tc.clause {
				t.Errorf("%+v, want %v %s %s", got, tc.yes, tc.reason, tc.clause)
			}
		})
	}
}
