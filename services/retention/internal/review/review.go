// Package review announces holds whose date has passed without anyone having
// looked at them. It keeps the dates of the holds that bind in memory, read from
// the log at each start; they are few.
package review

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/person"
)

// Dates are the dates of all holds that bind. It is a sink of retention's own
// events; its methods may be called from several goroutines.
type Dates struct {
	registry es.Registry[person.Event]

	mu   sync.Mutex
	read map[place]es.Checkpoint
	open map[hold]time.Time // those that nobody was called to look at
	// stand are those that bind, by tenant. A stream that is read anew counts none twice.
	stand map[string]map[hold]bool
}

type place struct{ stream, epoch string }

type hold struct {
	person es.Aggregate
	id     string
}

// New makes an empty list.
func New(registry es.Registry[person.Event]) *Dates {
	return &Dates{registry: registry, read: map[place]es.Checkpoint{}, open: map[hold]time.Time{}, stand: map[string]map[hold]bool{}}
}

// Projection keeps the list up to date.
func (d *Dates) Projection() jetstream.Projection {
	return jetstream.Projection{Name: "reviews", Context: rpc.Context, Sink: d}
}

// Checkpoint is part of es.Sink.
func (d *Dates) Checkpoint(_ context.Context, stream, epoch string) (es.Checkpoint, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at, ok := d.read[place{stream, epoch}]; ok {
		return at, nil
	}
	return es.Checkpoint{Position: es.Position{Stream: stream, Epoch: epoch}}, nil
}

// Apply is part of es.Sink. What can't be read changes nothing.
func (d *Dates) Apply(_ context.Context, from es.Checkpoint, batch []es.Recorded) error {
	decoded := make([][]person.Event, len(batch))
	for i, r := range batch {
		if r.Aggregate.Type != person.AggregateType || r.Aggregate.Tenant == es.LogTenant {
			continue
		}
		events, err := d.registry.DecodeAll(r.Commit)
		if err != nil {
			return fmt.Errorf("%w: %w", es.ErrUnprojectable, err)
		}
		decoded[i] = events
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	last := es.CheckpointAt(batch[len(batch)-1])
	at := place{last.Stream, last.Epoch}
	if d.read[at].Seq != from.Seq {
		return es.ErrMoved
	}
	for i, events := range decoded {
		for _, ev := range events {
			d.note(batch[i].Aggregate, ev)
		}
	}
	d.read[at] = last
	return nil
}

func (d *Dates) note(agg es.Aggregate, ev person.Event) {
	switch e := ev.(type) {
	case person.HoldPlaced:
		if d.stand[agg.Tenant] == nil {
			d.stand[agg.Tenant] = map[hold]bool{}
		}
		d.stand[agg.Tenant][hold{agg, e.Hold}] = true
		d.open[hold{agg, e.Hold}] = e.ReviewAt
	case person.HoldReviewed:
		d.open[hold{agg, e.Hold}] = e.ReviewAt
	case person.HoldReviewDue:
		delete(d.open, hold{agg, e.Hold})
	case person.HoldReleased:
		delete(d.stand[agg.Tenant], hold{agg, e.Hold})
		delete(d.open, hold{agg, e.Hold})
	case person.PermitGiven, person.PermitRefused, person.PermitEnded, person.ClocksStarted, person.ClocksStopped, person.ErasureDue,
		person.AccountOpened, person.AccountClosed:
	}
}

// lookAgain is how often Standing looks whether the list has caught up.
const lookAgain = 10 * time.Millisecond

// Standing is how many holds of a tenant bind, once the list has reached these
// ends; es.ErrBehind if it does not before ctx ends.
func (d *Dates) Standing(ctx context.Context, tenant string, ends map[string]es.Checkpoint) (uint32, error) {
	for {
		if n, ok := d.standing(tenant, ends); ok {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return 0, es.ErrBehind
		case <-time.After(lookAgain):
		}
	}
}

func (d *Dates) standing(tenant string, ends map[string]es.Checkpoint) (uint32, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, end := range ends {
		if d.read[place{end.Stream, end.Epoch}].Seq < end.Seq {
			return 0, false
		}
	}
	return uint32(len(d.stand[tenant])), true //nolint:gosec // no tenant has so many
}

// passed lists the holds whose date is not after a moment.
func (d *Dates) passed(at time.Time) map[hold]time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[hold]time.Time{}
	for h, date := range d.open {
		if !date.After(at) {
			out[h] = date
		}
	}
	return out
}

// Announcer announces the dates that have passed.
type Announcer struct {
	Dates   *Dates
	Persons rpc.Persons
	Now     func() time.Time
	Every   time.Duration // how often it looks
	Log     *slog.Logger
}

// Run looks again and again until ctx ends. What fails is tried again the next
// time; several instances announce a date once, because the person's own state
// decides.
func (a Announcer) Run(ctx context.Context) error {
	tick := time.NewTicker(a.Every)
	defer tick.Stop()
	for {
		if err := a.Announce(ctx); err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "reviews were not announced", slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Announce announces what has passed by now.
func (a Announcer) Announce(ctx context.Context) error {
	now := a.Now()
	var failed []error
	for h, date := range a.Dates.passed(now) {
		// The date is part of the step: after a review the hold has another.
		cmd := es.Command[person.Command]{
			ID: es.StepID(h.person, "review-"+h.id+"-"+date.UTC().Format(time.RFC3339Nano), 1), At: now,
			Meta: es.Meta{Correlation: h.id}, Data: person.CallReview{Hold: h.id, At: now},
		}
		if _, err := a.Persons.Handle(ctx, h.person, cmd); err != nil {
			failed = append(failed, fmt.Errorf("announce review: %w", err))
		}
	}
	return errors.Join(failed...)
}
