package policydoc

import "slices"

// CodeBelowLaw says that a clause promises less than a law that the policy
// declares.
const CodeBelowLaw = "BELOW_LAW"

// floor is the least that a law demands of a policy that declares its rule
// pack. It reports where a document falls short, by path; empty: nowhere.
type floor struct {
	packs   []string // any of them; none: every policy
	article string
	demand  string // what to do
	breach  func(Document) []string
}

// text says what to do and why; both are constant.
func (f floor) text() string { return f.demand + " (" + f.article + ")" }

// binds reports whether a document declares a law with this floor.
func (f floor) binds(d Document) bool {
	return len(f.packs) == 0 || slices.ContainsFunc(f.packs, func(p string) bool { return slices.Contains(d.Rules, p) })
}

// floors are all that are known. A policy may promise more than each.
func floors() []floor {
	return slices.Concat(deadlineFloors(), consentFloors(), sharingFloors(), noticeFloors())
}

// deadlineFloors: nobody waits longer than the law lets them.
func deadlineFloors() []floor {
	month := limit{P: "P1M", utmost: "P3M"}
	return []floor{
		{
			[]string{"gdpr", "uk-gdpr"},
			"GDPR Art. 12(3)", "answer within a month, or within three where it is never extended further",
			late(month, "access", "portability", "erasure", "rectification", "restriction", "objection"),
		},
		{
			[]string{"ccpa"},
			"Cal. Civ. Code 1798.130(a)(2)", "answer within 45 days, or within 90 where it is never extended further",
			late(limit{"P45D", "P90D"}, "access", "portability", "erasure", "rectification"),
		},
		{
			[]string{"ccpa"},
			"11 CCR 7026(f)", "act on an opt-out within 15 business days, which are 21 days",
			late(limit{"P21D", "P21D"}, "opt_out"),
		},
		{
			[]string{"hipaa"},
			"45 CFR 164.524(b)(2)", "answer within 30 days, or within 60 where it is never extended further",
			late(limit{"P30D", "P60D"}, "access", "portability"),
		},
		{
			[]string{"cal-1798-83"},
			"Cal. Civ. Code 1798.83(b)", "answer within 30 days, or within 150 what arrives elsewhere than at a designated address",
			func(d Document) []string {
				return append(late(limit{"P30D", "P30D"}, "disclosure_list")(d), lateOtherwise(d)...)
			},
		},
		{
			nil, "15 U.S.C. 7704(a)(4)", "stop within 10 business days, which are 14 days",
			late(limit{"P14D", "P14D"}, "unsubscribe"),
		},
	}
}

// limit is how long a law lets people wait, and how long at the utmost, with
// every extension.
type limit struct{ P, utmost string }

func late(l limit, rights ...string) func(Document) []string {
	return func(d Document) (out []string) {
		for i, c := range d.Clocks {
			longest := l.P
			if c.NoExtension {
				longest = l.utmost
			}
			if slices.Contains(rights, c.Right) && longer(c.Period, longest) {
				out = append(out, item("clocks", i)+".period")
			}
		}
		return out
	}
}

// lateOtherwise holds what a policy gives itself for a list of disclosures that was
// not asked for at a designated address against the law.
func lateOtherwise(d Document) (out []string) {
	for i, c := range d.Clocks {
		if c.Right == "disclosure_list" && c.Otherwise != "" && longer(c.Otherwise, "P150D") {
			out = append(out, item("clocks", i)+".otherwise")
		}
	}
	return out
}

// longer reports whether a period can last longer than another in some month or
// year. A malformed one is another problem.
func longer(a, b string) bool {
	p, err := ParsePeriod(a)
	q, other := ParsePeriod(b)
	if err != nil || other != nil {
		return false
	}
	if months := 12*p.Years + p.Months; p.Days == 0 && q.Days == 0 {
		return months > 12*q.Years+q.Months
	}
	return 366*p.Years+31*p.Months+p.Days > 365*q.Years+28*q.Months+q.Days
}

// consentFloors: a yes is free, proven and taken back as easily as it was given.
func consentFloors() []floor {
	return []floor{
		{
			[]string{"gdpr", "uk-gdpr", "hipaa"},
			"GDPR Art. 7(3), 45 CFR 164.508(b)(5)",
			"list the right of withdrawal: consent that can't be taken back is none",
			func(d Document) []string {
				asks := slices.ContainsFunc(d.Purposes, func(p Purpose) bool { return p.Basis == "opt_in" })
				return unless(!asks || d.right("withdrawal") >= 0, "requests.rights")
			},
		},
		{
			[]string{"gdpr", "uk-gdpr"},
			"GDPR Art. 7(3)", "let people withdraw in no more steps than they gave",
			func(d Document) []string {
				s := d.Consent.Steps
				return unless(s == nil || s.Withdraw <= s.Give, "consent.steps.withdraw")
			},
		},
		{
			nil, "GDPR Art. 7(3), 11 CCR 7026(d), 16 CFR 316.5", "ask for no proof, fee or approval before somebody's no counts", unhindered,
		},
		{
			[]string{"gdpr", "uk-gdpr"},
			"GDPR Art. 9(2)(a)", "ask for consent to what is sensitive; a way out is not enough",
			optedOut(func(c Category) bool { return c.Sensitive }),
		},
		{
			[]string{"hipaa"},
			"45 CFR 164.508(a)(3)", "ask for an authorisation for patients' data; a way out is not enough",
			optedOut(func(c Category) bool { return c.Associate }),
		},
		{
			[]string{"coppa"},
			"16 CFR 312.5", "name the least age; below 13 a parent consents",
			func(d Document) []string { return unless(d.Ages != nil && d.Ages.Minimum >= 13, "ages") },
		},
		{
			[]string{"gdpr", "uk-gdpr"},
			"GDPR Art. 8(1)", "set the least age to 13 or more; below it a parent consents",
			func(d Document) []string { return unless(d.Ages == nil || d.Ages.Minimum >= 13, "ages.minimum") },
		},
	}
}

// unless is a path where something does not hold.
func unless(holds bool, path string) []string {
	if holds {
		return nil
	}
	return []string{path}
}

// unhindered: what ends something needs nothing but the word of who may end it.
func unhindered(d Document) (out []string) {
	for i, r := range d.Requests.Rights {
		if !slices.Contains([]string{"withdrawal", "unsubscribe", "opt_out"}, r.Right) {
			continue
		}
		at := item("requests.rights", i)
		out = slices.Concat(out, unless(!r.Verified, at+".verified"), unless(!r.Approval, at+".approval"))
	}
	return out
}

// optedOut finds purposes that work with certain data until somebody opts out.
func optedOut(is func(Category) bool) func(Document) []string {
	return func(d Document) (out []string) {
		for i, p := range d.Purposes {
			lists := slices.ContainsFunc(d.Categories, func(c Category) bool { return is(c) && slices.Contains(p.Categories, c.ID) })
			if p.Basis == "opt_out" && lists {
				out = append(out, item("purposes", i)+".basis")
			}
		}
		return out
	}
}

// sharingFloors: whoever sells data offers a way out, and asks for minors.
func sharingFloors() []floor {
	return []floor{
		{
			[]string{"ccpa"},
			"Cal. Civ. Code 1798.120(a), 1798.135", "forbid sale, or list the right of opt_out",
			func(d Document) []string { return unless(!d.sells() || d.right("opt_out") >= 0, "sharing.forbidden") },
		},
		{
			[]string{"ccpa"},
			"Cal. Civ. Code 1798.120(c)", "forbid sale, or serve nobody below 16 without their opt-in",
			func(d Document) []string {
				return unless(!d.sells() || d.Ages != nil && d.Ages.Minimum >= 16, "sharing.forbidden")
			},
		},
		{
			[]string{"cal-1798-83"},
			"Cal. Civ. Code 1798.83(b)", "list the right of disclosure_list and designate where it is asked for: mail, post or phone",
			func(d Document) []string {
				i := d.right("disclosure_list")
				return unless(i >= 0 && d.Requests.Rights[i].Designated != nil, "requests.rights")
			},
		},
	}
}

// sells reports whether a policy lets data go for a price to somebody who has
// undertaken nothing and needs nobody's consent. A successor does not buy data.
func (d Document) sells() bool {
	banned := slices.ContainsFunc(d.Sharing.Forbidden, func(f Forbidden) bool {
		return f.What == "sale" && !slices.ContainsFunc(f.Exempt, func(kind string) bool { return kind != "successor" })
	})
	return !banned && slices.ContainsFunc(d.Sharing.Recipients, func(r Recipient) bool {
		return !r.Consent && len(r.Undertakings) == 0 && r.Kind != "successor"
	})
}

// right is the index of a right; negative where it is not listed.
func (d Document) right(name string) int {
	return slices.IndexFunc(d.Requests.Rights, func(r Right) bool { return r.Right == name })
}

// noticeFloors: people know whom to ask, and to whom to complain.
func noticeFloors() []floor {
	return []floor{
		{
			[]string{"gdpr", "uk-gdpr", "ccpa", "hipaa"},
			"GDPR Art. 13(1)(a), 11 CCR 7011(e)(3), 45 CFR 164.520(b)(1)(vii)",
			"say where questions go: a mail address or a page",
			func(d Document) []string {
				return unless(d.Contact != nil && (d.Contact.Mail != "" || d.Contact.Web != ""), "contact")
			},
		},
		{
			[]string{"gdpr", "uk-gdpr", "hipaa"},
			"GDPR Art. 13(2)(d), 45 CFR 164.520(b)(1)(vi)", "say where complaints go, and to which authority they go on",
			func(d Document) []string {
				return unless(d.Complaints != nil && d.Complaints.To != "" && d.Complaints.Authority != "", "complaints")
			},
		},
	}
}

// lintFloors holds the document against every law that it declares.
func (l *linter) lintFloors() {
	for _, f := range floors() {
		if !f.binds(l.doc) {
			continue
		}
		for _, path := range f.breach(l.doc) {
			l.fail(path, CodeBelowLaw, f.text())
		}
	}
}
