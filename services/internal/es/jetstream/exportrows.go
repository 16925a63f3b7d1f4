package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/archive"

	"github.com/nats-io/nats.go/jetstream"
)

// rows yields the present row of every subject of a mutable stream.
func (l *Log) rows(ctx context.Context, i int, stream string, progress func(Progress)) iter.Seq2[archive.Row, error] {
	return func(yield func(archive.Row, error) bool) {
		done := uint64(0)
		err := l.lastPerSubject(ctx, stream, func(m jetstream.Msg, of uint64) bool {
			done++
			report(progress, "write rows", stream, done, of)
			return yield(archive.Row{Stream: i, Subject: m.Subject(), Value: m.Data()}, nil)
		})
		if err != nil {
			yield(archive.Row{}, fmt.Errorf("read rows of %s: %w: %w", stream, es.ErrUnavailable, err))
		}
	}
}

// rowBatch is how many rows are asked for at once; each may be as long as a
// commit.
const rowBatch = 100

// lastPerSubject hands out the last message of every subject, of which there
// are as many as the consumer says when it is made. It is no ordered consumer:
// one that starts anew in the middle goes on with every message.
func (l *Log) lastPerSubject(ctx context.Context, stream string, visit func(m jetstream.Msg, of uint64) bool) error {
	var c jetstream.Consumer
	err := l.ask(ctx, func(ctx context.Context) (err error) {
		c, err = l.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
			FilterSubject: ">", // the server wants one
			DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckNonePolicy,
			MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute,
		})
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = l.js.DeleteConsumer(context.WithoutCancel(ctx), stream, c.CachedInfo().Name) }() // it would end by itself
	of := c.CachedInfo().NumPending
	for done := uint64(0); done < of; {
		var msgs []jetstream.Msg
		err := l.ask(ctx, func(ctx context.Context) (err error) {
			msgs, err = fetch(ctx, c, int(min(rowBatch, of-done)))
			if errors.Is(err, errNoRows) && drained(ctx, c) {
				return nil
			}
			return err
		})
		if err != nil || len(msgs) == 0 {
			return err
		}
		for _, m := range msgs {
			meta, err := m.Metadata()
			if err != nil {
				return err
			}
			if done++; meta.Sequence.Consumer != done {
				return fmt.Errorf("row %d of %d was lost on the way", done, of)
			}
			if !visit(m, of) {
				return nil
			}
		}
	}
	return nil
}

// drained reports whether nothing is left to deliver: rows that were counted and
// then removed, while somebody still writes, never come.
func drained(ctx context.Context, c jetstream.Consumer) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	info, err := c.Info(ctx)
	return err == nil && info.NumPending == 0
}

// fetch gets at least one of n messages. What a fetch that failed has taken
// with it shows as a gap in the next one's numbers.
func fetch(ctx context.Context, c jetstream.Consumer, n int) ([]jetstream.Msg, error) {
	batch, err := c.Fetch(n, jetstream.FetchContext(ctx))
	if err != nil {
		return nil, err
	}
	var out []jetstream.Msg
	for m := range batch.Messages() {
		out = append(out, m)
	}
	if len(out) > 0 {
		return out, nil
	}
	return nil, errors.Join(batch.Error(), ctx.Err(), errNoRows)
}

var errNoRows = errors.New("rows are gone: something still writes")
