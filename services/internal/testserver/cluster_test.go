package testserver_test

import (
	"context"
	"testing"
	"time"

	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"
)

func TestAClusterGoesOnWithoutItsLeaderAndAfterALossOfAll(t *testing.T) {
	t.Parallel()
	cluster := testserver.Cluster(t, 3, testserver.WithTLS())
	conn := cluster.Connect(t, testserver.Admin)
	makeStream(t, conn, 3)
	publish(t, conn, "one")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	killed, err := cluster.KillLeader(ctx, "LOG")
	if err != nil {
		t.Fatal(err)
	}
	testwait.For(t, time.Minute, func() error { return try(t, conn, "two") })
	if next, err := cluster.Leader(ctx, "LOG"); err != nil || next == killed {
		t.Errorf("the leader is still %s (%v)", killed.Name(), err)
	}

	cluster.KillAll()
	if err := cluster.RestartAll(ctx); err != nil {
		t.Fatal(err)
	}
	testwait.For(t, time.Minute, func() error { return try(t, conn, "three") })
	expectLog(t, conn, "one", "two", "three")
}

func TestAClusterElectsAnotherLeaderWhileOneIsPaused(t *testing.T) {
	t.Parallel()
	cluster := testserver.Cluster(t, 3)
	conn := cluster.Connect(t, testserver.Admin)
	makeStream(t, conn, 3)
	publish(t, conn, "one")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	paused, err := cluster.Leader(ctx, "LOG")
	if err != nil {
		t.Fatal(err)
	}
	if err := paused.Pause(); err != nil {
		t.Fatal(err)
	}
	other := cluster.Nodes()[0]
	if other == paused {
		other = cluster.Nodes()[1]
	}
	direct := other.Connect(t, testserver.Admin)
	testwait.For(t, time.Minute, func() error { return try(t, direct, "two") })

	if err := paused.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := cluster.WaitReady(ctx); err != nil {
		t.Error(err)
	}
	expectLog(t, direct, "one", "two")
}
