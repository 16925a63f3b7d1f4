// Package clocks announces what has to go because its time is over. It keeps the next
// end of each person's clocks in memory, read from the log at each start: one moment a
// person, so that nobody else's history is read to find who is due.
package clocks

import (
	"context"
	"fmt"
	"sync"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/person"
)

// Book is the next end of the clocks of each person. It is a sink of retention's own
// events; its methods may be called from several goroutines.
type Book struct {
	registry es.Registry[person.Event]

	mu      sync.Mutex
	read    map[place]es.Checkpoint
	tenants map[string]map[string]page
}

type place struct{ stream, epoch string }

// page is what is known of one person.
type page struct {
	due  int64 // nanoseconds since 1970; zero: nothing runs
	held bool
}

// New makes an empty book.
func New(registry es.Registry[person.Event]) *Book {
	return &Book{registry: registry, read: map[place]es.Checkpoint{}, tenants: map[string]map[string]page{}}
}

// Projection keeps the book up to date.
func (b *Book) Projection() jetstream.Projection {
	return jetstream.Projection{Name: "clocks", Context: rpc.Context, Sink: b}
}

// Checkpoint is part of es.Sink.
func (b *Book) Checkpoint(_ context.Context, stream, epoch string) (es.Checkpoint, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at, ok := b.read[place{stream, epoch}]; ok {
		return at, nil
	}
	return es.Checkpoint{Position: es.Position{Stream: stream, Epoch: epoch}}, nil
}

// Apply is part of es.Sink. What can't be read changes nothing.
func (b *Book) Apply(_ context.Context, from es.Checkpoint, batch []es.Recorded) error {
	decoded := make([][]person.Event, len(batch))
	for i, r := range batch {
		if r.Aggregate.Type != person.AggregateType || r.Aggregate.Tenant == es.LogTenant {
			continue
		}
		events, err := b.registry.DecodeAll(r.Commit)
		if err != nil {
			return fmt.Errorf("%w: %w", es.ErrUnprojectable, err)
		}
		decoded[i] = events
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	last := es.CheckpointAt(batch[len(batch)-1])
	at := place{last.Stream, last.Epoch}
	if b.read[at].Seq != from.Seq {
		return es.ErrMoved
	}
	for i, events := range decoded {
		for _, ev := range events {
			b.note(batch[i].Aggregate, ev)
		}
	}
	b.read[at] = last
	return nil
}

func (b *Book) note(agg es.Aggregate, ev person.Event) {
	p := b.tenants[agg.Tenant][agg.ID]
	switch e := ev.(type) {
	case person.ClocksStarted:
		p.due = nano(e.NextDue)
	case person.ClocksStopped:
		p.due = nano(e.NextDue)
	case person.ErasureDue:
		p.due = nano(e.NextDue)
	case person.HoldPlaced:
		p.held = true
	case person.HoldReleased:
		p.held = !e.Free
	case person.HoldReviewed, person.HoldReviewDue, person.PermitGiven, person.PermitRefused, person.PermitEnded,
		person.AccountOpened, person.AccountClosed:
		return
	}
	people := b.tenants[agg.Tenant]
	if people == nil {
		people = map[string]page{}
		b.tenants[agg.Tenant] = people
	}
	if p == (page{}) {
		delete(people, agg.ID)
		return
	}
	people[agg.ID] = p
}

func nano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// Ended lists who has a clock that has ended at a moment, and is under no hold.
func (b *Book) Ended(at time.Time) []es.Aggregate {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []es.Aggregate
	for tenant, people := range b.tenants {
		for ref, p := range people {
			if p.due != 0 && !p.held && p.due <= at.UnixNano() {
				out = append(out, rpc.PersonOf(tenant, ref))
			}
		}
	}
	return out
}

// People lists everybody of a tenant of whom a clock runs, once the book has reached these
// ends; es.ErrBehind if it has not.
func (b *Book) People(tenant string, ends map[string]es.Checkpoint) ([]es.Aggregate, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, end := range ends {
		if b.read[place{end.Stream, end.Epoch}].Seq < end.Seq {
			return nil, es.ErrBehind
		}
	}
	var out []es.Aggregate
	for ref, p := range b.tenants[tenant] {
		if p.due != 0 {
			out = append(out, rpc.PersonOf(tenant, ref))
		}
	}
	return out, nil
}
