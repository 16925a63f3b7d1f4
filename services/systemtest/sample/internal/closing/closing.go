// Package closing tells the outside when a book was closed: a process that
// records first and acts then, and the alarm that closes a book in time.
package closing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/systemtest/sample"
)

// Handler runs the commands of books.
type Handler = es.Handler[sample.Book, sample.Command, sample.Event]

// Announce tells the outside that a book is closed. It must be harmless to
// repeat.
type Announce func(ctx context.Context, agg es.Aggregate) error

// Process reacts to closed books. The closing is the saga's own event, so
// there is nothing to record before acting; that the outside knows is recorded
// after.
func Process(h Handler, announce Announce) jetstream.Process {
	return jetstream.Process{
		Name: "announce", CodeVersion: "1",
		Backoff: []time.Duration{10 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond},
		React: func(ctx context.Context, r es.Recorded) error {
			if r.Aggregate.Type != sample.AggregateType {
				return nil
			}
			s, _, err := h.Load(ctx, r.Aggregate, es.Leader)
			if err != nil {
				return fmt.Errorf("load book: %w", err)
			}
			for range sample.Effects(s) {
				if err := announce(ctx, r.Aggregate); err != nil {
					return fmt.Errorf("announce: %w", err)
				}
				cmd := es.Command[sample.Command]{
					ID: es.StepID(r.Aggregate, "announce", 1), At: r.Time, Data: sample.Announce{},
					Meta: es.Meta{Correlation: r.Meta.Correlation, Causation: es.EventID(r.ID, 0)},
				}
				if _, err := h.Handle(ctx, r.Aggregate, cmd); err != nil {
					return fmt.Errorf("record announcement: %w", err)
				}
			}
			return nil
		},
	}
}

// Alarm closes books whose time is over. State decides: a timer of a book that
// is closed already, or was given more time, does nothing.
func Alarm(h Handler) jetstream.Alarm {
	return jetstream.Alarm{Name: "books", Due: func(ctx context.Context, t jetstream.Timer) error {
		s, _, err := h.Load(ctx, t.Aggregate, es.Leader)
		if err != nil {
			return fmt.Errorf("load book: %w", err)
		}
		if s.Closed || t.At.Before(s.ClosesAt) {
			return nil
		}
		cmd := es.Command[sample.Command]{ID: es.StepID(t.Aggregate, t.Name, 1), At: t.At, Data: sample.Close{ByTimer: true}}
		if _, err = h.Handle(ctx, t.Aggregate, cmd); errors.Is(err, sample.ErrNoBook) {
			return nil
		}
		return err
	}}
}
