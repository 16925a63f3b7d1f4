package jetstream

import (
	"testing"
	"time"
)

// TestAProofReachesBackOnlyWhereAReplicaIsMissing is how much older than its
// question an answer of a leader counts, by when it heard from the others.
func TestAProofReachesBackOnlyWhereAReplicaIsMissing(t *testing.T) {
	heard := func(ms int) replica { return replica{Active: time.Duration(ms) * time.Millisecond} }
	offline := replica{Active: time.Millisecond, Offline: true}
	for name, tc := range map[string]struct {
		replicas []replica
		want     time.Duration
	}{
		"the only one":                             {nil, 0},
		"both were heard just now":                 {[]replica{heard(1), heard(2)}, 0},
		"both were heard with their last sign":     {[]replica{heard(990), heard(995)}, 0},
		"one may be calling an election":           {[]replica{heard(990), heard(4100)}, 990 * time.Millisecond},
		"one is silent for as long as we hold":     {[]replica{heard(40), heard(2000)}, 40 * time.Millisecond},
		"one is gone":                              {[]replica{heard(700), offline}, 700 * time.Millisecond},
		"one was never heard":                      {[]replica{heard(700), heard(0)}, 700 * time.Millisecond},
		"two of four are silent, two make up most": {[]replica{heard(300), heard(800), heard(5000), heard(6000)}, 800 * time.Millisecond},
	} {
		if got := (clusterAnswer{Replicas: tc.replicas}).heard(); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}
