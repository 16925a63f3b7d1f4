package sealtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/seal/lookup"
	"habeas.internal/services/internal/seal/rows"

	"github.com/google/go-cmp/cmp"
)

// ClaimRace lets many callers claim the same values, each for a subject of its
// own, while the pepper is rotated, claims are swept and callers crash between
// two calls of the outside world.
type ClaimRace struct {
	Callers, Values int
	// Rotations is how often the pepper must have moved on before the end.
	Rotations int
	// Crashes is the chance in a thousand that an attempt ends in the middle.
	Crashes int64
}

const (
	raceTenant = "t1"
	raceGrace  = 250 * time.Millisecond
	raceLease  = 20 * time.Millisecond
	longCall   = 60 // an attempt that is to crash does so within so many steps
)

// Run checks that every value ends with one owner, whom the log and every live
// epoch name alike.
func (r ClaimRace) Run(t *testing.T, store rows.Store) {
	t.Helper()
	run := &race{ClaimRace: r, T: t, world: NewWorld(store)}
	run.world.Now = time.Now
	run.tables = []*lookup.Table{run.table(), run.table(), run.table(), run.table()}

	stop := make(chan struct{})
	var helpers, callers sync.WaitGroup
	helpers.Go(func() { run.rotate(stop) })
	helpers.Go(func() { run.sweep(stop) })
	for i := range r.Callers {
		callers.Go(func() { run.caller(i) })
	}
	callers.Wait()
	close(stop)
	helpers.Wait()
	run.check()
}

type race struct {
	ClaimRace
	*testing.T
	world    *World
	log      Holdings
	tables   []*lookup.Table
	crashes  atomic.Int64
	refused  atomic.Int64
	attempts atomic.Int64
	owned    atomic.Int64 // events in the log
	during   atomic.Int64 // of those, appended while a rotation ran
}

func (r *race) table() *lookup.Table {
	t, err := lookup.New(lookup.Config{
		Rows: Rows{Store: r.world.Rows, Step: crashByContext}, Peppers: r.world.Start(r.T, crashByContext).Peppers,
		Log: &r.log, Now: time.Now, Grace: raceGrace, Lease: raceLease,
	})
	if err != nil {
		r.Fatal(err)
	}
	return t
}

type crashKey struct{}

// crashByContext fails all steps of an attempt after the one that its context
// names.
func crashByContext(ctx context.Context, op Op) error {
	step, ok := ctx.Value(crashKey{}).(Step)
	if !ok {
		return nil
	}
	return step(ctx, op)
}

func (r *race) value(i int) lookup.Value {
	return lookup.Value{Tenant: raceTenant, Kind: "email", Text: fmt.Sprintf("person-%d@example.com", i)}
}

func chance(n int64) int64 {
	v, err := rand.Int(rand.Reader, big.NewInt(n))
	if err != nil {
		return 0
	}
	return v.Int64()
}

// caller claims every value until it is its own or another's. All callers go
// through the values in nearly the same order, so that each is contended when
// its turn comes, and the turns spread over the whole run.
func (r *race) caller(me int) {
	ref := fmt.Sprintf("subject-of-caller-%d", me)
	todo := make([]int, r.Values)
	for i := range todo {
		todo[i] = min(i^(me%4), r.Values-1)
	}
	for attempt := 0; len(todo) > 0 && r.Context().Err() == nil && !r.Failed(); attempt++ {
		var again []int
		for _, i := range todo {
			done, err := r.attempt(i, ref, fmt.Sprintf("command-%d-%d-%d", me, i, attempt))
			if err != nil {
				r.Errorf("caller %d, value %d: %v", me, i, err)
			}
			if !done {
				again = append(again, i)
			}
		}
		todo = again
		if len(todo) > 0 {
			<-time.After(time.Duration(1+chance(20)) * time.Millisecond)
		}
	}
}

// fate makes an attempt crash in the middle, or stall for longer than the
// grace period, so that it is settled behind its back.
func (r *race) fate(ctx context.Context) context.Context {
	step, roll := int(chance(longCall)), chance(2000)
	switch {
	case roll < 2*r.Crashes:
		return context.WithValue(ctx, crashKey{}, Crash(step))
	case roll < 2*r.Crashes+10:
		return context.WithValue(ctx, crashKey{}, stall(step))
	}
	return ctx
}

// stall waits at the n-th step.
func stall(n int) Step {
	var steps atomic.Int64
	return func(context.Context, Op) error {
		if steps.Add(1) == int64(n) {
			<-time.After(raceGrace * 3 / 2)
		}
		return nil
	}
}

// attempt claims, appends and confirms, unless it crashes on the way. done
// says that the value has an owner.
func (r *race) attempt(i int, ref, command string) (done bool, err error) {
	r.attempts.Add(1)
	ctx := r.fate(r.Context())
	table, v := r.tables[chance(int64(len(r.tables)))], r.value(i)
	owner, err := table.Claim(ctx, v, ref, command)
	if err == nil {
		err = errors.Join(crashByContext(ctx, Op{Name: "append"}), r.log.Append(v, owner))
		if errors.Is(err, ErrBarred) {
			r.refused.Add(1)
			err = table.Release(ctx, v, command)
			return false, ignoreCrash(err, &r.crashes)
		}
		r.owned.Add(1)
	}
	if err == nil {
		err = table.Confirm(ctx, v, owner)
		if errors.Is(err, lookup.ErrBusy) {
			return false, nil // Sweep completes it
		}
	}
	switch {
	case err == nil, errors.Is(err, lookup.ErrOwned) && !errors.Is(err, ErrCrash):
		return true, nil
	case errors.Is(err, lookup.ErrBusy), errors.Is(err, lookup.ErrContended):
		return false, ignoreCrash(nil, &r.crashes)
	}
	return false, ignoreCrash(err, &r.crashes)
}

func ignoreCrash(err error, count *atomic.Int64) error {
	if errors.Is(err, ErrCrash) {
		count.Add(1)
		return nil
	}
	return err
}

// rotate moves the pepper on, crashing now and then, until told to stop; it
// ends between two rotations, and when there were enough.
func (r *race) rotate(stop chan struct{}) {
	for turned := 0; r.Context().Err() == nil && !r.Failed(); {
		ctx := r.Context()
		if chance(4) == 0 {
			ctx = context.WithValue(ctx, crashKey{}, Crash(int(chance(int64(20*r.Values)))))
		}
		before := r.owned.Load()
		err := r.tables[0].Rotate(ctx, raceTenant)
		r.during.Add(r.owned.Load() - before)
		switch {
		case err == nil:
			turned++
		case errors.Is(err, ErrCrash), errors.Is(err, lookup.ErrUnsettled), errors.Is(err, lookup.ErrContended):
			<-time.After(raceGrace / 10)
			continue
		default:
			r.Errorf("rotate: %v", err)
			return
		}
		select {
		case <-stop:
			if turned >= r.Rotations {
				return
			}
		default:
		}
	}
}

func (r *race) sweep(stop chan struct{}) {
	for {
		if _, _, err := r.tables[1].Sweep(r.Context()); err != nil {
			r.Errorf("sweep: %v", err)
			return
		}
		select {
		case <-stop:
			return
		case <-time.After(raceGrace / 5):
		}
	}
}

// check looks at the end: one owner each, in the log and under every epoch,
// and not one row more.
func (r *race) check() {
	<-time.After(raceGrace)
	if _, _, err := r.tables[2].Sweep(r.Context()); err != nil {
		r.Errorf("last sweep: %v", err)
	}
	epochs := 0
	for i := range r.Values {
		epochs = max(epochs, r.checkValue(i))
	}
	rowsLeft := 0
	for _, err := range r.world.Rows.List(r.Context(), rows.VaultSubject("*", "lookup", raceTenant, "*"), 0) {
		if err != nil {
			r.Fatal(err)
		}
		rowsLeft++
	}
	if rowsLeft != epochs*r.Values {
		r.Errorf("%d rows are left for %d values under %d epochs", rowsLeft, r.Values, epochs)
	}
	r.Logf("%d owners of %d values after %d attempts of %d callers, %d crashes, %d barred appends; %d peppers destroyed, %d values claimed meanwhile",
		r.Values, r.Values, r.attempts.Load(), r.Callers, r.crashes.Load(), r.refused.Load(),
		len(Events[*identityv1.PepperEpochDestroyed](r.world.Ledger)), r.during.Load())
	if r.during.Load() == 0 {
		r.Error("no value was claimed while a rotation ran")
	}
}

func (r *race) checkValue(i int) (epochs int) {
	inLog := r.log.Owners(r.value(i))
	if len(inLog) != 1 {
		r.Fatalf("value %d has %d owners in the log, want 1", i, len(inLog))
	}
	owners, err := r.tables[3].Owners(r.Context(), r.value(i))
	if err != nil {
		r.Fatal(err)
	}
	for _, o := range owners {
		if diff := cmp.Diff(lookup.Owner{SubjectRef: inLog[0], CommandID: o.CommandID, Confirmed: true}, o); diff != "" {
			r.Errorf("value %d: owner differs (-log +row):\n%s", i, diff)
		}
	}
	resolved, err := r.tables[3].Resolve(r.Context(), r.value(i))
	if err != nil || resolved.SubjectRef != inLog[0] {
		r.Errorf("value %d resolves to another (%v)", i, err)
	}
	return len(owners)
}
