package ending_test

import (
	"testing"
	"time"

	"habeas.internal/services/retention/conversation"
)

// The list in memory finds what the conversation itself says is due: neither
// earlier nor never.
func TestTheClocksFindWhatIsDue(t *testing.T) {
	digest := "digest"
	for _, tc := range []struct {
		name   string
		terms  conversation.Terms
		given  []conversation.Command
		before time.Time // nothing goes until then
	}{
		{"kept for a day", conversation.Terms{Archive: "none", KeepUntil: noon().AddDate(0, 0, 1)}, nil, noon().AddDate(0, 0, 1)},
		{"a paid archive", conversation.Terms{Archive: "paid", KeepUntil: noon().AddDate(7, 0, 0)}, nil, noon().AddDate(7, 0, 0)},
		{
			"closed before its end",
			conversation.Terms{Archive: "none", KeepUntil: noon().AddDate(1, 0, 0)},
			[]conversation.Command{conversation.Close{At: noon(), KeepUntil: noon().Add(time.Minute)}},
			noon().Add(time.Minute),
		},
		{
			"a receipt long after its time",
			conversation.Terms{Archive: conversation.ClientServers, KeepUntil: noon().Add(time.Hour)},
			[]conversation.Command{
				conversation.HandOver{Period: 2, Digest: digest, At: noon().Add(2 * time.Hour)},
				conversation.Receive{Period: 2, Digest: digest, At: noon().AddDate(0, 1, 0)},
			},
			noon().AddDate(0, 1, 0),
		},
		{
			"a receipt before its time",
			conversation.Terms{Archive: conversation.ClientServers, KeepUntil: noon().AddDate(0, 2, 0)},
			[]conversation.Command{
				conversation.HandOver{Period: 2, Digest: digest, At: noon().Add(2 * time.Hour)},
				conversation.Receive{Period: 2, Digest: digest, At: noon().AddDate(0, 1, 0)},
			},
			noon().AddDate(0, 2, 0),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.ends("the first period")
			w.command(conversation.Enter{Terms: tc.terms, Begins: noon().Add(-time.Hour), Ends: noon().Add(time.Hour), At: noon()})
			for _, cmd := range tc.given {
				w.command(cmd)
			}
			w.later(tc.before.Sub(noon()) - time.Nanosecond)
			w.ends("just before")
			if len(w.gone) != 1 {
				t.Errorf("gone are %v before %s", w.gone, tc.before)
			}
			w.later(time.Nanosecond)
			w.ends("on time")
			w.stands("on time", conversation.Destroyed, 1, 2)
		})
	}
}

func TestWithoutAReceiptNothingGoesHoweverLate(t *testing.T) {
	w := newWorld(t)
	w.ends("the first period")
	w.command(conversation.Enter{
		Terms:  conversation.Terms{Archive: conversation.ClientServers, KeepUntil: noon().Add(time.Hour)},
		Begins: noon().Add(-time.Hour), Ends: noon().Add(time.Hour), At: noon(),
	})
	w.later(20 * 365 * 24 * time.Hour)
	w.ends("twenty years later")
	if len(w.gone) != 1 {
		t.Errorf("gone are %v", w.gone)
	}
}
