package policydoc

import (
	"regexp"
	"slices"
	"strings"
)

// The words that a policy may use.
func sources() []string {
	return []string{"online", "offline", "cookie", "affiliate", "third_party", "observed", "registration"}
}

func actions() []string { return []string{"collect", "access", "use", "preserve", "disclose"} }

func bases() []string {
	return []string{"described", "contract", "opt_in", "opt_out", "legal", "aggregate"}
}

func rights() []string {
	return []string{
		"access", "portability", "erasure", "rectification", "restriction", "objection", "opt_out",
		"limit", "disclosure_list", "accounting", "complaint", "withdrawal", "unsubscribe",
	}
}

func ends() []string {
	return []string{"collected", "last_used", "account_closed", "purpose_ended", "delivered", "case_closed", "consent_withdrawn", "contract_ended"}
}

// ReservedPurpose starts the names under which Check is asked about grounds.
const ReservedPurpose = "ground."

func forbidden() []string {
	return []string{
		"sale", "personal_with_address_or_device", "aggregate_of_patients", "client_information", "transfer_without_mechanism",
	}
}

// maxOutage is the longest outage, in seconds, for which a policy may let old
// answers stand.
const maxOutage = 60

func (l *linter) head() {
	d := l.doc
	l.match("policy", d.Policy, idPattern)
	if d.Version < 1 {
		l.fail("version", CodeMalformed, "versions count from 1")
	}
	l.given("title", d.Title)
	l.given("publisher", d.Publisher)
	l.oneOf("role", d.Role, "controller", "processor")
	l.date("effective", d.Effective, CodeMissing)
	l.date("modified", d.Modified, CodeModifiedMissing)
	l.match("text_sha256", d.TextSHA256, hashPattern)
	l.match("zone", d.Zone, zonePattern)
	if d.Change != "" {
		l.oneOf("change", d.Change, Minor, "significant")
	}
	for i, r := range d.Rules {
		l.match(item("rules", i), r, idPattern)
	}
	l.unique("rules", d.Rules)
	l.oneOf("scope.products", d.Scope.Products, "all")
	l.oneOf("versions.binds", d.Versions.Binds, "collected", "accepted")
	if len(d.Consent.Expressions) == 0 {
		l.fail("consent.expressions", CodeMissing, "must be given")
	}
	if n := d.Consent.OutageSeconds; n != nil && (*n < 0 || *n > maxOutage) {
		l.fail("consent.outage_seconds", CodeMalformed, "must be from 0 to 60")
	}
	l.eachOneOf("consent.expressions", d.Consent.Expressions, []string{"explicit", "implied"})
	if d.Consent.Staff != nil && !slices.ContainsFunc(d.Grounds, Ground.Opens) {
		l.fail("consent.staff", CodeStaffLockedOut, "name a ground on which staff may look without consent; life may depend on it")
	}
	l.oneOf("undescribed.mode", d.Undescribed.Mode, "closed", "offer")
	if len(d.Categories) == 0 {
		l.fail("categories", CodeMissing, "must be given")
	}
	if len(d.Purposes) == 0 {
		l.fail("purposes", CodeMissing, "must be given")
	}
	for i, c := range d.Clauses {
		l.given(item("clauses", i)+".says", c.Says)
	}
}

// may checks what need not be given.
func (l *linter) may(path, value string, pattern *regexp.Regexp) {
	if value != "" {
		l.match(path, value, pattern)
	}
}

// lintVocabularies: what a document means in words that others know.
func (l *linter) lintVocabularies() {
	for i, c := range l.doc.Categories {
		l.may(item("categories", i)+".fides", c.Fides, fidesPattern)
		l.may(item("categories", i)+".dpv", c.DPV, dpvPattern)
	}
	for i, p := range l.doc.Purposes {
		l.may(item("purposes", i)+".dpv", p.DPV, dpvPattern)
	}
	if c := l.doc.Contact; c != nil {
		l.may("contact.mail", c.Mail, mailPattern)
		l.may("contact.web", c.Web, webPattern)
	}
	if c := l.doc.Complaints; c != nil {
		l.oneOf("complaints.to", c.To, "mail", "web", "letter")
	}
	if s := l.doc.Consent.Steps; s != nil && (s.Give < 1 || s.Withdraw < 1) {
		l.fail("consent.steps", CodeMalformed, "steps count from 1")
	}
}

func (l *linter) lintCategories() {
	for i, c := range l.doc.Categories {
		at := item("categories", i)
		l.given(at+".title", c.Title)
		if len(c.Sources) == 0 {
			l.fail(at+".sources", CodeMissing, "must be given")
		}
		l.eachOneOf(at+".sources", c.Sources, sources())
		if c.Side != "" {
			l.oneOf(at+".side", c.Side, "person", "device")
		}
		if c.Sensitive && !c.Personal {
			l.fail(at+".sensitive", CodeNotPersonal, "what is sensitive is personal")
		}
		if c.Registration && len(c.CollectedFor) == 0 {
			l.fail(at+".collected_for", CodeCollectedForMissing, "say what registration data is collected for")
		}
		l.known(at+".collected_for", c.CollectedFor, l.purposes, CodePurposeUnknown)
		l.end(at+".ends", c)
	}
}

func (l *linter) end(at string, c Category) {
	if c.Ends == nil {
		if c.Personal {
			l.fail(at, CodeRetentionEndMissing, "say when data of this category ends")
		}
		return
	}
	l.oneOf(at+".after", c.Ends.After, ends()...)
	l.period(at+".period", c.Ends.Period)
}

func (l *linter) lintPurposes() {
	for i, p := range l.doc.Purposes {
		at := item("purposes", i)
		l.given(at+".title", p.Title)
		if strings.HasPrefix(p.ID, ReservedPurpose) {
			l.fail(at+".id", CodeReservedName, "names that start with ground. stand for grounds")
		}
		l.oneOf(at+".basis", p.Basis, bases()...)
		if p.Expires != "" {
			l.period(at+".expires", p.Expires)
		}
		if p.HIPAA != "" {
			l.oneOf(at+".hipaa", p.HIPAA, "treatment", "payment", "operations")
		}
		if len(p.Categories) == 0 {
			l.fail(at+".categories", CodeMissing, "must be given")
		}
		l.known(at+".categories", p.Categories, l.categories, CodeCategoryUnknown)
		l.eachOneOf(at+".actions", p.Actions, actions())
		for j, c := range p.Channels {
			l.match(item(at+".channels", j), c, dottedPattern)
		}
		l.unique(at+".channels", p.Channels)
		if p.Periodic && (len(p.Channels) != 1 || p.Basis == "legal") {
			l.fail(at+".periodic", CodePeriodicUnstoppable, "periodic messages go by one channel, and a person can stop them")
		}
		if p.Offer && p.Basis != "opt_out" {
			l.fail(at+".offer", CodeOfferWithoutOptOut, "only what can be opted out of is offered")
		}
	}
}

// lintMessages: each kind of message has a purpose, and goes by no channel that
// the purpose does not go by.
func (l *linter) lintMessages() {
	l.names("messages", len(l.doc.Messages), func(i int) string { return l.doc.Messages[i].ID }, dottedPattern)
	for i, m := range l.doc.Messages {
		at := item("messages", i)
		l.given(at+".title", m.Title)
		l.unique(at+".channels", m.Channels)
		for j, c := range m.Channels {
			l.match(item(at+".channels", j), c, dottedPattern)
		}
		k := slices.IndexFunc(l.doc.Purposes, func(p Purpose) bool { return p.ID == m.Purpose })
		if k < 0 {
			l.fail(at+".purpose", CodePurposeUnknown, "is not defined in this document")
			continue
		}
		p := l.doc.Purposes[k]
		if len(p.Actions) > 0 && !slices.Contains(p.Actions, "use") {
			l.fail(at+".purpose", CodeMessageUnsendable, "to send is to use, which the purpose does not allow")
		}
		for j, c := range m.Channels {
			if len(p.Channels) > 0 && !slices.Contains(p.Channels, c) {
				l.fail(item(at+".channels", j), CodeMessageUnsendable, "the purpose does not go by this channel")
			}
		}
	}
}

func (l *linter) lintSources() {
	var seen []string
	for i, s := range l.doc.Sources {
		at := item("sources", i)
		l.oneOf(at+".source", s.Source, sources()...)
		l.known(at+".purposes", s.Purposes, l.purposes, CodePurposeUnknown)
		seen = append(seen, s.Source)
	}
	l.unique("sources", seen)
	seen = nil
	for i, s := range l.doc.Signals {
		at := item("signals", i)
		l.oneOf(at+".signal", s.Signal, "gpc", "dnt")
		if !s.Honoured && slices.ContainsFunc(l.doc.Rules, binds(s.Signal)) {
			l.fail(at+".honoured", CodeSignalBound, "a rule pack that applies binds this signal")
		}
		seen = append(seen, s.Signal)
	}
	l.unique("signals", seen)
}

// binds reports of a rule pack whether its law makes a signal binding, whatever a
// policy says: 11 CCR 7025 does so for an opt-out preference signal.
func binds(signal string) func(pack string) bool {
	return func(pack string) bool { return pack == "ccpa" && signal == "gpc" }
}

func (l *linter) lintSharing() {
	var seen []string
	for i, r := range l.doc.Sharing.Recipients {
		at := item("sharing.recipients", i)
		l.match(at+".kind", r.Kind, dottedPattern)
		for j, u := range r.Undertakings {
			l.match(item(at+".undertakings", j), u, dottedPattern)
		}
		l.unique(at+".undertakings", r.Undertakings)
		seen = append(seen, r.Kind)
	}
	l.unique("sharing.recipients", seen)
	for i, f := range l.doc.Sharing.Forbidden {
		l.oneOf(item("sharing.forbidden", i)+".what", f.What, forbidden()...)
	}
	seen = nil
	for i, g := range l.doc.Grounds {
		at := item("grounds", i)
		l.match(at+".id", g.ID, dottedPattern)
		l.given(at+".title", g.Title)
		l.eachOneOf(at+".actions", g.Actions, actions())
		l.eachOneOf(at+".requires", g.Requires,
			[]string{"belief", "believed_by", "categories", "recipient", "document", "imminent"})
		seen = append(seen, g.ID)
	}
	l.unique("grounds", seen)
}

func (l *linter) lintLimits() {
	for i, r := range l.doc.Regions.Allowed {
		l.match(item("regions.allowed", i), r, regionPattern)
	}
	if a := l.doc.Ages; a != nil {
		if a.Minimum < 1 || a.Minimum > 99 {
			l.fail("ages.minimum", CodeMalformed, "is no age")
		}
		l.period("ages.erase", a.Erase)
	}
	if a := l.doc.Aggregates; a != nil && a.Minimum < 2 {
		l.fail("aggregates.minimum", CodeMalformed, "a group of one is a person")
	}
}

// lintRequests: some rights cost nothing and need no proof, whatever a policy
// says.
func (l *linter) lintRequests() {
	var seen []string
	for i, r := range l.doc.Requests.Rights {
		at := item("requests.rights", i)
		l.oneOf(at+".right", r.Right, rights()...)
		if r.Fee && r.Right != "access" && r.Right != "rectification" {
			l.fail(at+".fee", CodeFeeForbidden, "only access and rectification may cost anything")
		}
		l.designated(at+".designated", r.Designated)
		seen = append(seen, r.Right)
	}
	l.unique("requests.rights", seen)
	for i, d := range l.doc.Requests.Decline {
		at := item("requests.decline", i)
		l.match(at+".ground", d.Ground, dottedPattern)
		l.may(at+".rests_on", d.RestsOn, dottedPattern)
		l.may(at+".justification", d.Justification, justificationPattern)
		l.eachOneOf(at+".rights", d.Rights, rights())
		for j, r := range d.Rights {
			if r == "withdrawal" || r == "unsubscribe" || r == "opt_out" || r == "complaint" {
				l.fail(item(at+".rights", j), CodeDeclineForbidden, "this right is never declined")
			}
		}
	}
	seen = nil
	for i, c := range l.doc.Clocks {
		at := item("clocks", i)
		seen = append(seen, c.Right)
		l.oneOf(at+".right", c.Right, rights()...)
		l.period(at+".period", c.Period)
		if c.Otherwise != "" {
			l.period(at+".otherwise", c.Otherwise)
		}
	}
	l.unique("clocks", seen)
}

// designated: an address that nobody can write to or call designates nothing.
func (l *linter) designated(at string, d *Designated) {
	if d == nil {
		return
	}
	if *d == (Designated{}) {
		l.fail(at, CodeMissing, "must be given")
	}
	l.may(at+".mail", d.Mail, mailPattern)
	l.may(at+".phone", d.Phone, phonePattern)
	if len(d.Post) > 200 {
		l.fail(at+".post", CodeTooLarge, "is too long")
	}
}

// lintApproval: who waits for a controller says for which, and for how long.
func (l *linter) lintApproval() {
	waits := slices.ContainsFunc(l.doc.Requests.Rights, func(r Right) bool { return r.Approval })
	a := l.doc.Requests.Approval
	if a == nil {
		if waits && l.doc.Role == "processor" {
			l.fail("requests.approval", CodeMissing, "what waits for the controller says for which, and for how long")
		}
		return
	}
	l.match("requests.approval.controller", a.Controller, idPattern)
	l.period("requests.approval.period", a.Period)
	for i, r := range a.Reminders {
		at := item("requests.approval.reminders", i)
		l.period(at, r)
		if longer(r, a.Period) {
			l.fail(at, CodeMalformed, "a reminder comes before the word is late")
		}
	}
}

func (l *linter) lintRetention() {
	var seen []string
	for i, r := range l.doc.Retention {
		at := item("retention", i)
		l.match(at+".rule", r.Rule, idPattern)
		if !l.covers(r.Category) {
			l.fail(at+".category", CodeCategoryUnknown, "no category of this document is it or below it")
		}
		for j, s := range r.Systems {
			l.match(item(at+".systems", j), s, idPattern)
		}
		l.period(at+".period", r.Period)
		l.match(at+".ground", r.Ground, dottedPattern)
		l.given(at+".authority", r.Authority)
		if len(r.Authority) > 200 {
			l.fail(at+".authority", CodeTooLarge, "is too long")
		}
		seen = append(seen, r.Rule)
	}
	l.unique("retention", seen)
}

func (l *linter) covers(category string) bool {
	if l.categories[category] {
		return true
	}
	for id := range l.categories {
		if category != "" && strings.HasPrefix(id, category+".") {
			return true
		}
	}
	return false
}
