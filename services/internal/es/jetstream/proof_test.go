package jetstream

import (
	"testing"
	"time"
)

// answered is one answer of a server that says that it leads: when it was
// asked and answered, in milliseconds, and whether it is to be believed.
type answered struct {
	leader          string
	since           int
	asked, received int
	want            bool
}

func TestALeaderIsBelievedAtTheEndOfAnUnbrokenRunOfItsAnswers(t *testing.T) {
	for name, answers := range map[string][]answered{
		"one answer proves nothing": {{"a", 0, 0, 5, false}},
		"a run settles after a quarter of a second": {
			{"a", 0, 0, 5, false},
			{"a", 0, 200, 205, false},
			{"a", 0, 254, 260, false},
			{"a", 0, 255, 260, true},
			{"a", 0, 256, 900, true},
		},
		"an old question that was answered late proves nothing": {
			{"a", 0, 0, 5, false},
			{"a", 0, 10, 900, false},
		},
		"who was silent for long begins anew": {
			{"a", 0, 0, 5, false},
			{"a", 0, 300, 305, true},
			{"a", 0, 2295, 2301, false},
			{"a", 0, 2400, 2405, false},
			{"a", 0, 2551, 2560, true},
		},
		"silence counts from the question, which may have waited at a frozen server": {
			{"a", 0, 0, 5, false},
			{"a", 0, 300, 1400, true},
			{"a", 0, 1500, 2301, false},
		},
		"another leader begins anew": {
			{"a", 0, 0, 5, false},
			{"b", 0, 300, 305, false},
			{"b", 0, 600, 605, true},
		},
		"a leader that was elected again begins anew": {
			{"a", 0, 0, 5, false},
			{"a", 1, 300, 305, false},
		},
		"answers that cross on their way do not shorten a run": {
			{"a", 0, 0, 5, false},
			{"a", 0, 1900, 1910, true},
			{"a", 0, 300, 1920, true},
			{"a", 0, 3800, 3890, true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Unix(1_800_000_000, 0)
			at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
			var r run
			for i, a := range answers {
				c := clusterAnswer{Leader: a.leader, LeaderSince: at(a.since)}
				c.Replicas = append(c.Replicas, replica{}, replica{})
				if got := r.settled(c, at(a.asked), at(a.received)); got != a.want {
					t.Errorf("answer %d: believed %t, want %t", i, got, a.want)
				}
			}
		})
	}
}

func TestTheOnlyReplicaIsBelievedAtOnce(t *testing.T) {
	var r run
	if !r.settled(clusterAnswer{}, time.Unix(0, 0), time.Unix(0, 0)) {
		t.Error("it is not")
	}
}
