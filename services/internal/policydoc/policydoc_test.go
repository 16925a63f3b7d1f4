package policydoc_test

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"habeas.internal/services/internal/policydoc"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(policydoc.Published(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestThePublishedPoliciesKeepEveryRule(t *testing.T) {
	for name, promises := range map[string]int{"caseworks.yaml": 25, "personnel-technology.yaml": 28, "qcera.yaml": 16} {
		t.Run(name, func(t *testing.T) {
			doc, err := policydoc.Parse(read(t, name))
			if err != nil {
				t.Fatalf("problems:\n%v", err)
			}
			if len(doc.Clauses) != promises {
				t.Errorf("%d clauses, want %d", len(doc.Clauses), promises)
			}
			if doc.Policy+".yaml" != name {
				t.Errorf("policy %s stands in %s", doc.Policy, name)
			}
		})
	}
}

func TestAProblemHasPathLineAndCode(t *testing.T) {
	good, list := string(read(t, "qcera.yaml")), "matrix: {clause: QC-15}\n"
	for _, tc := range []struct {
		name, old, by, path, code string
	}{
		{"no modification date", "modified: 2013-05-16\n", "", "modified", policydoc.CodeModifiedMissing},
		{"a category without an end", "    ends: {after: last_used, period: P2Y, house: true}\n    clause: QC-01\n  - id: visitor.email", "    clause: QC-01\n  - id: visitor.email", "categories[0].ends", policydoc.CodeRetentionEndMissing},
		{"an unknown category", "categories: [visitor.email]", "categories: [visitor.mail]", "purposes[4].categories[0]", policydoc.CodeCategoryUnknown},
		{"an unknown purpose of a source", "purposes: [cookie.recognise,", "purposes: [cookie.recognize,", "sources[1].purposes[0]", policydoc.CodePurposeUnknown},
		{"an unknown clause", "matrix: {clause: QC-15}", "matrix: {clause: QC-99}", "matrix.clause", policydoc.CodeClauseUnknown},
		{"no clause", "decline: {clause: QC-04}\n", "", "decline.clause", policydoc.CodeClauseMissing},
		{"a malformed period", "period: P3Y\n    ground", "period: 3 years\n    ground", "retention[0].period", policydoc.CodePeriodInvalid},
		{"a period beyond reason", "period: P3Y\n    ground", "period: P999Y9999M\n    ground", "retention[0].period", policydoc.CodePeriodInvalid},
		{"an empty period", "period: P3Y\n    ground", "period: P0Y\n    ground", "retention[0].period", policydoc.CodePeriodInvalid},
		{"an unknown basis", "basis: opt_in", "basis: hope", "purposes[0].basis", policydoc.CodeNotOneOf},
		{"a purpose twice", "id: website.improve", "id: experience.personalise", "purposes[1].id", policydoc.CodeDuplicate},
		{"a retention rule for nothing", "category: leave\n", "category: leaves\n", "retention[0].category", policydoc.CodeCategoryUnknown},
		{"an unknown key", "publisher: Qcera, Inc.", "publisher: Qcera, Inc.\nexceptions: all", "exceptions", policydoc.CodeUnknownKey},
		{"a key twice", "version: 1", "version: 1\nversion: 2", "version", policydoc.CodeDuplicateKey},
		{"text for a number", "version: 1", "version: one", "version", policydoc.CodeKind},
		{"a mapping for a list", "rules: [coppa, ccpa, gdpr]", "rules: {gdpr: true}", "rules", policydoc.CodeKind},
		{"a tag", "version: 1", "version: !!int 1", "version", policydoc.CodeKind},
		{"an anchor", "matrix: {clause: QC-15}", "matrix: &m {clause: QC-15}", "matrix", policydoc.CodeAlias},
		{"a purpose with a ground's name", "id: website.improve", "id: ground.improve", "purposes[1].id", policydoc.CodeReservedName},
		{"a signal that a law binds", "{signal: gpc, honoured: true,", "{signal: gpc, honoured: false,", "signals[0].honoured", policydoc.CodeSignalBound},
		{"a fee for an erasure", "{right: erasure, verified: true,", "{right: erasure, fee: true,", "requests.rights[2].fee", policydoc.CodeFeeForbidden},
		{"a rule for staff without a clause", "staff: {clause: QC-08}", "staff: {}", "consent.staff.clause", policydoc.CodeClauseMissing},
		{"a message of no purpose", list, list + "messages: [{id: news, title: News, purpose: mail.news, clause: QC-05}]\n", "messages[0].purpose", policydoc.CodePurposeUnknown},
		{"a message twice", list, list + "messages: [{id: n, title: N, purpose: mail.periodic, clause: QC-05}, {id: n, title: N, purpose: mail.periodic, clause: QC-05}]\n", "messages[1].id", policydoc.CodeDuplicate},
		{"a message without a promise", list, list + "messages: [{id: n, title: N, purpose: mail.periodic}]\n", "messages[0].clause", policydoc.CodeClauseMissing},
		{"a message by a channel that its purpose has not", list, list + "messages: [{id: n, title: N, purpose: mail.periodic, channels: [email, sms], clause: QC-05}]\n", "messages[0].channels[1]", policydoc.CodeMessageUnsendable},
		{"a message for what may only be kept", list, list + "messages: [{id: n, title: N, purpose: legal.retention, clause: QC-05}]\n", "messages[0].purpose", policydoc.CodeMessageUnsendable},
		{"no policy at all", good, "[]", "", policydoc.CodeKind},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(good, tc.old) {
				t.Fatalf("the document holds no %q", tc.old)
			}
			_, err := policydoc.Parse([]byte(strings.Replace(good, tc.old, tc.by, 1)))
			var problems policydoc.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error %v", err)
			}
			found := slices.IndexFunc(problems, func(p policydoc.Problem) bool { return p.Path == tc.path && p.Code == tc.code })
			if found < 0 || problems[found].Line == 0 {
				t.Errorf("want %s at %q with a line, got\n%v", tc.code, tc.path, problems)
			}
		})
	}
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	text := string(read(t, "qcera.yaml"))
	for _, c := range [][2]string{
		{"publisher: Qcera, Inc.", "publisher: Qcera, Inc.\nexceptions: all"}, // reading
		{"version: 1\n", "version: one\n"},                                    // reading
		{"basis: opt_in", "basis: hope"},                                      // a rule
		{"title: Sending periodic e-mail", "titel: Sending periodic e-mail"},  // both
	} {
		text = strings.Replace(text, c[0], c[1], 1)
	}
	_, err := policydoc.Parse([]byte(text))
	var problems policydoc.Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems {
		if p.Line == 0 || p.Column == 0 {
			t.Errorf("no place: %+v", p)
		}
		got = append(got, p.Path+" "+p.Code)
	}
	want := []string{
		"version KIND", "exceptions KEY_UNKNOWN", "purposes[0].basis NOT_ONE_OF", "purposes[4].title MISSING", "purposes[4].titel KEY_UNKNOWN",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestStaffAreNeverLockedOutForGood(t *testing.T) {
	without := strings.ReplaceAll(string(read(t, "qcera.yaml")), "actions: [access, disclose]", "actions: [disclose]")
	_, err := policydoc.Parse([]byte(without))
	var problems policydoc.Problems
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Path != "consent.staff" || problems[0].Code != policydoc.CodeStaffLockedOut {
		t.Errorf("without a ground on which staff may look: %v", err)
	}
	if _, err := policydoc.Parse([]byte(strings.Replace(without, "  staff: {clause: QC-08}\n", "", 1))); err != nil {
		t.Errorf("where staff are not bound, none is needed: %v", err)
	}
}

func TestWhatCannotBeReadIsRefused(t *testing.T) {
	bomb := "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n"
	for name, tc := range map[string]struct{ text, code string }{
		"nothing":       {"", policydoc.CodeSyntax},
		"no YAML":       {"a: [", policydoc.CodeSyntax},
		"two documents": {"policy: a\n---\npolicy: b\n", policydoc.CodeSyntax},
		"a bomb":        {bomb, policydoc.CodeAlias},
		"too deep":      {"policy: " + strings.Repeat("[", 50) + strings.Repeat("]", 50), policydoc.CodeTooLarge},
		"too large":     {strings.Repeat("#", policydoc.MaxBytes+1), policydoc.CodeTooLarge},
		"too many":      {"rules: [" + strings.Repeat("a,", 50_000) + "]", policydoc.CodeTooLarge},
		"too long":      {"title: " + strings.Repeat("a", 5000), policydoc.CodeTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := policydoc.Parse([]byte(tc.text))
			var problems policydoc.Problems
			if !errors.As(err, &problems) || !slices.ContainsFunc(problems, func(p policydoc.Problem) bool { return p.Code == tc.code }) {
				t.Errorf("got %v, want %s", err, tc.code)
			}
		})
	}
}

func TestAPeriodIsWholeAndLongerThanNothing(t *testing.T) {
	for text, want := range map[string]policydoc.Period{
		"P10Y": {Years: 10}, "P6M": {Months: 6}, "P60D": {Days: 60}, "P1Y2M3D": {Years: 1, Months: 2, Days: 3},
	} {
		if got, err := policydoc.ParsePeriod(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "P", "10Y", "P1D2Y", "P0D", "PT1H", "P1W", "P-1Y", "P1.5Y", "P1000Y", "P1Y ", "P1Y1Y"} {
		if got, err := policydoc.ParsePeriod(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestEveryCodeIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"parse.go", "lint.go", "floor.go"} {
		code, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`Code\w+ += "([A-Z_]+)"`).FindAllStringSubmatch(string(code), -1)
		if len(found) == 0 {
			t.Errorf("%s has no codes", source)
		}
		for _, m := range found {
			if !strings.Contains(string(text), "`"+m[1]+"`") {
				t.Errorf("docs/policies.md does not name %s", m[1])
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"caseworks.yaml", "personnel-technology.yaml", "qcera.yaml"} {
		f.Add(read(f, name))
	}
	f.Add([]byte("policy: &a x\nversion: *a\n? [1]\n: 2\n<<: {a: b}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := policydoc.Parse(data)
		if err == nil && (doc.Policy == "" || doc.Version < 1 || len(doc.Purposes) == 0) {
			t.Errorf("accepted without the least: %q %d", doc.Policy, doc.Version)
		}
		var problems policydoc.Problems
		if err != nil && (!errors.As(err, &problems) || len(problems) == 0) {
			t.Errorf("refused without a problem: %v", err)
		}
	})
}
