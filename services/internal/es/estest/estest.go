// Package estest is the suite that every es.Store must pass, and the counter,
// an aggregate for tests of what runs on a store.
package estest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/testwait"

	"github.com/google/go-cmp/cmp"
)

// Fixture is a store under test. Its context is "identity".
type Fixture struct {
	Store    es.Store
	Verifier es.Verifier
	// LoseAck makes the acknowledgement of the next append get lost on its
	// way, and the returned function mends the way.
	LoseAck func() (mend func())
	// Lag makes loads from any replica miss each aggregate's last commit
	// until undo is called; nil where a test can't force that.
	Lag func() (undo func())
}

// Run runs the suite; open makes a fixture whose store may hold other
// aggregates.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	f := open(t)
	for name, test := range map[string]func(*testing.T, Fixture){
		"an empty aggregate loads nothing and stands at zero":                  emptyAggregate,
		"commits come back in order as one chain":                              chain,
		"a load after a sequence starts behind it":                             loadAfter,
		"a stale head is a conflict and stores nothing":                        staleHead,
		"a commit that is appended twice has the result of the first time":     appendTwice,
		"of many writers behind one head one wins":                             oneWinner,
		"an aggregate of 1,000 events is loaded whole":                         thousandEvents,
		"an aggregate of 2,500 commits is loaded page by page":                 manyPages,
		"a batch of 1,000 commits is stored whole":                             wholeBatch,
		"a batch with one stale head stores nothing":                           staleBatch,
		"a batch that repeats an aggregate or is empty is refused":             badBatch,
		"a batch that is appended twice has the result of the first time":      batchTwice,
		"confirm tells the last head from an older one":                        confirm,
		"a lost acknowledgement is resolved":                                   lostAck,
		"a lost acknowledgement of a batch is resolved":                        lostBatchAck,
		"an outcome that stays unknown can be asked for again":                 unknownOutcome,
		"a malformed aggregate and an oversized commit are refused":            malformed,
		"a repeated command is answered with its first result":                 repeatedCommand,
		"a command id with another body is refused":                            reusedCommand,
		"a refusal is recorded and repeated":                                   recordedRefusal,
		"the last 32 client commands are remembered":                           remembered,
		"neither a refusal nor a no-op is given on a stale state":              staleRefusal,
		"32 writers on 8 aggregates lose and double nothing":                   manyWriters,
		"one command sent by 16 callers at once is carried out once":           sameCommandAtOnce,
		"what is loaded together is what is loaded alone":                      loadAll,
		"a group is stored whole, behind what each aggregate had":              wholeGroup,
		"a group whose aggregates move meanwhile is decided again":             groupConflict,
		"a refusal within a group stores nothing":                              groupRefusal,
		"no command of a group is decided for good on a stale state":           staleGroup,
		"a lost acknowledgement of a group doubles nothing":                    lostGroupAck,
		"a held aggregate takes commands in a row until somebody else writes":  held,
		"what a held aggregate was not told stands in the log":                 lostHeldAck,
		"what was appended is signed by an announced key, what was not is not": signatures,
	} {
		t.Run(name, func(t *testing.T) { test(t, f) })
	}
}

func aggregate(t *testing.T) es.Aggregate {
	t.Helper()
	return es.Aggregate{Context: "identity", Tenant: "t1", Type: "counter", ID: newID(t)}
}

func newID(t *testing.T) string {
	t.Helper()
	id, err := es.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// NewCommit is a commit that adds each number.
func NewCommit(t *testing.T, agg es.Aggregate, by ...uint64) es.Commit {
	t.Helper()
	c := es.Commit{ID: newID(t), CommandID: newID(t), Aggregate: agg, Time: time.Now().UTC()}
	for _, n := range by {
		c.Events = append(c.Events, EncodeCounter(Added{By: n}))
	}
	return c
}

func ctx(t *testing.T) context.Context {
	t.Helper()
	c, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return c
}

func mustAppend(t *testing.T, f Fixture, head es.Head, c es.Commit) es.Head {
	t.Helper()
	r, err := f.Store.Append(ctx(t), head, c)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	next, err := head.Next(r)
	if err != nil {
		t.Fatalf("append does not continue its head: %v", err)
	}
	return next
}

func mustLoad(t *testing.T, f Fixture, agg es.Aggregate, after uint64, from es.Source) []es.Recorded {
	t.Helper()
	var out []es.Recorded
	for r, err := range f.Store.Load(ctx(t), agg, after, from) {
		if err != nil {
			t.Fatalf("load: %v", err)
		}
		out = append(out, r)
	}
	return out
}

func fold(t *testing.T, f Fixture, agg es.Aggregate) es.Head {
	t.Helper()
	head, err := es.Fold(ctx(t), f.Verifier, es.Head{}, f.Store.Load(ctx(t), agg, 0, es.Leader), func(es.Recorded) error { return nil })
	if err != nil {
		t.Fatalf("fold: %v", err)
	}
	return head
}

func emptyAggregate(t *testing.T, f Fixture) {
	agg := aggregate(t)
	for _, source := range []es.Source{es.AnyReplica, es.Leader} {
		if got := mustLoad(t, f, agg, 0, source); len(got) != 0 {
			t.Errorf("source %d: loaded %d commits", source, len(got))
		}
	}
	if err := f.Store.Confirm(ctx(t), agg, es.Head{}); err != nil {
		t.Errorf("confirm: %v", err)
	}
}

func chain(t *testing.T, f Fixture) {
	agg := aggregate(t)
	var head es.Head
	var ids []string
	for i := range 5 {
		c := NewCommit(t, agg, uint64(i+1), 1)
		c.Meta = es.Meta{Correlation: "corr", Causation: "cause"}
		head = mustAppend(t, f, head, c)
		ids = append(ids, c.ID)
	}
	got := mustLoad(t, f, agg, 0, es.Leader)
	var back []string
	for _, r := range got {
		back = append(back, r.ID)
		if r.Meta.Correlation != "corr" || r.Meta.Causation != "cause" || len(r.Events) != 2 || r.Aggregate != agg {
			t.Errorf("commit %s lost something on its way", r.ID)
		}
	}
	if diff := cmp.Diff(ids, back); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if got := fold(t, f, agg); got != head || head.Version != 10 || head.Commits != 5 {
		t.Errorf("head after load %+v, after append %+v", got, head)
	}
}

func loadAfter(t *testing.T, f Fixture) {
	agg := aggregate(t)
	first := mustAppend(t, f, es.Head{}, NewCommit(t, agg, 1))
	second := mustAppend(t, f, first, NewCommit(t, agg, 2))
	for _, source := range []es.Source{es.AnyReplica, es.Leader} {
		testwait.For(t, 10*time.Second, func() error { // a replica may lag, not for long
			got := mustLoad(t, f, agg, first.Seq, source)
			if len(got) == 1 && got[0].Position.Seq == second.Seq {
				return nil
			}
			err := fmt.Errorf("source %d: want the second commit alone, got %d commits", source, len(got))
			if source == es.Leader || len(got) > 0 {
				return testwait.Final(err)
			}
			return err
		})
		if got := mustLoad(t, f, agg, second.Seq, source); len(got) != 0 {
			t.Errorf("source %d: something behind the last commit", source)
		}
	}
}

func staleHead(t *testing.T, f Fixture) {
	agg := aggregate(t)
	head := mustAppend(t, f, es.Head{}, NewCommit(t, agg, 1))
	for name, stale := range map[string]es.Head{"before the first": {}, "a sequence of nobody": {Seq: head.Seq + 1000, Version: 1, Hash: head.Hash}} {
		if _, err := f.Store.Append(ctx(t), stale, NewCommit(t, agg, 2)); !errors.Is(err, es.ErrConflict) {
			t.Errorf("%s: want a conflict, got %v", name, err)
		}
	}
	if got := fold(t, f, agg); got != head {
		t.Errorf("head moved from %+v to %+v", head, got)
	}
}

func appendTwice(t *testing.T, f Fixture) {
	agg := aggregate(t)
	c := NewCommit(t, agg, 1)
	head := mustAppend(t, f, es.Head{}, c)
	mustAppend(t, f, head, NewCommit(t, agg, 2))
	again, err := f.Store.Append(ctx(t), es.Head{}, c)
	if err != nil || again.Position.Seq != head.Seq {
		t.Errorf("second append of one commit: position %d, error %v; want position %d", again.Position.Seq, err, head.Seq)
	}
	if n := len(mustLoad(t, f, agg, 0, es.Leader)); n != 2 {
		t.Errorf("%d commits, want 2", n)
	}
}

func oneWinner(t *testing.T, f Fixture) {
	agg := aggregate(t)
	errs := make([]error, 32)
	var wg sync.WaitGroup
	for i := range errs {
		c := NewCommit(t, agg, uint64(i+1))
		wg.Go(func() { _, errs[i] = f.Store.Append(t.Context(), es.Head{}, c) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, es.ErrConflict):
			t.Errorf("loser got %v", err)
		}
	}
	if won != 1 || len(mustLoad(t, f, agg, 0, es.Leader)) != 1 {
		t.Errorf("%d winners", won)
	}
}

func thousandEvents(t *testing.T, f Fixture) {
	agg := aggregate(t)
	by := make([]uint64, 500)
	for i := range by {
		by[i] = uint64(i)
	}
	head := mustAppend(t, f, es.Head{}, NewCommit(t, agg, by...))
	head = mustAppend(t, f, head, NewCommit(t, agg, by...))
	if got := fold(t, f, agg); got != head || got.Version != 1000 {
		t.Errorf("head %+v, want %+v", got, head)
	}
}

func manyPages(t *testing.T, f Fixture) {
	if testing.Short() {
		t.Skip("short: 2,500 synced appends")
	}
	agg := aggregate(t)
	var head es.Head
	for range 2500 {
		head = mustAppend(t, f, head, NewCommit(t, agg, 1))
	}
	if got := fold(t, f, agg); got != head {
		t.Errorf("head from the leader %+v, want %+v", got, head)
	}
	testwait.For(t, 10*time.Second, func() error { // a replica may lag, not for long
		if n := len(mustLoad(t, f, agg, 0, es.AnyReplica)); n != 2500 {
			return fmt.Errorf("loaded %d commits from any replica", n)
		}
		return nil
	})
}

func confirm(t *testing.T, f Fixture) {
	agg := aggregate(t)
	first := mustAppend(t, f, es.Head{}, NewCommit(t, agg, 1))
	if err := f.Store.Confirm(ctx(t), agg, first); err != nil {
		t.Errorf("last head: %v", err)
	}
	mustAppend(t, f, first, NewCommit(t, agg, 1))
	for _, stale := range []es.Head{{}, first} {
		if err := f.Store.Confirm(ctx(t), agg, stale); !errors.Is(err, es.ErrStale) {
			t.Errorf("older head %d: %v", stale.Seq, err)
		}
	}
}

func malformed(t *testing.T, f Fixture) {
	agg := aggregate(t)
	for _, bad := range []string{"", "a.b", "a*", "A", "ä", string(make([]byte, 65)), "a b", ">"} {
		wrong := agg
		wrong.ID = bad
		if _, err := f.Store.Append(ctx(t), es.Head{}, NewCommit(t, wrong, 1)); !errors.Is(err, es.ErrInvalidAggregate) {
			t.Errorf("id %q: %v", bad, err)
		}
	}
	big := NewCommit(t, agg, 1)
	big.Events[0].Data = make([]byte, es.MaxCommitBytes)
	if _, err := f.Store.Append(ctx(t), es.Head{}, big); !errors.Is(err, es.ErrTooLarge) {
		t.Errorf("oversized: %v", err)
	}
	many := NewCommit(t, agg, make([]uint64, 4000)...)
	if _, err := f.Store.Append(ctx(t), es.Head{}, many); !errors.Is(err, es.ErrTooLarge) {
		t.Errorf("more types than a header holds: %v", err)
	}
	nearly := NewCommit(t, agg, 1)
	nearly.Events[0].Data = make([]byte, es.MaxCommitBytes-1024)
	mustAppend(t, f, es.Head{}, nearly)
}

func signatures(t *testing.T, f Fixture) {
	agg := aggregate(t)
	mustAppend(t, f, es.Head{}, NewCommit(t, agg, 1))
	r := mustLoad(t, f, agg, 0, es.Leader)[0]
	if err := f.Verifier.Verify(ctx(t), r); err != nil {
		t.Errorf("genuine commit: %v", err)
	}
	stranger, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, forge := range map[string]func(m *es.Message){
		"other types":          func(m *es.Message) { m.Header[es.HeaderTypes] = "counter.closed.v1" },
		"other causation":      func(m *es.Message) { m.Header[es.HeaderCausation] = "other" },
		"other body":           func(m *es.Message) { m.Data = append(slices.Clone(m.Data), 0) },
		"no signature":         func(m *es.Message) { delete(m.Header, es.HeaderSignature) },
		"key nobody announced": func(m *es.Message) { m.Header[es.HeaderKeyID] = stranger.KeyID },
		"key id of no shape":   func(m *es.Message) { m.Header[es.HeaderKeyID] = "../*" },
	} {
		forged := r
		forged.Message.Header = map[string]string{}
		for k, v := range r.Message.Header {
			forged.Message.Header[k] = v
		}
		forge(&forged.Message)
		var corrupt *es.CorruptError
		if err := f.Verifier.Verify(ctx(t), forged); !errors.As(err, &corrupt) {
			t.Errorf("%s: want corruption, got %v", name, err)
		}
	}
}
