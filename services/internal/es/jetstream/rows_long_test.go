//go:build long

package jetstream_test

import (
	"testing"
	"time"

	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/testserver"
)

func TestAThousandValuesHaveOneOwnerEach(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		srv := testserver.NATS(t)
		cfg := provisionRows(t, srv.Connect(t, testserver.Admin), 1)
		sealtest.ClaimRace{Callers: 64, Values: 1000, Rotations: 1, Crashes: 50}.Run(t, openRows(t, cfg))
	})
	t.Run("replicated", func(t *testing.T) {
		cluster := testserver.Cluster(t, 3)
		cfg := provisionRows(t, cluster.Connect(t, testserver.Admin), 3)
		sealtest.ClaimRace{Callers: 64, Values: 1000, Rotations: 1, Crashes: 50}.Run(t, openRows(t, cfg))
	})
}

// TestDestroyedKeysInAReplicatedStore states what the raft logs keep, and for
// how long, and that it opens no more when the key epoch has ended.
func TestDestroyedKeysInAReplicatedStore(t *testing.T) {
	const keys, destroyed = 2000, 100
	cluster := testserver.Cluster(t, 3)
	r := newResidue(t, openRows(t, provisionRows(t, cluster.Connect(t, testserver.Admin), 3)), keys)
	report := func(when string) (elsewhere int) {
		t.Helper()
		for _, node := range cluster.Nodes() {
			streams, raft := r.found(destroyed, node.Dir())
			t.Logf("R3, %d wrapped keys, %d destroyed, %s, %s: found %d in stream files, %d in raft logs",
				keys, destroyed, when, node.Name(), streams, raft)
			if streams != 0 {
				t.Errorf("%s: wrapped bytes of destroyed keys are left in stream files", when)
			}
			elsewhere += raft
		}
		return elsewhere
	}
	r.destroy(destroyed)
	report("at once")
	r.endEpochs(destroyed)
	report("after their key epochs ended, when none of it opens any more")
	idle := time.Now()
	for deadline := idle.Add(5 * time.Minute); time.Now().Before(deadline); {
		if report("idle for "+time.Since(idle).Round(time.Second).String()) == 0 {
			return
		}
		<-time.After(30 * time.Second)
	}
	t.Log("the raft logs were not compacted within five minutes")
}
