package cli_test

import (
	"strings"
	"testing"

	"habeas.internal/services/habeas/internal/cli"
)

// TestWhatACommandNeedsIsSaidInWords, all at once and before a service is asked.
func TestWhatACommandNeedsIsSaidInWords(t *testing.T) {
	s := serve(t, "fulfilment")
	for line, want := range map[string]string{
		"breakglass ask --subject x": "--ground, --policy, --reason are needed",
		"breakglass ask --subject x --case y --policy p --ground g --reason suspected-fraud": "either --subject or --case",
		"breakglass review x":                 "--outcome, --reason are needed",
		"agent suspend acme":                  "--reason is needed; `habeas agent suspend --help`",
		"agent create acme":                   "--key, --name are needed",
		"request approve r":                   "--manifest is needed",
		"request decline-approval r":          "--manifest, --reason are needed",
		"subject merge a b":                   "--evidence is needed",
		"staff undertake vera":                "--evidence, --until are needed",
		"hold place s --review-at 2099-01-01": "--authority is needed",
		"age consent s":                       "--evidence, --method are needed",
		"system register shop":                "--connector, --dataset are needed",
	} {
		r := s.run(t, "", strings.Fields(line)...)
		if r.code != cli.ExitUsage || s.calls > 0 || !strings.Contains(r.err, want) || strings.Contains(r.err, "[a-z") {
			t.Errorf("%s: exit code %d after %d calls: %s", line, r.code, s.calls, r.err)
		}
	}
}

// TestAShellCompletesWhatTheContractLists in flags and arguments.
func TestAShellCompletesWhatTheContractLists(t *testing.T) {
	s := serve(t, "fulfilment")
	for line, want := range map[string]string{
		"request assign r |": "fulfiller", "request unassign r |": "approver", "request submit |": "erasure",
		"age record s --source |": "document", "age consent s --method |": "signed-form",
		"mandate record s --kind |": "guardian", "request verify r --staff-check --method |": "video-call",
		"breakglass ask --reason |": "suspected_fraud", "request list --state |": "received", "consent check s --action |": "disclose",
		"system register x --connector |": "sqlite", "request submit erasure --channel |": "in-person",
	} {
		r := s.run(t, "", append([]string{"__complete"}, append(strings.Fields(strings.TrimSuffix(line, "|")), "")...)...)
		if r.code != cli.ExitOK || !strings.Contains(r.out, want+"\n") {
			t.Errorf("%s: exit code %d: %s%s", line, r.code, r.out, r.err)
		}
	}
}
