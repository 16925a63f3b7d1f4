package check_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestEveryReasonIsDocumented(t *testing.T) {
	documented(t, "types.go", `\bReason += "([A-Z_]+)"`, "../../../docs/policies.md")
}

// documented fails for every word that the pattern finds in a source and that
// the document doesn't name.
func documented(t *testing.T, source, pattern, document string) {
	t.Helper()
	code, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindAllStringSubmatch(string(code), -1)
	if len(found) == 0 {
		t.Fatalf("%s has no word of that kind", source)
	}
	for _, m := range found {
		if !strings.Contains(string(text), "`"+m[1]+"`") {
			t.Errorf("%s does not name %s", document, m[1])
		}
	}
}
