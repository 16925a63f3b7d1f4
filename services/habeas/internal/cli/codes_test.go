package cli_test

import (
	"strings"
	"testing"

	"habeas.internal/services/habeas/internal/cli"
)

// TestWhatHasAListTakesNothingElse: a free text in the log in clear may name somebody.
func TestWhatHasAListTakesNothingElse(t *testing.T) {
	for line, want := range map[string]string{
		"breakglass ask --subject jane --policy p --ground audit --reason ann_said_so": "security_incident",
		"breakglass decline g --reason ann_said_so":                                    "too_wide",
		"breakglass review g --outcome justified --reason ann_said_so":                 "not_as_stated",
		"subject unmerge a m --reason ann_said_so":                                     "wrong_person",
		"request submit erasure --email a@b.example --channel ann_at_the_desk":         "in-person",
	} {
		s := serve(t, "identity")
		if r := s.run(t, "", strings.Fields(line)...); r.code != cli.ExitUsage || s.calls > 0 || !strings.Contains(r.err, want) {
			t.Errorf("%s: exit code %d, %d calls: %s", line, r.code, s.calls, r.err)
		}
	}
}
