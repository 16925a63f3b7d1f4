package eventlog

import (
	"context"
	"fmt"
	"math/rand/v2" //nolint:depguard // which aggregate is read next is no secret
	"sync/atomic"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// historyShards is the number of shards of the embedded default.
const historyShards = 4

// History is a log that holds much: the commits of each aggregate lie spread
// over all of its shard.
type History struct {
	started Section // what keeps the log running
	log     *installation
	ids     []aggregateID
	commits int      // of each aggregate
	order   []uint32 // the aggregates in the order in which they are read
	read    atomic.Uint64
}

// aggregateID is an aggregate's id as bytes: a hundred thousand strings would
// give the garbage collector work that is not the measured code's.
type aggregateID [26]byte

func (h *History) aggregate(i int) es.Aggregate { return aggregate(string(h.ids[i][:])) }

// NewHistory starts a server and writes the history with genuine commits:
// chained, signed, in atomic batches. Close it also after an error.
func NewHistory(ctx context.Context, in Settings) (*History, error) {
	h := &History{
		started: Section{Name: "history"}, commits: in.Commits,
		ids: make([]aggregateID, in.Aggregates), order: make([]uint32, in.Aggregates),
	}
	server, err := h.started.startNATS(ctx, in, "log")
	if err != nil {
		return h, err
	}
	if h.log, err = h.started.install(ctx, server, historyShards); err != nil {
		return h, err
	}
	if err := h.write(ctx); err != nil {
		return h, err
	}
	return h, h.restart(ctx, in)
}

// restart gives the log a server that has not just taken in a million
// messages: for minutes after that it is busy remembering their ids.
func (h *History) restart(ctx context.Context, in Settings) error {
	if err := h.started.Close(); err != nil {
		return err
	}
	server, err := h.started.startNATS(ctx, in, "log")
	if err != nil {
		return err
	}
	return h.log.open(ctx, &h.started, server)
}

// Close ends the server.
func (h *History) Close() error { return h.started.Close() }

func (h *History) write(ctx context.Context) error {
	byShard := make([][]es.Aggregate, historyShards)
	for i := range h.ids {
		agg, err := newAggregate()
		if err != nil {
			return err
		}
		k := es.Shard(agg.Partition(), historyShards)
		byShard[k] = append(byShard[k], agg)
		copy(h.ids[i][:], agg.ID)
		h.order[i] = uint32(i)
	}
	rand.Shuffle(len(h.order), func(i, j int) { h.order[i], h.order[j] = h.order[j], h.order[i] })
	g, ctx := errgroup.WithContext(ctx)
	for k, aggs := range byShard {
		g.Go(func() error { return h.fill(ctx, h.log.log(k), aggs) })
	}
	return g.Wait()
}

// batch is how many commits are written at once.
const batch = 500

// fill writes every aggregate's first commit, then every second one, and so on.
func (h *History) fill(ctx context.Context, log es.Store, aggs []es.Aggregate) error {
	heads := make([]es.Head, len(aggs))
	for range h.commits {
		for from := 0; from < len(aggs); from += batch {
			to := min(from+batch, len(aggs))
			if err := fillBatch(ctx, log, aggs[from:to], heads[from:to]); err != nil {
				return fmt.Errorf("write history: %w", err)
			}
		}
	}
	return nil
}

func fillBatch(ctx context.Context, log es.Store, aggs []es.Aggregate, heads []es.Head) error {
	pending := make([]es.Pending, len(aggs))
	for i, agg := range aggs {
		c, err := newCommit(agg)
		if err != nil {
			return err
		}
		pending[i] = es.Pending{Head: heads[i], Commit: c}
	}
	recorded, err := log.AppendBatch(ctx, pending)
	if err != nil {
		return err
	}
	for i, r := range recorded {
		if heads[i], err = heads[i].Next(r); err != nil {
			return err
		}
	}
	return nil
}

// next is the aggregate to read now. None comes again before all others have
// been read, so that no cache of single aggregates helps.
func (h *History) next() es.Aggregate {
	n := h.read.Add(1) % uint64(len(h.order))
	return h.aggregate(int(h.order[n]))
}

// copyTo writes the same history, in the same order, into a table.
func (h *History) copyTo(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, createTable); err != nil {
		return fmt.Errorf("create table: %w", err)
	}
	data, row := document(), 0
	source := pgx.CopyFromFunc(func() ([]any, error) {
		if row == len(h.ids)*h.commits {
			return nil, nil
		}
		id, version := string(h.ids[row%len(h.ids)][:]), row/len(h.ids)+1
		row++
		return []any{id, version, "decision.given", data}, nil
	})
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"events"}, []string{"stream_id", "version", "type", "data"}, source); err != nil {
		return fmt.Errorf("copy history: %w", err)
	}
	for _, statement := range []string{createIndex, "vacuum analyze events", "checkpoint"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// warm reads a while, so that the first round finds the server's index as the
// last one does.
func warm(ctx context.Context, callers int, d time.Duration, op func(context.Context, int) error) error {
	until := time.Now().Add(d)
	g, ctx := errgroup.WithContext(ctx)
	for c := range callers {
		g.Go(func() error {
			for time.Now().Before(until) {
				if err := op(ctx, c); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}
