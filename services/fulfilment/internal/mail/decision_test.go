package mail_test

import (
	"strings"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/mail"
)

// TestWhatIsNotCarriedOutIsToldWithItsReasonAndWhereToComplain, of the whole and of a
// part, by the tenant and by its controller.
func TestWhatIsNotCarriedOutIsToldWithItsReasonAndWhereToComplain(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	whole := mail.Rejection{
		Ground: "privacy_of_others", Clause: "CW-16", Rules: []string{"gdpr@1: Art. 15(4)"}, Statement: "Others speak in it.",
		Complaints: "privacy@acme.example", Authority: "the authority", Controller: "acme",
	}
	part := whole
	part.Parts, part.Controller = []mail.Kept{{System: "crm", Collection: "ticket", Category: "user.content"}}, ""
	for template, tc := range map[string]struct {
		facts mail.Facts
		want  []string
		not   string
	}{
		"rejected": {
			mail.Facts{Request: "r1", ReceivedAt: at, Rejected: []mail.Rejection{whole}},
			[]string{"r1", "decided by acme", "privacy of others", "clause CW-16", "Art. 15(4)", "Others speak in it.", "privacy@acme.example", "the authority", "court"},
			"This part",
		},
		"rejected.r2": {mail.Facts{Request: "r1", ReceivedAt: at, Rejected: []mail.Rejection{whole}}, []string{"Others speak in it."}, "This part"},
		"erased": {
			mail.Facts{Request: "r1", Erasure: true, Rejected: []mail.Rejection{part}},
			[]string{"This part was declined", "user.content (crm, ticket)", "Others speak in it.", "the authority"},
			"decided by",
		},
		"package_ready":          {mail.Facts{Request: "r1", ExpiresAt: at, Rejected: []mail.Rejection{part}}, []string{"This part was declined", "user.content"}, "decided by"},
		"instruction_asked":      {mail.Facts{Request: "r1", Erasure: true, Controller: "acme", InstructBy: at, DueAt: at}, []string{"acme", "to erase it", "r1", "silence does not end it"}, "@"},
		"instruction_reminder.1": {mail.Facts{Request: "r1", Controller: "acme", InstructBy: at, DueAt: at}, []string{"a copy of it", "have none yet"}, "@"},
		"instruction_overdue":    {mail.Facts{Request: "r1", Controller: "acme", InstructBy: at, DueAt: at}, []string{"was due by", "nor end it"}, "@"},
	} {
		t.Run(template, func(t *testing.T) {
			m, err := mail.Render(template, tc.facts)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range tc.want {
				if !strings.Contains(m.Text, part) {
					t.Errorf("%q is missing:\n%s", part, m.Text)
				}
			}
			if strings.Contains(m.Text, tc.not) {
				t.Errorf("it says %q:\n%s", tc.not, m.Text)
			}
		})
	}
}
