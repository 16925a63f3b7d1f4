package consistency_test

import (
	"sync"
	"testing"
	"time"
)

// write is one decision: what answers say after it, when it was sent and when it
// was acknowledged.
type write struct {
	says        string
	sent, acked time.Time
}

// truth is what was written of one person, in order, by one writer.
type truth struct {
	mu     sync.Mutex
	writes []write
}

func (h *truth) sends(says string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes = append(h.writes, write{says: says, sent: time.Now()})
}

func (h *truth) acknowledged() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	h.writes[len(h.writes)-1].acked = now
	return now
}

// allows reports whether an answer to a question that was asked and answered at
// these moments may say this, if it may be as old as a bound: whether it was the
// state at some moment between. A state may hold from when it was sent, and does
// until the next is acknowledged.
func (h *truth) allows(says string, asked, answered time.Time, bound time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	oldest := asked.Add(-bound)
	for i := len(h.writes) - 1; i >= 0; i-- {
		over := time.Time{}
		if i+1 < len(h.writes) {
			over = h.writes[i+1].acked
		}
		if !over.IsZero() && over.Before(oldest) {
			return false
		}
		if w := h.writes[i]; w.says == says && !w.sent.After(answered) {
			return true
		}
	}
	return false
}

func TestTheJudgeOfOldAnswersKnowsAWrongOne(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(1_000_000, 0).Add(time.Duration(n) * time.Second) }
	h := &truth{writes: []write{
		{says: "none"},
		{says: "given", sent: at(10), acked: at(11)},
		{says: "withdrawn", sent: at(20), acked: at(21)},
		{says: "expired", sent: at(30)},
	}}
	for _, tc := range []struct {
		name            string
		says            string
		asked, answered int
		bound           time.Duration
		want            bool
	}{
		{"what stands", "given", 12, 13, 0, true},
		{"what stood before", "none", 12, 13, 0, false},
		{"what stood before, within the bound", "none", 12, 13, time.Second, true},
		{"a yes after its withdrawal", "given", 22, 23, 0, false},
		{"a yes while it is withdrawn", "given", 19, 22, 0, true},
		{"a withdrawal while it is recorded", "withdrawn", 19, 20, 0, true},
		{"what nobody has sent yet", "withdrawn", 12, 13, time.Minute, false},
		{"a yes older than the bound", "given", 25, 26, 3 * time.Second, false},
		{"what is sent and not acknowledged", "expired", 31, 32, 0, true},
		{"what stood when that was sent", "withdrawn", 31, 32, 0, true},
		{"what was never said", "denied", 12, 13, time.Minute, false},
	} {
		if got := h.allows(tc.says, at(tc.asked), at(tc.answered), tc.bound); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}
