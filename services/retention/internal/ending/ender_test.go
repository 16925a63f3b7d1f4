package ending_test

import (
	"context"
	"errors"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/retention/conversation"
	"habeas.internal/services/retention/internal/ending"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/person"
)

const (
	begun    = "conversation.key_destruction_begun"
	over     = "conversation.keys_destroyed"
	deferred = "conversation.key_destruction_deferred"
)

func TestAKeyGoesOnceWhereverItsEndIsInterrupted(t *testing.T) {
	for steps := 0; ; steps++ {
		w := newWorld(t)
		w.lives(steps)
		err := w.ender().End(t.Context())
		crashed := w.crashed()
		w.lives(-1)
		if !crashed {
			if err != nil || steps < 5 {
				t.Errorf("after %d steps it ended with %v", steps, err)
			}
			return
		}
		w.later(person.Life + person.Slack) // what permits it had are over
		w.ends("started again")
		w.stands("started again", conversation.Destroyed, 1)
		if n, m := w.told(begun), w.told(over); n != 1 || m != 1 {
			t.Errorf("crash after %d steps: %d beginnings and %d ends are told", steps, n, m)
		}
		w.ends("once more")
		if n := w.told(over); n != 1 {
			t.Errorf("crash after %d steps: %d ends are told in the end", steps, n)
		}
	}
}

func TestWhatIdentityCouldNotDestroyIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.fails = true
	if err := w.ender().End(t.Context()); err == nil {
		t.Error("what failed is not told")
	}
	w.stands("while identity is away", conversation.DueNow)
	for _, ref := range []string{ada, bob} {
		if n := len(w.person(ref).OpenPermits(w.clock())); n != 0 {
			t.Errorf("%s waits for %d permits under which nothing is destroyed", ref, n)
		}
	}
	w.fails = false
	w.ends("at once")
	w.stands("when it is back", conversation.Destroyed, 1)
}

func TestWhatBecomesDueMeanwhileGoesWithIt(t *testing.T) {
	w := newWorld(t)
	w.fails = true
	_ = w.ender().End(t.Context()) // it is asked again below
	w.period(noon().Add(-30 * time.Minute))
	w.later(time.Hour)
	w.fails = false
	w.ends("an hour later")
	w.stands("an hour later", conversation.Destroyed, 1, 2)
}

func TestAHoldDefersUntilItEnds(t *testing.T) {
	for _, ref := range []string{ada, bob} {
		w := newWorld(t)
		w.hold(ref)
		w.ends("on hold")
		w.ends("on hold still")
		w.stands("on hold", conversation.OnHold)
		if n := w.told(deferred); n != 1 || w.told(begun) != 0 {
			t.Errorf("a hold on %s is told %d times", ref, n)
		}
		if len(w.person(ada).OpenPermits(w.clock())) != 0 {
			t.Errorf("a hold on %s leaves the other's permit", ref)
		}
		w.release(ref)
		w.ends("released")
		w.stands("released", conversation.Destroyed, 1)
	}
}

// The hold comes when everybody has given a permit. It says itself from when on
// it binds.
func TestAHoldBetweenBeginningAndDestruction(t *testing.T) {
	t.Run("binds once the permits are over, and not before", func(t *testing.T) {
		w := newWorld(t)
		w.then = func() {
			w.hold(bob)
			if w.person(bob).Effect("hold", w.clock()).Effective {
				t.Error("a key goes while a hold is in effect")
			}
		}
		w.ends("begun before the hold")
		w.stands("begun before the hold", conversation.Destroyed, 1)
		if !w.person(bob).Effect("hold", w.clock()).Effective {
			t.Error("the hold is not in effect when the key has gone")
		}
	})
	t.Run("keeps what could not be destroyed under them", func(t *testing.T) {
		w := newWorld(t)
		w.then, w.fails = func() { w.hold(bob) }, true
		if err := w.ender().End(t.Context()); err == nil {
			t.Error("what failed is not told")
		}
		w.then, w.fails = nil, false
		w.ends("on hold")
		w.stands("on hold", conversation.OnHold)
		w.release(bob)
		w.ends("released")
		w.stands("released", conversation.Destroyed, 1)
	})
}

// between calls what happens once everybody has given a permit.
type between struct {
	ending.Permits
	last string
	then func()
}

func (b between) Leave(ctx context.Context, tenant, subject, step string, data person.RequestPermit) (rpc.Leave, error) {
	l, err := b.Permits.Leave(ctx, tenant, subject, step, data)
	if err == nil && subject == b.last {
		b.then()
	}
	return l, err
}

// Two instances find the same period due. If they shared a permit, the one that
// fails would give it back, a hold would bind, and the other would go on.
func TestTwoInstancesDoNotShareAPermit(t *testing.T) {
	w := newWorld(t)
	first, second := w.ender(), w.ender()
	second.Permits = between{w.people, bob, func() {
		w.fails = true
		if err := first.End(t.Context()); !errors.Is(err, person.ErrPermitOpen) {
			t.Errorf("the first, while the second has permits: %v", err)
		}
		w.fails = false
		w.hold(ada)
	}}
	if err := second.End(t.Context()); err != nil {
		t.Error(err)
	}
	w.stands("under the second's own permits", conversation.Destroyed, 1)
}

func TestWhoWasErasedHoldsNothingUp(t *testing.T) {
	w := newWorld(t)
	w.states[ada] = identityv1.SubjectState_SUBJECT_STATE_FORGOTTEN
	w.ends("after the sender's erasure")
	w.stands("after the sender's erasure", conversation.Destroyed, 1)
}

func TestNothingGoesBeforeItsTime(t *testing.T) {
	w := newWorld(t)
	w.later(-90 * time.Minute)
	w.ends("half an hour before")
	w.stands("half an hour before", conversation.Open)
}
