package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"
)

// LoadAll asks for the last commits of all aggregates at once. An aggregate that
// has none is known from that alone; of the others each commit names the place of
// the one before.
func (l *Log) LoadAll(ctx context.Context, aggs []es.Aggregate) ([][]es.Recorded, error) {
	out := make([][]es.Recorded, len(aggs))
	if len(aggs) == 0 {
		return out, nil
	}
	sh, err := l.together(aggs)
	if err != nil {
		return nil, err
	}
	return out, l.soundly(ctx, sh, func() (bool, error) {
		last, err := l.lasts(ctx, sh, aggs)
		if err != nil {
			return false, err
		}
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(backAtATime)
		for i, agg := range aggs {
			if m, ok := last[agg.Subject()]; ok {
				g.Go(func() (err error) {
					out[i], err = l.back(ctx, sh, agg, m)
					return err
				})
			}
		}
		return false, g.Wait()
	})
}

// backAtATime is how many aggregates of one LoadAll are read at a time.
const backAtATime = 16

// together is the one shard of all aggregates.
func (l *Log) together(aggs []es.Aggregate) (*shard, error) {
	if len(aggs) > es.MaxBatch {
		return nil, fmt.Errorf("load of %d aggregates: %w", len(aggs), es.ErrTooLarge)
	}
	first, err := l.shardOf(aggs[0])
	for _, agg := range aggs[1:] {
		if sh, other := l.shardOf(agg); err == nil && (other != nil || sh != first) {
			err = fmt.Errorf("load spans shards: %w", es.ErrInvalidAggregate)
		}
	}
	return first, err
}

// lasts reads the last commits of aggregates, by subject, from any replica. Where
// the answer is cut short, those that it lacks are read one by one.
func (l *Log) lasts(ctx context.Context, sh *shard, aggs []es.Aggregate) (map[string]stored, error) {
	want := batchRequest{Batch: pageMessages, MaxBytes: pageBytes}
	for _, agg := range aggs {
		want.MultiLast = append(want.MultiLast, agg.Subject())
	}
	out := make(map[string]stored, len(aggs))
	for try := 0; ; try++ {
		msgs, more, err := l.conn.batch(ctx, sh.name, want, try)
		if err != nil {
			if !transient(err) || !backoff(ctx, try) {
				return nil, unavailable(err)
			}
			continue
		}
		for _, m := range msgs {
			out[m.subject] = m
		}
		if !more {
			return out, nil
		}
		left := slices.DeleteFunc(slices.Clone(want.MultiLast), func(s string) bool { _, ok := out[s]; return ok })
		if len(left) == len(want.MultiLast) {
			return nil, fmt.Errorf("read last commits: %w", es.ErrUnavailable)
		}
		want.MultiLast, try = left, 0
	}
}

// maxBack is how many commits of an aggregate are read backwards, one by one. A
// longer history is read in pages.
const maxBack = 16

// back reads an aggregate's commits from the last to the first. The server, asked
// for the next message of a subject, looks at all between it and the one before;
// asked for a place, at one. What doesn't fit together is read again, in order.
func (l *Log) back(ctx context.Context, sh *shard, agg es.Aggregate, m stored) ([]es.Recorded, error) {
	last := m
	var out []es.Recorded
	for range maxBack {
		r, err := sh.decode(m)
		if err != nil {
			return nil, err
		}
		if r.Aggregate != agg || len(out) > 0 && r.Hash != out[len(out)-1].Prev {
			break
		}
		if out = append(out, r); r.Prev == (es.Hash{}) {
			slices.Reverse(out)
			l.saw(sh, last.seq, last.header.Get(nats.MsgIdHdr))
			return out, nil
		}
		before, err := strconv.ParseUint(m.header.Get(nats.ExpectedLastSubjSeqHdr), 10, 64)
		if err != nil || before == 0 || before >= m.seq { // it came by another way, such as an import
			break
		}
		var ok bool
		if m, ok, err = l.conn.directGet(ctx, sh.name, before); err != nil || !ok {
			break
		}
	}
	return gathered(l.Load(ctx, agg, 0, es.AnyReplica))
}

func gathered(commits iter.Seq2[es.Recorded, error]) ([]es.Recorded, error) {
	var out []es.Recorded
	for r, err := range commits {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// directGet reads the message at a sequence from any replica.
func (c *conn) directGet(ctx context.Context, stream string, seq uint64) (stored, bool, error) {
	body, err := json.Marshal(map[string]uint64{"seq": seq})
	if err != nil {
		return stored{}, false, fmt.Errorf("encode request: %w", err)
	}
	m, err := c.once(ctx, apiRoot+"DIRECT.GET."+stream, body)
	if err != nil || m.Header.Get("Status") != "" {
		return stored{}, false, err
	}
	s, err := directMessage(m)
	return s, err == nil, err
}
