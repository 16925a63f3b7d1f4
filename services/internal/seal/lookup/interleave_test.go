package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"habeas.internal/services/internal/seal/lookup"
	"habeas.internal/services/internal/seal/sealtest"
)

// pauseAt stops the first caller that reaches an operation.
type pauseAt struct {
	match           func(sealtest.Op) bool
	reached, resume chan struct{}
	once            sync.Once
}

func newPause(name string, after bool) *pauseAt {
	return &pauseAt{reached: make(chan struct{}), resume: make(chan struct{}), match: func(op sealtest.Op) bool {
		return op.Name == name && op.After == after && strings.Contains(op.Subject, ".lookup.")
	}}
}

func (p *pauseAt) step(_ context.Context, op sealtest.Op) error {
	if p.match(op) {
		p.once.Do(func() { close(p.reached); <-p.resume })
	}
	return nil
}

func TestAClaimThatIsOvertakenByARotationMeetsTheOthers(t *testing.T) {
	for _, at := range []struct {
		name  string
		after bool
	}{{"before its row is put", false}, {"after its row is put", true}} {
		for rotations := 1; rotations <= 2; rotations++ {
			t.Run(fmt.Sprintf("%s, %d rotations", at.name, rotations), func(t *testing.T) {
				w := newTown(t)
				pause := newPause("put", at.after)
				slow := w.table(pause.step)
				result := make(chan error, 1)
				go func() {
					_, err := slow.Claim(t.Context(), jane(), "slow", "c1")
					result <- err
				}()
				<-pause.reached
				w.Clock.Advance(grace) // its row, if any, is settled as never having happened
				quick := w.table(nil)
				for range rotations {
					w.rotate(quick)
				}
				w.register(quick, jane(), "quick", "c2")
				close(pause.resume)
				if err := <-result; !errors.Is(err, lookup.ErrOwned) {
					t.Errorf("the slow claim: %v, want ErrOwned", err)
				}
				w.expectOwner(jane(), "quick", true)
				if n := w.countRows(); n != 1 {
					t.Errorf("%d rows, want 1", n)
				}
			})
		}
	}
}

func TestAnOvertakenClaimThatIsAloneSucceedsUnderTheNewEpoch(t *testing.T) {
	w := newTown(t)
	pause := newPause("put", false)
	slow := w.table(pause.step)
	result := make(chan error, 1)
	go func() {
		_, err := slow.Claim(t.Context(), jane(), "slow", "c1")
		result <- err
	}()
	<-pause.reached
	w.rotate(w.table(nil))
	close(pause.resume)
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	w.expectOwner(jane(), "slow", false)
	if n := w.countRows(); n != 1 {
		t.Errorf("%d rows, want 1: what was put under the dead epoch is removed", n)
	}
}

func TestAnErasureIsNotUndoneByARotation(t *testing.T) {
	for _, at := range []struct {
		name  string
		after bool
	}{{"before the new row is put", false}, {"after the new row is put", true}} {
		t.Run(at.name, func(t *testing.T) {
			w := newTown(t)
			w.register(w.table(nil), jane(), "a", "c1")
			pause := newPause("put", at.after)
			rotating := w.table(pause.step)
			result := make(chan error, 1)
			go func() { result <- rotating.Rotate(t.Context(), tenant) }()
			<-pause.reached
			w.log.Erase(jane(), "a")
			if err := w.table(nil).Erase(t.Context(), jane(), "a"); err != nil {
				t.Fatal(err)
			}
			close(pause.resume)
			if err := <-result; err != nil {
				t.Fatal(err)
			}
			if n := w.countRows(); n != 0 {
				t.Errorf("%d rows of an erased value are left", n)
			}
		})
	}
}

// TestAClaimSurvivesACrashAtEveryStep kills the claimant before and after
// every call; whatever it left is settled in time.
func TestAClaimSurvivesACrashAtEveryStep(t *testing.T) {
	for n := 0; ; n++ {
		w := newTown(t)
		w.register(w.table(nil), value("other@example.com"), "o", "c0")
		unfinished := w.table(nil)
		w.claim(unfinished, value("open@example.com"), "x", "cx")
		if err := unfinished.Rotate(t.Context(), tenant); !errors.Is(err, lookup.ErrUnsettled) {
			t.Fatal(err) // two epochs are live now
		}
		table := w.table(sealtest.Crash(n))
		owner, err := table.Claim(t.Context(), jane(), "a", "c1")
		appended := false
		if err == nil {
			appended = w.log.Append(jane(), owner) == nil
			err = table.Confirm(t.Context(), jane(), owner)
		}
		w.Clock.Advance(grace)
		if _, _, err := w.table(nil).Sweep(t.Context()); err != nil {
			t.Fatalf("crash at step %d: sweep: %v", n, err)
		}
		if appended {
			w.expectOwner(jane(), "a", true)
		} else {
			w.expectNobody(jane())
		}
		w.rotate(w.table(nil))
		if err == nil {
			if n < 15 {
				t.Fatalf("only %d steps were seen", n)
			}
			return
		}
		if t.Failed() {
			t.Fatalf("crash at step %d", n)
		}
	}
}

func TestARotationSurvivesACrashAtEveryStep(t *testing.T) {
	for n := 0; ; n++ {
		w := newTown(t)
		for i := range 3 {
			w.register(w.table(nil), value(fmt.Sprintf("p%d", i)), fmt.Sprintf("s%d", i), fmt.Sprintf("c%d", i))
		}
		err := w.table(sealtest.Crash(n)).Rotate(t.Context(), tenant)
		next := w.table(nil)
		w.Clock.Advance(grace)
		for i := range 3 {
			w.expectOwned(next, value(fmt.Sprintf("p%d", i)), fmt.Sprintf("s%d", i))
		}
		if err != nil {
			w.rotate(next)
		}
		for i := range 3 {
			w.expectOwner(value(fmt.Sprintf("p%d", i)), fmt.Sprintf("s%d", i), true)
		}
		if _, _, err := next.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.countRows(); got != 3 {
			t.Fatalf("crash at step %d: %d rows, want 3", n, got)
		}
		if err == nil {
			if n < 60 {
				t.Fatalf("only %d steps were seen", n)
			}
			return
		}
		if t.Failed() {
			t.Fatalf("crash at step %d", n)
		}
	}
}
