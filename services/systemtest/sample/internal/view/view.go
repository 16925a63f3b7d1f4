// Package view is the book's read model: how many guests, whether it is
// closed, whether that was announced. No names: those are read from the log.
package view

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/readmodel"
	"habeas.internal/services/systemtest/sample"

	"github.com/redis/go-redis/v9"
)

const (
	fieldGuests    = "guests"
	fieldClosed    = "closed"
	fieldAnnounced = "announced"
	keyOpen        = "open"
)

// Model is the read model.
func Model(registry es.Registry[sample.Event]) readmodel.Model {
	return readmodel.Model{Name: "books", Version: 1, Project: func(r es.Recorded) ([]readmodel.Write, error) {
		if r.Aggregate.Type != sample.AggregateType {
			return nil, nil
		}
		events, err := registry.DecodeAll(r.Commit)
		if err != nil {
			return nil, err
		}
		var out []readmodel.Write
		for _, ev := range events {
			out = append(out, project(r.Aggregate, ev)...)
		}
		return out, nil
	}}
}

func project(agg es.Aggregate, ev sample.Event) []readmodel.Write {
	set := func(field, value string) readmodel.Write {
		return readmodel.Write{Command: "HSET", Key: bookKey(agg), Args: []string{field, value}}
	}
	switch e := ev.(type) {
	case sample.Opened:
		due := strconv.FormatInt(e.ClosesAt.UnixMilli(), 10)
		return []readmodel.Write{set(fieldGuests, "0"), {Command: "ZADD", Key: keyOpen, Args: []string{due, agg.Subject()}}}
	case sample.Signed:
		return []readmodel.Write{set(fieldGuests, strconv.FormatUint(uint64(e.Entry), 10))}
	case sample.SigningRefused:
		return nil
	case sample.Closed:
		return []readmodel.Write{set(fieldClosed, "1"), {Command: "ZREM", Key: keyOpen, Args: []string{agg.Subject()}}}
	case sample.Announced:
		return []readmodel.Write{set(fieldAnnounced, "1")}
	}
	return nil
}

func bookKey(agg es.Aggregate) string { return "book:" + agg.Tenant + ":" + agg.ID }

// Figures are what the model knows of a book.
type Figures struct {
	Guests    uint32
	Closed    bool
	Announced bool
}

// Book reads a book's figures, not older than want. sample.ErrNoBook: there is
// none.
func Book(ctx context.Context, r *readmodel.Reader, agg es.Aggregate, want es.Token) (Figures, error) {
	var row *redis.MapStringStringCmd
	_, err := r.Read(ctx, agg, want, func(p redis.Pipeliner, key func(string) string) {
		row = p.HGetAll(ctx, key(bookKey(agg)))
	})
	if err != nil {
		return Figures{}, err
	}
	fields, err := row.Result()
	if err != nil {
		return Figures{}, fmt.Errorf("read book: %w: %w", es.ErrUnavailable, err)
	}
	if len(fields) == 0 {
		return Figures{}, sample.ErrNoBook
	}
	n, err := strconv.ParseUint(fields[fieldGuests], 10, 32)
	return Figures{Guests: uint32(n), Closed: fields[fieldClosed] == "1", Announced: fields[fieldAnnounced] == "1"}, err
}

// OpenTimers lists the timer of every open book, for the sweep. shards are
// aggregates, one in each shard.
func OpenTimers(r *readmodel.Reader, shards []es.Aggregate) func(ctx context.Context) iter.Seq2[jetstream.Timer, error] {
	return func(ctx context.Context) iter.Seq2[jetstream.Timer, error] {
		return func(yield func(jetstream.Timer, error) bool) {
			for _, shard := range shards {
				if !yieldOpen(ctx, r, shard, yield) {
					return
				}
			}
		}
	}
}

func yieldOpen(ctx context.Context, r *readmodel.Reader, shard es.Aggregate, yield func(jetstream.Timer, error) bool) bool {
	var open *redis.ZSliceCmd
	_, err := r.Read(ctx, shard, nil, func(p redis.Pipeliner, key func(string) string) {
		open = p.ZRangeWithScores(ctx, key(keyOpen), 0, -1)
	})
	if err != nil {
		yield(jetstream.Timer{}, err)
		return false
	}
	for _, z := range open.Val() {
		if t, err := timer(z); !yield(t, err) {
			return false
		}
	}
	return true
}

func timer(z redis.Z) (jetstream.Timer, error) {
	subject, ok := z.Member.(string)
	if !ok {
		return jetstream.Timer{}, errors.New("open book is no text")
	}
	agg, err := es.ParseSubject(subject)
	return jetstream.Timer{Aggregate: agg, Name: sample.TimerClose, At: time.UnixMilli(int64(z.Score))}, err
}
