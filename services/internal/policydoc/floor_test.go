package policydoc_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"habeas.internal/services/internal/policydoc"
)

// below lists what a changed policy says less than law demands, by path and
// article.
func below(t *testing.T, name string, changes ...string) []policydoc.Problem {
	t.Helper()
	text := string(read(t, name))
	for i := 0; i+1 < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("%s holds no %q", name, changes[i])
		}
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	_, err := policydoc.Parse([]byte(text))
	var problems policydoc.Problems
	if !errors.As(err, &problems) && err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if p.Code != policydoc.CodeBelowLaw {
			t.Errorf("another problem: %v", p)
		}
	}
	return problems
}

func TestNoClauseLiesBelowTheLawThatThePolicyDeclares(t *testing.T) {
	const (
		cw, pt, qc = "caseworks.yaml", "personnel-technology.yaml", "qcera.yaml"
		clocks     = "\nretention:"
	)
	clock := func(right, period, more, clause string) string {
		return "\nclocks:\n  - {right: " + right + ", period: " + period + more + ", clause: " + clause + "}\nretention:"
	}
	for _, tc := range []struct {
		name, policy string
		change       []string
		path         string // of the problem; empty: the law is kept
		article      string
	}{
		{"a month to erase", cw, []string{clocks, clock("erasure", "P1M", "", "CW-14")}, "", ""},
		{"more than a month to erase", cw, []string{clocks, clock("erasure", "P2M", "", "CW-14")}, "clocks[0].period", "GDPR Art. 12(3)"},
		{"thirty days, which are more than February", cw, []string{clocks, clock("access", "P30D", "", "CW-13")}, "clocks[0].period", "GDPR Art. 12(3)"},
		{"never extended, and in forty days all the same", cw, []string{clocks, clock("access", "P40D", ", no_extension: true", "CW-13")}, "", ""},
		{"sixty days by a law of forty-five, never extended", pt, nil, "", ""},
		{"sixty days by a law of forty-five, extended", pt, []string{"period: P60D, no_extension: true,", "period: P60D,"}, "clocks[0].period", "1798.130"},
		{"an opt-out in a month", cw, []string{clocks, clock("opt_out", "P30D", "", "CW-04")}, "clocks[0].period", "11 CCR 7026"},
		{"stopping mail in a month", cw, []string{clocks, clock("unsubscribe", "P30D", "", "CW-04")}, "clocks[0].period", "15 U.S.C. 7704"},
		{"patients' access in two months", pt, []string{"{right: erasure, period: P60D, no_extension: true,", "{right: access, period: P2M,"}, "clocks[0].period", "164.524"},
		{"the list of disclosures in five months", pt, []string{"period: P30D, otherwise: P150D,", "period: P150D,"}, "clocks[1].period", "1798.83"},
		{"consent without withdrawal", qc, []string{"    - {right: withdrawal, clause: QC-04}\n", ""}, "requests.rights", "GDPR Art. 7(3)"},
		{"a withdrawal in more steps than the yes", qc, []string{"steps: {give: 1, withdraw: 1,", "steps: {give: 1, withdraw: 2,"}, "consent.steps.withdraw", "GDPR Art. 7(3)"},
		{"a withdrawal after a proof", qc, []string{"{right: withdrawal,", "{right: withdrawal, verified: true,"}, "requests.rights[3].verified", "11 CCR 7026(d)"},
		{"an opt-out that waits for approval", cw, []string{"{right: opt_out,", "{right: opt_out, approval: true,"}, "requests.rights[4].approval", "11 CCR 7026(d)"},
		{"sensitive data until somebody opts out", cw, []string{"basis: opt_out\n    categories: [cookie.browser_id, cookie.preferences]", "basis: opt_out\n    categories: [cookie.browser_id, communication.sensitive]"}, "purposes[3].basis", "GDPR Art. 9"},
		{"patients' data until somebody opts out", pt, []string{"categories: [cookie.site]", "categories: [cookie.site, patient.information]"}, "purposes[19].basis", "164.508(a)(3)"},
		{"children of twelve", qc, []string{"  minimum: 13\n", "  minimum: 12\n"}, "ages", "16 CFR 312.5"},
		{"children, in Europe", cw, []string{"\naggregates:", "\nages: {minimum: 12, erase: P10D, clause: CW-24}\naggregates:"}, "ages.minimum", "GDPR Art. 8(1)"},
		{"no age at all", pt, []string{"ages:\n  minimum: 18\n  representative: true\n  parental_cures: true\n  erase: P10D # house, for \"promptly\"\n  clause: PT-19\n", ""}, "ages", "16 CFR 312.5"},
		{"a sale that nobody can stop", cw, []string{"    - {kind: third_party, consent: true, clause: CW-07}", "    - {kind: third_party, clause: CW-07}", "    - {right: opt_out, clause: CW-04}\n", ""}, "sharing.forbidden", "1798.120(a)"},
		{"a sale of minors' data", cw, []string{"    - {kind: third_party, consent: true, clause: CW-07}", "    - {kind: third_party, clause: CW-07}"}, "sharing.forbidden", "1798.120(c)"},
		{"a ban with a buyer exempt", pt, []string{"{what: sale, exempt: [successor],", "{what: sale, exempt: [successor, connection],", "{kind: connection, consent: true,", "{kind: connection,"}, "sharing.forbidden", "1798.120(a)"},
		{"five months and a day for a list that is not asked for at the address", pt, []string{"otherwise: P150D,", "otherwise: P151D,"}, "clocks[1].otherwise", "1798.83"},
		{"no address to ask for the list at", pt, []string{"      designated: {mail: disclosures@personnel-technology.example} # house: the text's address is blacked out\n", ""}, "requests.rights", "1798.83"},
		{"a postal address to ask for the list at", pt, []string{"{mail: disclosures@personnel-technology.example}", "{post: 1 Main Street}"}, "", ""},
		{"nobody to ask", qc, []string{"contact: {mail: leaveteam@qcera.com, web: \"http://qcera.com\", clause: QC-12}\n", ""}, "contact", "GDPR Art. 13(1)(a)"},
		{"no authority to complain to", qc, []string{"authority: the supervisory authority of where somebody lives, ", ""}, "complaints", "GDPR Art. 13(2)(d)"},
		{"a law that is not declared", qc, []string{"rules: [coppa, ccpa, gdpr]", "rules: [ccpa, gdpr]", "ages:\n  minimum: 13", "ages:\n  minimum: 14"}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			problems := below(t, tc.policy, tc.change...)
			if tc.path == "" {
				if len(problems) > 0 {
					t.Errorf("the law is kept, and yet\n%v", problems)
				}
				return
			}
			if !slices.ContainsFunc(problems, func(p policydoc.Problem) bool {
				return p.Path == tc.path && strings.Contains(p.Text, tc.article) && p.Line > 0
			}) {
				t.Errorf("want %s by %s, got\n%v", tc.path, tc.article, problems)
			}
		})
	}
}

func TestAPolicyPromisesWhatNoLawThatItDeclaresDemandsAsItLikes(t *testing.T) {
	if p := below(t, "qcera.yaml", "rules: [coppa, ccpa, gdpr]", "rules: []", "  minimum: 13\n", "  minimum: 12\n"); len(p) > 0 {
		t.Errorf("without a law: %v", p)
	}
}
