package follow

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/retention/schedule"
)

func TestThePublishedPoliciesHaveASchedule(t *testing.T) {
	for name, want := range map[string]int{"caseworks.yaml": 3, "personnel-technology.yaml": 1, "qcera.yaml": 2} {
		file, err := fs.ReadFile(policydoc.Published(), name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parse(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(p.rules) < want || p.from.IsZero() {
			t.Errorf("%s: %d rules from %s", name, len(p.rules), p.from)
		}
		events, err := schedule.Decide(schedule.Schedule{}, schedule.Put{Policy: name, PolicyVersion: 1, Rules: p.rules, At: p.from.Add(time.Hour)})
		if err != nil || len(events) != 1 {
			t.Errorf("%s: %d events, error %v", name, len(events), err)
		}
	}
}

func TestADocumentIsReadAsFarAsRetentionGoes(t *testing.T) {
	const rule = "retention:\n  - {rule: r, category: user, period: P1Y, ground: g, authority: a"
	for _, tc := range []struct {
		name, document string
		rules          int
		err            error
	}{
		{"other keys are consent's to check", "policy: main\nanything: [1, 2]\n" + rule + "}\n", 1, nil},
		{"no list is no rule", "policy: main\n", 0, nil},
		{"an empty list is no rule", "retention: []\n", 0, nil},
		{"a list without a value is no rule", "retention:\n", 0, nil},
		{"a key of a rule that nobody knows is refused", rule + ", sytems: [crm]}\n", 0, ErrDocument},
		{"a key that stands twice is refused", rule + ", rule: s}\n", 0, ErrDocument},
		{"a list that is none is refused", "retention: for ever\n", 0, ErrDocument},
		{"a day that is none is refused", "effective: soon\n" + rule + "}\n", 0, ErrDocument},
		{"what is no YAML is refused", "retention: [", 0, ErrDocument},
		{"a rule without a period is refused", "retention:\n  - {rule: r, category: user}\n", 0, schedule.ErrPeriod},
		{"a period that is none is refused", "retention:\n  - {rule: r, category: user, period: ten years}\n", 0, schedule.ErrPeriod},
		{"aliases grow nothing", "a: &a [1]\nretention: *a\n", 0, ErrDocument},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := parse([]byte(tc.document))
			if !errors.Is(err, tc.err) || len(p.rules) != tc.rules {
				t.Errorf("%d rules, error %v; want %d, %v", len(p.rules), err, tc.rules, tc.err)
			}
		})
	}
}

// FuzzParse: whatever consent answers, reading it ends in rules or an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte("retention:\n  - {rule: r, category: user, period: P1Y, ground: g, authority: a}\n"))
	f.Add([]byte("effective: 2020-01-01\nretention: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := parse(file)
		if err != nil && len(p.rules) > 0 {
			t.Error("rules and an error")
		}
	})
}
