//go:build long

package chaos_test

import (
	"testing"
	"time"
)

// beginLong starts a campaign of a minute, or as many seconds as are asked for.
func beginLong(t *testing.T) *campaign {
	t.Helper()
	return begin(t, time.Duration(fromEnv(t, secondsVariable, 60))*time.Second)
}

func TestChaosKillTheLeader(t *testing.T) {
	cluster, in := onCluster(t)
	killLeaders(t, beginLong(t), cluster, in)
}

func TestChaosKillAllNodes(t *testing.T) {
	cluster, in := onCluster(t)
	killAllNodes(t, beginLong(t), cluster, in)
}

func TestChaosKillTheWriters(t *testing.T) {
	_, in := onCluster(t)
	killWriters(t, beginLong(t), in)
}

func TestChaosKillTheOnlyServer(t *testing.T) {
	node, in := onOneNode(t)
	killOneNode(t, beginLong(t), node, in)
}

func TestChaosKillTheWritersOfTheOnlyServer(t *testing.T) {
	_, in := onOneNode(t)
	killWriters(t, beginLong(t), in)
}

func TestChaosFreezeTheLeader(t *testing.T) {
	freezeLeaders(t, beginLong(t))
}

func TestChaosDamageTheOnlyReplica(t *testing.T) {
	damageOnly(t, begin(t, 0), damages())
}

func TestChaosDamageOneReplicaOfThree(t *testing.T) {
	damageOneOf(t, begin(t, 0), damages())
}

func TestChaosWipeTheReadModelOnRedis(t *testing.T) {
	_, in := onOneNode(t)
	wipeModel(t, beginLong(t), in, realRedis)
}

func TestChaosWipeTheReadModelOnTheEmbeddedStore(t *testing.T) {
	_, in := onOneNode(t)
	wipeModel(t, beginLong(t), in, embeddedRedis)
}
