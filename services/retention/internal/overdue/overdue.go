// Package overdue announces reviews of compliance that were not done when they were due,
// and counts those that still are not. It keeps the dates in memory, read from the log at
// each start; they are few.
package overdue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/retention/compliance"
	"habeas.internal/services/retention/internal/rpc"

	"go.opentelemetry.io/otel/metric"
)

// Dates are the dates of all reviews. It is a sink of retention's own events; its methods
// may be called from several goroutines.
type Dates struct {
	registry es.Registry[compliance.Event]

	mu   sync.Mutex
	read map[place]es.Checkpoint
	due  map[scope]date
}

type place struct{ stream, epoch string }

type scope struct {
	tenant es.Aggregate
	name   string
}

type date struct {
	at     time.Time
	called bool
}

// New makes an empty list.
func New(registry es.Registry[compliance.Event]) *Dates {
	return &Dates{registry: registry, read: map[place]es.Checkpoint{}, due: map[scope]date{}}
}

// Projection keeps the list up to date.
func (d *Dates) Projection() jetstream.Projection {
	return jetstream.Projection{Name: "compliance", Context: rpc.Context, Sink: d}
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
	decoded := make([][]compliance.Event, len(batch))
	for i, r := range batch {
		if r.Aggregate.Type != compliance.AggregateType || r.Aggregate.Tenant == es.LogTenant {
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

func (d *Dates) note(tenant es.Aggregate, ev compliance.Event) {
	switch e := ev.(type) {
	case compliance.Scheduled:
		d.due[scope{tenant, e.Scope}] = date{at: e.DueAt}
	case compliance.Missed:
		d.due[scope{tenant, e.Scope}] = date{at: e.DueAt, called: true}
	case compliance.Completed:
		d.due[scope{tenant, e.Scope}] = date{at: e.NextDue}
	case compliance.Refused:
	}
}

// passed lists the reviews that were not done by a moment and not announced either, and
// counts all that were not done.
func (d *Dates) passed(at time.Time) (uncalled []scope, overdue int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s, due := range d.due {
		if due.at.After(at) {
			continue
		}
		overdue++
		if !due.called {
			uncalled = append(uncalled, s)
		}
	}
	return uncalled, overdue
}

// Announcer announces what was missed.
type Announcer struct {
	Dates   *Dates
	Reviews rpc.Reviews
	Now     func() time.Time
	Every   time.Duration // how often it looks
	Log     *slog.Logger
	overdue metric.Int64Gauge
}

// Metered is the announcer with its gauge: what an alarm is set on.
func (a Announcer) Metered(meters metric.MeterProvider) (Announcer, error) {
	var err error
	a.overdue, err = meters.Meter("habeas.internal/services/retention").Int64Gauge("habeas.compliance.reviews.overdue",
		metric.WithDescription("Reviews of compliance that were not done when they were due, and still are not."))
	return a, err
}

// Run looks again and again until ctx ends. What fails is tried again the next time;
// several instances announce a date once, because the tenant's own state decides.
func (a Announcer) Run(ctx context.Context) error {
	tick := time.NewTicker(a.Every)
	defer tick.Stop()
	for {
		if err := a.Announce(ctx); err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "missed reviews were not announced", slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Announce announces what was missed by now.
func (a Announcer) Announce(ctx context.Context) error {
	now := a.Now()
	uncalled, overdue := a.Dates.passed(now)
	a.overdue.Record(ctx, overdue)
	var failed []error
	for _, s := range uncalled {
		// The moment is part of the step: what was announced in vain is asked about again.
		cmd := es.Command[compliance.Command]{
			ID: es.StepID(s.tenant, "missed-"+s.name+"-"+now.UTC().Format(time.RFC3339Nano), 1), At: now,
			Meta: es.Meta{Correlation: s.tenant.ID}, Data: compliance.CallMissed{Scope: s.name, At: now},
		}
		if _, err := a.Reviews.Handle(ctx, s.tenant, cmd); err != nil {
			failed = append(failed, fmt.Errorf("announce missed review: %w", err))
		}
	}
	return errors.Join(failed...)
}
