package conformance_test

import (
	"slices"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/systemtest/stack"
)

// leaveData are the kinds of data that are the employer's.
func leaveData(doc policydoc.Document) (out []policydoc.Category) {
	for _, c := range doc.Categories {
		if c.Clause == "QC-02" {
			out = append(out, c)
		}
	}
	return out
}

// leaveKinds shows QC-02: each listed kind is sensitive, is the employer's whose
// processor the publisher is, and goes to nobody, the employer included, without
// a yes that names them.
func leaveKinds(t *testing.T, w *world) {
	doc := document(t, qceraTenant)
	kinds := leaveData(doc)
	var ids []string
	for _, c := range kinds {
		ids = append(ids, c.ID)
	}
	want := []string{
		"employee.name", "employee.email", "employee.home_address", "employee.work_address", "employee.phone", "employee.age",
		"employee.gender", "leave.absence",
	}
	if !slices.Equal(ids, want) || doc.Role != "processor" {
		t.Fatalf("leave data is %v of a %s, want %v of a processor", ids, doc.Role, want)
	}
	p := w.stranger(qceraTenant, qceraTenant)
	asked := func(what, action string, yes bool, reason string) {
		t.Helper()
		for _, c := range ids {
			p.answered(c+": "+what, p.product, ask{purpose: operating, category: c, source: "online", action: action}, yes, reason)
		}
	}
	asked("collected, undecided", "collect", false, "CONSENT_MISSING")
	p.grants(operating)
	asked("collected, granted", "collect", true, "CONSENT_GIVEN")
	asked("used, granted", "use", true, "CONSENT_GIVEN")
	p.denied("a kind that is not listed", ask{purpose: operating, category: "employee.health", source: "online", action: "collect"}, "CATEGORY_UNKNOWN")
	p.denied("a visitor's name, as leave data", ask{purpose: operating, category: "visitor.name", source: "online", action: "collect"}, "PURPOSE_NOT_FOR_CATEGORY")
	p.toTheEmployer(ids)
	w.sensitiveTwins()
}

// toTheEmployer gives data of each kind to the employer.
func (p *person) toTheEmployer(ids []string) {
	p.w.Helper()
	one := ask{purpose: operating, category: ids[0], source: "online"}
	all := func(a *consentv1.Agreement) { a.Categories = ids }
	employer, silent := p.w.party(p.tenant, "employer", one, all), p.w.party(p.tenant, "employer", one, all, without("instructions"))
	shared := func(what string, to party, yes bool, reason string) {
		p.w.Helper()
		for _, c := range ids {
			a := ask{purpose: operating, category: c, source: "online", action: "disclose", recipient: to.id, origin: "us"}
			p.answered(c+", "+what, p.product, a, yes, reason)
		}
		p.gives(what, to, one, yes, reason)
	}
	shared("consent to use only", employer, false, "SHARING_NOT_CONSENTED")
	p.decides(act{purpose: operating, decision: "given", recipients: []string{"helper"}})
	shared("consent to another class", employer, false, "SHARING_NOT_CONSENTED")
	p.decides(act{purpose: operating, decision: "given", recipients: []string{"employer"}})
	shared("consent to this class", employer, true, "CONSENT_GIVEN")
	shared("an employer who instructs nothing", silent, false, "UNDERTAKING_MISSING")
	p.decides(act{purpose: operating, decision: "withdrawn"})
	shared("withdrawn", employer, false, "CONSENT_WITHDRAWN")
}

// sensitiveTwins: with the rule on employers out of the policy, QC-02 alone
// refuses; without it nothing does.
func (w *world) sensitiveTwins() {
	w.Helper()
	open := change{"{kind: employer, undertakings: [instructions], consent: true,", "{kind: employer, undertakings: [instructions],"}
	a := ask{purpose: operating, category: "leave.absence", source: "online"}
	for _, tc := range []struct {
		name, reason string
		yes          bool
		changes      []change
	}{
		{"by QC-02 alone", "SHARING_NOT_OPTED_IN", false, []change{open}},
		{"under a policy without QC-02", "CONSENT_GIVEN", true, []change{open, {"  sensitive: {clause: QC-02}\n", ""}}},
	} {
		tenant := w.tenantOf(qceraTenant, tc.changes...)
		p := w.stranger(tenant, qceraTenant)
		p.grants(operating)
		p.gives(tc.name, w.party(tenant, "employer", a), a, tc.yes, tc.reason)
	}
}

// instructedAndConsented is the part of QC-03 that consent decides: an instruction
// is needed and replaces no consent, and a withdrawal waits for nobody.
func instructedAndConsented(w *world) {
	w.Helper()
	a := ask{purpose: operating, category: "leave.absence", source: "online"}
	p := w.stranger(qceraTenant, qceraTenant)
	employer, silent := w.party(qceraTenant, "employer", a), w.party(qceraTenant, "employer", a, without("instructions"))
	p.decides(act{purpose: operating, decision: "offered"})
	p.gives("an instruction without consent", employer, a, false, "CONSENT_MISSING")
	p.decides(act{purpose: operating, decision: "given", recipients: []string{"employer"}})
	p.gives("consent without an instruction", silent, a, false, "UNDERTAKING_MISSING")
	p.gives("both", employer, a, true, "CONSENT_GIVEN")
	p.decidesBy(w.AsSubject(qceraTenant, p.ref), act{purpose: operating, decision: "withdrawn"})
	p.gives("withdrawn, and the employer said nothing", employer, a, false, "CONSENT_WITHDRAWN")
}

// allowedCookies shows QC-06: cookies recognise and count where somebody allows
// them, do nothing else, and stay refused when a visit becomes somebody.
func allowedCookies(_ *testing.T, w *world) {
	count := ask{purpose: "cookie.traffic_figures", category: "cookie.traffic", source: "cookie"}
	recognise := ask{purpose: "cookie.recognise", category: "cookie.recognition", source: "cookie"}
	profile := ask{purpose: "experience.personalise", category: "cookie.traffic", source: "cookie"}
	refuses, allows := w.visitor(qceraTenant, qceraTenant), w.visitor(qceraTenant, qceraTenant)
	for _, a := range []ask{count, recognise} {
		allows.denied(a.purpose+", undecided", a, "CONSENT_MISSING")
		allows.grants(a.purpose)
		allows.allowed(a.purpose+", allowed", a, "CONSENT_GIVEN")
		refuses.decides(act{purpose: a.purpose, decision: "refused"})
		refuses.denied(a.purpose+", refused", a, "CONSENT_REFUSED")
	}
	allows.grants(profile.purpose)
	allows.denied("a profile, granted", profile, "SOURCE_NOT_FOR_PURPOSE")
	named := profile
	named.category = "visitor.name"
	allows.denied("a name from a cookie", named, "SOURCE_NOT_FOR_PERSONAL_DATA")
	jane, john := w.stranger(qceraTenant, qceraTenant), w.stranger(qceraTenant, qceraTenant)
	jane.signsUp(refuses, recognise.purpose, count.purpose)
	john.signsUp(allows)
	jane.denied("refused before the sign-up", count, "CONSENT_REFUSED")
	john.denied("what the visit allowed, the person did not", count, "CONSENT_MISSING")
	john.grants(count.purpose)
	john.allowed("allowed by the person", count, "CONSENT_GIVEN")
	w.isNotNamed(refuses, jane)

	const figures = "title: Compiling aggregate figures of site traffic and interaction\n    basis: "
	lax := w.stranger(w.tenantOf(qceraTenant, change{figures + optIn, figures + optOut}), qceraTenant)
	lax.allowed("undecided, were cookies opt-out", count, "NOT_OPTED_OUT")
	const sources = "purposes: [cookie.recognise, cookie.traffic_figures], clause: QC-06"
	wide := w.stranger(w.tenantOf(qceraTenant,
		change{sources, "purposes: [cookie.recognise, cookie.traffic_figures, experience.personalise], clause: QC-06"},
		change{"categories: [visitor.name, visitor.email, visitor.postal_address, visitor.phone]\n    features: [personalised_pages]", "categories: [visitor.name, cookie.traffic]\n    features: [personalised_pages]"},
	), qceraTenant)
	wide.grants(profile.purpose)
	wide.allowed("a profile, under a policy that lets cookies make one", profile, "CONSENT_GIVEN")
}

// shownToConnections shows PT-25 on two replicas: a user is shown to others as
// long as they permit it themselves, and whoever is no user never is.
func shownToConnections(_ *testing.T, w *world) {
	show := ask{purpose: "connect.show_user", category: "personal.name", source: "registration"}
	second := w.Replica("consent").As(personnelTenant, "product")
	everywhere := func(what string, p *person, a ask, yes bool, reason string) {
		w.Helper()
		p.answered(what+", here", p.product, a, yes, reason)
		p.answered(what+", there", second, a, yes, reason)
	}
	ann, bob := w.stranger(personnelTenant, personnelTenant), w.stranger(personnelTenant, personnelTenant)
	to := w.party(personnelTenant, "connection", show)
	everywhere("undecided", ann, show, false, "CONSENT_MISSING")
	bob.decides(act{purpose: show.purpose, decision: "given", recipients: []string{"connection"}})
	everywhere("another user permits it", ann, show, false, "CONSENT_MISSING")
	ann.decides(act{purpose: show.purpose, decision: "given", implied: true})
	everywhere("implied", ann, show, false, "CONSENT_NOT_EXPLICIT")
	for _, kind := range []struct{ purpose, category string }{
		{"connect.contact_list", "contacts.list"}, {"connect.address_book", "contacts.address_book"}, {"schedule.calendar", "contacts.calendar"},
	} {
		ann.grants(kind.purpose)
		everywhere(kind.purpose+" is another permission", ann, show, false, "CONSENT_NOT_EXPLICIT")
		bob.denied("showing oneself permits no "+kind.purpose, ask{purpose: kind.purpose, category: kind.category, source: "online", action: "collect"}, "CONSENT_MISSING")
	}
	ann.decides(act{purpose: show.purpose, decision: "given", recipients: []string{"connection"}})
	everywhere("permitted", ann, show, true, "CONSENT_GIVEN")
	ann.gives("permitted", to, show, true, "CONSENT_GIVEN")
	ann.decidesBy(w.AsSubject(personnelTenant, ann.ref), act{purpose: show.purpose, decision: "withdrawn"})
	everywhere("withdrawn", ann, show, false, "CONSENT_WITHDRAWN")
	ann.gives("withdrawn", to, show, false, "CONSENT_WITHDRAWN")
	everywhere("withdrawn by one, permitted by another", bob, show, true, "CONSENT_GIVEN")
	w.neverShown(bob, show)
	const telling = "title: Telling connections that somebody is a user\n    basis: "
	lax := w.stranger(w.tenantOf(personnelTenant, change{telling + optIn, telling + described}), personnelTenant)
	lax.allowed("where no permission is promised", show, "PURPOSE_DESCRIBED")
}

// neverShown: an address in somebody's contact list that is no user's is shown
// to nobody, and one that is a user's is shown by their own permission.
func (w *world) neverShown(user *person, show ask) {
	w.Helper()
	email := "jane.roe." + user.ref[:8] + "@people.example"
	known := w.known(personnelTenant, personnelTenant, w.Register(personnelTenant, email))
	byAddress := func(what, address string, yes bool, reason string) {
		w.Helper()
		q := known.question(show)
		q.SubjectRef = ""
		res, err := known.product.Answers.CheckByIdentifier(stack.Deadline(w), &consentv1.CheckByIdentifierRequest{
			Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: address}, Question: q,
		})
		if err != nil {
			w.Fatalf("%s: %v", what, err)
		}
		w.expect(what, res.GetAnswer(), yes, reason)
	}
	byAddress("no user's", "nobody."+user.ref[:8]+"@people.example", false, "CONSENT_MISSING")
	byAddress("a user's who permits nothing", email, false, "CONSENT_MISSING")
	known.decides(act{purpose: show.purpose, decision: "given", recipients: []string{"connection"}})
	byAddress("a user's who permits it", email, true, "CONSENT_GIVEN")
}
