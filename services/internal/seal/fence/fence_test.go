package fence_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/fence"
)

const (
	lease = 30 * time.Second
	slack = time.Second
)

// member drops when told, or never answers.
type member struct {
	mute bool
	told chan seal.KeyID
}

func (m member) Drop(ctx context.Context, id seal.KeyID) error {
	m.told <- id
	if m.mute {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func newMember(mute bool) member { return member{mute: mute, told: make(chan seal.KeyID, 9)} }

func newRegistry(t *testing.T, alone bool) *fence.Registry {
	t.Helper()
	r, err := fence.New(fence.Config{Lease: lease, Slack: slack, Alone: alone, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// aged is a registry that leases from before its time can't matter to.
func aged(t *testing.T) *fence.Registry {
	t.Helper()
	r := newRegistry(t, true)
	<-time.After(lease + slack)
	return r
}

func expect(t *testing.T, r *fence.Registry, want fence.Report) {
	t.Helper()
	got, err := r.Fence(t.Context(), seal.KeyID{Tenant: "t1"})
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("fence: %+v, want %+v", got, want)
	}
}

func TestMembersThatAnswerEndTheFenceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := aged(t)
		a, b := newMember(false), newMember(false)
		r.Join("a", a)
		r.Join("b", b)
		r.Leased("a")
		expect(t, r, fence.Report{Acked: 2})
		if id := <-a.told; id.Tenant != "t1" {
			t.Errorf("told to drop %v", id)
		}
	})
}

func TestAMuteMemberIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := aged(t)
		r.Join("a", newMember(false))
		r.Join("b", newMember(true))
		expect(t, r, fence.Report{Acked: 1, Expired: 1, Took: lease + slack})
	})
}

func TestAStrangersLeaseIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := aged(t)
		r.Leased("nobody knows me")
		<-time.After(10 * time.Second)
		expect(t, r, fence.Report{Expired: 1, Took: 20*time.Second + slack})
		expect(t, r, fence.Report{})
	})
}

func TestAMemberThatVanishedIsAStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := aged(t)
		r.Join("a", newMember(false))(true)
		expect(t, r, fence.Report{})
		r.Join("a", newMember(false))(false)
		expect(t, r, fence.Report{Expired: 1, Took: lease + slack})
	})
}

// Whoever was lent a key under a longer lease than today's, and is cut off, has it
// until that lease ends.
func TestALongerLeaseFromBeforeTheStartIsWaitedOutOnce(t *testing.T) {
	for _, alone := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r, err := fence.New(fence.Config{Lease: lease, Before: 5 * time.Minute, Slack: slack, Alone: alone, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, r, fence.Report{Expired: 1, Took: 5*time.Minute + slack})
			after := fence.Report{}
			if !alone {
				after = fence.Report{Expired: 1, Took: lease + slack}
			}
			expect(t, r, after)
		})
	}
}

func TestLeasesFromBeforeTheStartAreWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expect(t, newRegistry(t, true), fence.Report{Expired: 1, Took: lease + slack})
	})
}

func TestAReplicaAmongOthersWaitsForTheirLeasesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry(t, false)
		<-time.After(time.Hour)
		r.Join("a", newMember(false))
		expect(t, r, fence.Report{Acked: 1, Expired: 1, Took: lease + slack})
	})
}

func TestAnEndedCallReachesNoFence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry(t, true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Fence(ctx, seal.KeyID{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("fence: %v, want the context's error", err)
		}
	})
}
