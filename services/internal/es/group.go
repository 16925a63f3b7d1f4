package es

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"
)

// Item is a command for one aggregate of a group.
type Item[C any] struct {
	Aggregate Aggregate
	Command   Command[C]
}

// Grouped is what became of a command of a group.
type Grouped[S, E any] struct {
	Result[S, E]

	Before S // what it was decided on
}

// atATime is how many aggregates of a group are worked on at a time.
const atATime = 16

// HandleGroup runs commands on different aggregates of one shard, MaxBatch at
// most, and appends what they cause together: all of it or nothing. No command is a
// client's, and none is found by its id: the domain recognises a repeat by its
// state. A refusal is an error for the whole group. The results are in the
// order of the items.
func (h Handler[S, C, E]) HandleGroup(ctx context.Context, items []Item[C]) ([]Grouped[S, E], error) {
	ctx, span := h.Tracer.Start(ctx, "handle group")
	defer span.End()
	source := AnyReplica
	for try := range maxTries {
		out, err := h.tryGroup(ctx, items, source)
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrStale) {
			return out, err
		}
		source = Leader
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
	return nil, ErrContended
}

func (h Handler[S, C, E]) tryGroup(ctx context.Context, items []Item[C], source Source) ([]Grouped[S, E], error) {
	cur, err := h.loadGroup(ctx, items, source)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	out := make([]Grouped[S, E], len(items))
	pending := make([]*Pending, len(items))
	err = each(ctx, len(items), func(ctx context.Context, i int) (err error) {
		out[i].Before = cur[i].state
		out[i].Result, pending[i], err = h.prepare(ctx, items[i], cur[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	var batch []Pending
	var of []int
	for i, p := range pending {
		if p != nil {
			batch, of = append(batch, *p), append(of, i)
		}
	}
	if len(batch) == 0 {
		return out, nil
	}
	recorded, err := h.Store.AppendBatch(ctx, batch)
	if err != nil {
		return nil, fmt.Errorf("append batch: %w", err)
	}
	for j, i := range of {
		out[i].Result = h.result(cur[i], recorded[j], out[i].Events)
	}
	return out, nil
}

// each runs do for each of n items, some at a time, until one fails.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atATime)
	for i := range n {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}

// loadGroup loads the aggregates of a group: together where a replica may lag,
// because what is decided on that is appended or confirmed.
func (h Handler[S, C, E]) loadGroup(ctx context.Context, items []Item[C], source Source) ([]loaded[S], error) {
	cur := make([]loaded[S], len(items))
	if source == Leader {
		return cur, each(ctx, len(items), func(ctx context.Context, i int) (err error) {
			cur[i], err = h.load(ctx, items[i].Aggregate, source)
			return err
		})
	}
	aggs := make([]Aggregate, len(items))
	for i, item := range items {
		aggs[i] = item.Aggregate
	}
	commits, err := h.Store.LoadAll(ctx, aggs)
	if err != nil {
		return nil, err
	}
	return cur, each(ctx, len(items), func(ctx context.Context, i int) (err error) {
		cur[i], err = h.fold(ctx, sequence(commits[i]))
		return err
	})
}

func sequence(commits []Recorded) iter.Seq2[Recorded, error] {
	return func(yield func(Recorded, error) bool) {
		for _, r := range commits {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// prepare decides one command of a group; what causes nothing is confirmed, and
// so is a refusal.
func (h Handler[S, C, E]) prepare(ctx context.Context, item Item[C], cur loaded[S]) (Result[S, E], *Pending, error) {
	res := Result[S, E]{State: cur.state, Head: cur.head}
	if item.Command.ID == "" {
		return res, nil, ErrNoCommandID
	}
	events, refusal := h.Decide(cur.state, item.Command.Data)
	if len(events) == 0 || refusal != nil {
		if err := h.Store.Confirm(ctx, item.Aggregate, cur.head); err != nil {
			return res, nil, fmt.Errorf("confirm: %w", err)
		}
		return res, nil, refusal
	}
	c, err := h.commit(ctx, item.Aggregate, item.Command, events, nil)
	if err != nil {
		return res, nil, err
	}
	res.Events = events
	return res, &Pending{Head: cur.head, Commit: c}, nil
}

// Held is an aggregate whose state is kept between commands: for one that gets
// many in a row, from one place. It is not for concurrent use.
type Held[S, C, E any] struct {
	h   Handler[S, C, E]
	agg Aggregate
	cur loaded[S]
}

// Hold loads an aggregate, from the leader.
func (h Handler[S, C, E]) Hold(ctx context.Context, agg Aggregate) (*Held[S, C, E], error) {
	cur, err := h.load(ctx, agg, Leader)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	return &Held[S, C, E]{h: h, agg: agg, cur: cur}, nil
}

// State is the state after the last command.
func (x *Held[S, C, E]) State() S { return x.cur.state }

// Handle runs a command that is no client's, on the state that is held. ErrConflict
// or ErrStale: somebody else has appended meanwhile, and what is held is of no more
// use.
func (x *Held[S, C, E]) Handle(ctx context.Context, cmd Command[C]) ([]E, error) {
	if cmd.ID == "" {
		return nil, ErrNoCommandID
	}
	events, refusal := x.h.Decide(x.cur.state, cmd.Data)
	if len(events) == 0 {
		if err := x.h.Store.Confirm(ctx, x.agg, x.cur.head); err != nil {
			return nil, fmt.Errorf("confirm: %w", err)
		}
		return nil, refusal
	}
	c, err := x.h.commit(ctx, x.agg, cmd, events, refusal)
	if err != nil {
		return nil, err
	}
	rec, err := x.h.Store.Append(ctx, x.cur.head, c)
	if err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	res := x.h.result(x.cur, rec, events)
	x.cur.state, x.cur.head = res.State, res.Head
	return events, refusal
}
