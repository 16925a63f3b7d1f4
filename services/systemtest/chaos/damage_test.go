package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"
)

// truth is what the log held before it was damaged.
type truth struct {
	aggs    []es.Aggregate
	commits []es.Recorded // all that counters got, in order
}

const (
	damagedCounters = 4
	commitsEach     = 8
)

// fill writes counters in turn. Their commits are large, so that the stream
// has several blocks.
func fill(t *testing.T, log *jetstream.Log, seed uint64) truth {
	t.Helper()
	var tr truth
	heads := map[string]es.Head{}
	for k := range damagedCounters {
		tr.aggs = append(tr.aggs, counterAt(seed, 0, k))
	}
	for n := range damagedCounters * commitsEach {
		agg := tr.aggs[n%damagedCounters]
		c := estest.NewCommit(t, agg, 1)
		c.Events[0].Data = append(c.Events[0].Data, make([]byte, 400<<10)...)
		r, err := log.Append(t.Context(), heads[agg.ID], c)
		if err != nil {
			t.Fatal(err)
		}
		if heads[agg.ID], err = heads[agg.ID].Next(r); err != nil {
			t.Fatal(err)
		}
		r.Message.Data = nil
		tr.commits = append(tr.commits, r)
	}
	return tr
}

func (tr truth) of(agg es.Aggregate) []string {
	var ids []string
	for _, c := range tr.commits {
		if c.Aggregate == agg {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func (tr truth) last() es.Recorded { return tr.commits[len(tr.commits)-1] }

// observer looks at a damaged log.
type observer struct {
	log *jetstream.Log
	tr  truth
	in  installation
	// mayLag: any replica may answer a load from any replica, so that it may
	// lack the last commits; what is decided on it meets the leader's check.
	mayLag bool
}

// named says whether err halts and names the stream.
func named(err error) bool {
	var corrupt *es.CorruptError
	if errors.As(err, &corrupt) {
		return corrupt.Stream == stream && corrupt.Sequence > 0
	}
	return (errors.Is(err, es.ErrConfiguration) || errors.Is(err, es.ErrMissingStream)) && strings.Contains(err.Error(), stream)
}

// sequenceOf is the sequence that a corruption names.
func sequenceOf(err error) uint64 {
	var corrupt *es.CorruptError
	if errors.As(err, &corrupt) {
		return corrupt.Sequence
	}
	return 0
}

func (o observer) ctx(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// fold loads every counter: each is whole or refused by name. It returns the
// errors by counter.
func (o observer) fold(t *testing.T, from es.Source) map[es.Aggregate]error {
	t.Helper()
	refused := map[es.Aggregate]error{}
	for k, agg := range o.tr.aggs {
		ctx := o.ctx(t)
		var ids []string
		_, err := es.Fold(ctx, o.log.Verifier(), es.Head{}, o.log.Load(ctx, agg, 0, from), func(r es.Recorded) error {
			ids = append(ids, r.ID)
			return nil
		})
		want := o.tr.of(agg)
		if o.mayLag && from == es.AnyReplica && len(ids) < len(want) {
			want = want[:len(ids)]
		}
		switch {
		case err == nil && !slices.Equal(ids, want):
			t.Errorf("counter %d, source %d: %d of %d commits were loaded, and no error", k, from, len(ids), len(o.tr.of(agg)))
		case err != nil && !named(err):
			t.Errorf("counter %d, source %d: refused without a name: %v", k, from, err)
		case err != nil:
			refused[agg] = err
			t.Logf("counter %d: %v", k, err)
		}
	}
	return refused
}

// handle asks every counter for nothing and for something: each answer is
// right or refused by name.
func (o observer) handle(t *testing.T) {
	t.Helper()
	h, err := estest.CounterHandler(o.log, o.log.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	for k, agg := range o.tr.aggs {
		for _, by := range []uint64{0, 1} {
			cmd := estest.ClientCommand(fmt.Sprint("after-", by), estest.Add{By: by}, "")
			res, err := h.Handle(o.ctx(t), agg, cmd)
			if err == nil && res.State.Sum != commitsEach+by {
				t.Errorf("counter %d: add of %d answered from a history of %d", k, by, res.State.Sum-by)
			}
			if err != nil && !named(err) {
				t.Errorf("counter %d: add of %d refused without a name: %v", k, by, err)
			}
		}
	}
}

// project reads from a checkpoint on until the end or a halt, and returns the
// halt. If one is expected, it gets the time to come.
func (o observer) project(t *testing.T, from es.Checkpoint, expected bool) error {
	t.Helper()
	grace := 300 * time.Millisecond // thrice the time between two looks
	if expected {
		grace = 5 * time.Second
	}
	sink := &listSink{at: from}
	ctx, cancel := context.WithCancel(o.ctx(t))
	defer cancel()
	halted := make(chan error, 1)
	go func() {
		halted <- o.log.Project(ctx, jetstream.Projection{Name: "list", Context: domain, Sink: sink, ProbeEvery: 100 * time.Millisecond})
	}()
	reached := testwait.Until(ctx, func() error {
		select {
		case err := <-halted:
			halted <- err
			return nil
		default:
		}
		if at := sink.reached(); at < o.tr.last().Position.Seq {
			return fmt.Errorf("the projection is at %d", at)
		}
		return nil
	})
	if reached != nil {
		t.Errorf("the projection from %d neither ended nor halted: %v", from.Seq, reached)
	}
	select {
	case err := <-halted:
		return o.judgeHalt(t, "projection", err)
	case <-time.After(grace):
		cancel()
		return o.judgeHalt(t, "projection", <-halted)
	}
}

// react runs a process from the first commit on until it saw the last, or
// halts.
func (o observer) react(t *testing.T, name string) error {
	t.Helper()
	ctx, cancel := context.WithCancel(o.ctx(t))
	defer cancel()
	seen := map[string]bool{}
	all := make(chan struct{})
	err := o.log.RunProcess(ctx, jetstream.Process{Name: name, Context: domain, Workers: 1, React: func(_ context.Context, r es.Recorded) error {
		seen[r.ID] = true
		if len(seen) == len(o.tr.commits) {
			close(all)
			cancel()
		}
		return nil
	}})
	select {
	case <-all:
		return nil
	default:
	}
	if err == nil {
		t.Errorf("the process handled %d of %d commits and did not halt", len(seen), len(o.tr.commits))
	}
	return o.judgeHalt(t, "process", err)
}

func (o observer) judgeHalt(t *testing.T, what string, err error) error {
	t.Helper()
	if err != nil && !named(err) {
		t.Errorf("the %s halted without a name: %v", what, err)
	}
	return err
}

// reopen opens the log anew, as a service does that starts.
func (o observer) reopen(t *testing.T) error {
	t.Helper()
	nc := o.in.connect(t, testserver.Admin)
	defer nc.Close()
	l, err := jetstream.Open(o.ctx(t), o.in.Config(t, nc))
	if err != nil {
		if !named(err) {
			t.Errorf("opening was refused without a name: %v", err)
		}
		return err
	}
	l.Close()
	return nil
}
