package conformance_test

import (
	"slices"
	"strings"
	"testing"

	"habeas.internal/services/internal/policydoc"
)

// kinds are the kinds of data that the texts name, as the first parts of the
// categories' ids.
func kinds(policy string) []string {
	if policy == caseworksTenant {
		return []string{"account", "affiliate", "aggregate", "billing", "communication", "cookie", "log"}
	}
	return []string{
		"aggregate", "analytics", "communication", "contacts", "cookie", "log", "message", "patient", "personal", "tag",
		"third_party", "usage",
	}
}

// kindsOfData shows CW-01 and PT-01. Each category of the policy is accepted
// for each purpose that lists it, on that purpose's basis. The same question is
// refused when the data came in another way, and when the policy calls the
// category otherwise.
func kindsOfData(policy string) func(t *testing.T, w *world) {
	return func(t *testing.T, w *world) {
		doc := document(t, policy)
		var found []string
		for _, c := range doc.Categories {
			kind, _, _ := strings.Cut(c.ID, ".")
			found = append(found, kind)
			if len(c.Sources) == 0 || !slices.ContainsFunc(doc.Purposes, func(p policydoc.Purpose) bool { return listed(p, c) }) {
				t.Errorf("%s has sources %v and no purpose", c.ID, c.Sources)
			}
		}
		slices.Sort(found)
		if found = slices.Compact(found); !slices.Equal(found, kinds(policy)) {
			t.Errorf("the policy names data of the kinds %v, its text %v", found, kinds(policy))
		}
		p := w.stranger(policy, policy)
		p.grants(ofBasis(doc, optIn)...)
		p.keepsToItsSources(doc)
		other := w.stranger(w.tenantWith(renamed(t, policy)), policy)
		other.grants(ofBasis(doc, optIn)...)
		for _, a := range every(doc) {
			purpose := doc.Purposes[slices.IndexFunc(doc.Purposes, func(p policydoc.Purpose) bool { return p.ID == a.purpose })]
			reason, dpv := basis(purpose)
			if got := p.allowed(a.category+" for "+a.purpose, a, reason); got.GetBasis() != dpv {
				t.Errorf("%s for %s is allowed on %s, not on %s", a.category, a.purpose, got.GetBasis(), dpv)
			}
			other.denied(a.category+", which the policy calls otherwise", a, "CATEGORY_UNKNOWN")
			a.category += anotherName
			other.allowed(a.category+" for "+a.purpose, a, reason)
		}
	}
}

// keepsToItsSources: what came in on a way that is none of the category's is
// refused, for every purpose that lists it.
func (p *person) keepsToItsSources(doc policydoc.Document) {
	p.w.Helper()
	var asks []ask
	for _, a := range every(doc) {
		c := doc.Categories[slices.IndexFunc(doc.Categories, func(c policydoc.Category) bool { return c.ID == a.category })]
		for _, source := range []string{"online", "offline", "cookie", "affiliate", "third_party", "observed", "registration", "unspecified"} {
			if !slices.Contains(c.Sources, source) {
				a.source = source
				asks = append(asks, a)
			}
		}
	}
	for i, got := range p.answers(asks) {
		if got.GetAllowed() || !strings.HasPrefix(got.GetReason(), "SOURCE_") {
			p.w.Errorf("%s from %s: allowed %v, %s", asks[i].category, asks[i].source, got.GetAllowed(), got.GetReason())
		}
	}
}

// internalPurposesOnly shows PT-24 with every pair of a purpose and a category.
func internalPurposesOnly(t *testing.T, w *world) {
	doc := document(t, personnelTenant)
	p := w.stranger(personnelTenant, personnelTenant)
	for _, purpose := range doc.Purposes { // a grant opens nothing that the list closes
		p.grants(purpose.ID)
	}
	var pairs []ask
	for _, purpose := range doc.Purposes {
		for _, c := range doc.Categories {
			pairs = append(pairs, reading(doc, purpose, c))
		}
	}
	inside := every(doc)
	for i, got := range p.answers(pairs) {
		if want := slices.Contains(inside, pairs[i]); got.GetAllowed() != want {
			t.Errorf("%s for %s: allowed %v, %s; the policy lists it: %v", pairs[i].category, pairs[i].purpose, got.GetAllowed(), got.GetReason(), want)
		}
	}
	undecided := w.stranger(personnelTenant, personnelTenant)
	for i, got := range undecided.answers(inside) {
		purpose := doc.Purposes[slices.IndexFunc(doc.Purposes, func(p policydoc.Purpose) bool { return p.ID == inside[i].purpose })]
		reason, _ := basis(purpose)
		if purpose.Basis == optIn {
			reason = "CONSENT_MISSING"
		}
		w.expect(inside[i].category+" for "+purpose.ID+", undecided", got, purpose.Basis != optIn, reason)
	}
	for _, c := range doc.Categories { // outside the list, and outside the house
		a := ask{purpose: "profile.sell", category: c.ID, source: c.Sources[0]}
		p.denied(c.ID+" for a purpose that is not listed", a, "PURPOSE_NOT_DESCRIBED")
	}
	for _, a := range inside {
		a.action, a.recipient = "disclose", "data_broker"
		if got := p.answers([]ask{a})[0]; got.GetAllowed() {
			t.Errorf("%s for %s goes to somebody outside", a.category, a.purpose)
		}
	}
	tags := ask{purpose: "experience.customize", category: "log.device", source: "observed"}
	p.denied("logs customise nothing", tags, "PURPOSE_NOT_FOR_CATEGORY")
	wider := w.tenantOf(personnelTenant, change{"categories: [tag.use]\n    clause: PT-24", "categories: [tag.use, log.device]\n    clause: PT-24"})
	w.stranger(wider, personnelTenant).allowed("logs, where the policy lists them", tags, "PURPOSE_DESCRIBED")
}

// everyProduct shows CW-23.
func everyProduct(t *testing.T, w *world) {
	p := w.stranger(caseworksTenant, caseworksTenant)
	account := ask{purpose: "account.manage", category: "account.name", source: "registration"}
	profile := ask{purpose: "profile.sell", category: "account.name", source: "registration"}
	for _, product := range []string{"caseworks-web", "a-product-that-nobody-has-listed"} {
		c := w.AsProduct(caseworksTenant, product)
		got := p.answered("an account, asked by "+product, c, account, true, "CONTRACT_NEEDS")
		if got.GetClause() != "CW-01" || got.GetVersion() != 1 {
			t.Errorf("%s is answered by %s of version %d", product, got.GetClause(), got.GetVersion())
		}
		p.answered("a profile, asked by "+product, c, profile, false, "CONSENT_MISSING")
	}
	w.cannotPublish(w.tenantOf(caseworksTenant), text(t, caseworksTenant, change{"scope: {products: all,", "scope: {products: caseworks-web,"}), "document.scope.products")
	delivery := ask{purpose: "affiliate.deliver", category: "affiliate.profile", source: "affiliate"}
	trends := ask{purpose: "trends.track", category: "affiliate.profile", source: "affiliate"}
	p.allowed("an affiliate's datum is delivered", delivery, "CONTRACT_NEEDS")
	p.denied("an affiliate's datum makes no trends", trends, "SOURCE_NOT_FOR_PURPOSE")
	p.grants("trends.track")
	p.denied("a grant makes none of it either", trends, "SOURCE_NOT_FOR_PURPOSE")
	unknown := delivery
	unknown.source = "unspecified"
	p.denied("a datum without its source", unknown, "SOURCE_UNKNOWN")
	const rule = "{source: affiliate, accepted: true, personal: true, purposes: [affiliate.deliver], clause: CW-23}"
	const cookies = "categories: [cookie.browser_id, cookie.preferences, log.cookie]\n    clause: CW-21"
	listed := change{cookies, strings.Replace(cookies, "log.cookie]", "log.cookie, affiliate.profile]", 1)}
	within := w.stranger(w.tenantOf(caseworksTenant, listed), caseworksTenant)
	within.denied("trends that list it, with the limit of its source", trends, "SOURCE_NOT_FOR_PURPOSE")
	lifted := change{rule, strings.Replace(rule, "purposes: [affiliate.deliver], ", "", 1)}
	without := w.stranger(w.tenantOf(caseworksTenant, listed, lifted), caseworksTenant)
	without.allowed("trends that list it, without that limit", trends, "NOT_OPTED_OUT")
}

// mailAboutTheService shows PT-07: three purposes and three answers for
// somebody who has decided nothing.
func mailAboutTheService(_ *testing.T, w *world) {
	p := w.stranger(personnelTenant, personnelTenant)
	about := ask{purpose: "mail.service", category: "personal.email", source: "registration", channel: "email", message: "account.notice"}
	advertising, danger, breach := about, about, about
	advertising.purpose, danger.purpose, breach.purpose = "mail.advertising", "notice.safety", "notice.safety"
	danger.message, breach.action, breach.message = "danger.notice", "access", ""
	p.allowed("about the person's own account", about, "CONTRACT_NEEDS")
	text := about
	text.channel = "sms"
	p.denied("about the account, by text message", text, "CHANNEL_NOT_FOR_PURPOSE")
	p.denied("advertising", advertising, "PURPOSE_NOT_DESCRIBED")
	p.allowed("an urgent danger", danger, "LEGAL_GROUND")
	p.allowed("reading the address for a breach", breach, "LEGAL_GROUND")
	const mail = "title: Writing about the person's own account or service\n    basis: "
	asking := w.tenantOf(personnelTenant, change{mail + contract, mail + optIn})
	w.stranger(asking, personnelTenant).denied("about the account, where the policy promises to ask", about, "CONSENT_MISSING")
	const safety = "title: Telling of a breach or an urgent danger\n    basis: "
	silent := w.tenantOf(personnelTenant, change{safety + legal, safety + optIn})
	w.stranger(silent, personnelTenant).denied("an urgent danger, were it no duty", danger, "CONSENT_MISSING")
	const ads = "purposes:\n  - id: mail.advertising\n    title: Advertising\n    basis: described\n    categories: [personal.email]\n    clause: PT-24\n"
	describing := w.tenantOf(personnelTenant, change{"\npurposes:\n", "\n" + ads}, change{"\nmessages:", "\nmessages:\n  - {id: advert, title: An advertisement, purpose: mail.advertising, clause: PT-24}\n#"})
	advertising.message = "advert"
	w.stranger(describing, personnelTenant).allowed("advertising, were it described", advertising, "PURPOSE_DESCRIBED")
}
