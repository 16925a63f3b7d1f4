// Package ending records consent that ends by its time when it does, and not only
// with the person's next act: whoever follows the log learns of it.
//
// Answers do not wait for it; they go by the clock. Each replica keeps the ends that
// are to come in memory, some 250 bytes for a person who has one, read from the log
// at each start.
package ending

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"habeas.internal/services/consent/internal/rpc"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"

	"golang.org/x/sync/errgroup"
)

// Ends are the ends to come of all persons. It is a sink of consent's own events;
// its methods may be called from several goroutines.
type Ends struct {
	registry es.Registry[person.Event]

	mu    sync.Mutex
	read  map[place]es.Checkpoint
	open  map[es.Aggregate][]person.Ending
	names map[string]string // one copy of each policy, purpose and tenant
	start map[string]es.Checkpoint
}

type place struct{ stream, epoch string }

// New makes an empty list. It names nothing before it has read on to start, where
// the streams end now: half a history tells of ends that the other half takes back.
func New(registry es.Registry[person.Event], start map[string]es.Checkpoint) *Ends {
	return &Ends{
		registry: registry, start: start, read: map[place]es.Checkpoint{}, open: map[es.Aggregate][]person.Ending{}, names: map[string]string{},
	}
}

// Projection keeps the list up to date.
func (x *Ends) Projection() jetstream.Projection {
	return jetstream.Projection{Name: "endings", Context: rpc.Context, Sink: x}
}

// Checkpoint is part of es.Sink.
func (x *Ends) Checkpoint(_ context.Context, stream, epoch string) (es.Checkpoint, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if at, ok := x.read[place{stream, epoch}]; ok {
		return at, nil
	}
	return es.Checkpoint{Position: es.Position{Stream: stream, Epoch: epoch}}, nil
}

// Apply is part of es.Sink. What can't be read changes nothing.
func (x *Ends) Apply(_ context.Context, from es.Checkpoint, batch []es.Recorded) error {
	decoded := make([][]person.Event, len(batch))
	for i, r := range batch {
		if r.Aggregate.Type != person.AggregateType || r.Aggregate.Tenant == es.LogTenant {
			continue
		}
		events, err := x.registry.DecodeAll(r.Commit)
		if err != nil {
			return fmt.Errorf("%w: %w", es.ErrUnprojectable, err)
		}
		decoded[i] = events
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	last := es.CheckpointAt(batch[len(batch)-1])
	at := place{last.Stream, last.Epoch}
	if x.read[at].Seq != from.Seq {
		return es.ErrMoved
	}
	for i, events := range decoded {
		for _, ev := range events {
			x.note(batch[i].Aggregate, ev)
		}
	}
	x.read[at] = last
	return nil
}

func (x *Ends) note(agg es.Aggregate, ev person.Event) {
	before := x.open[agg]
	after := person.Endings(before, ev)
	if slices.Equal(before, after) {
		return
	}
	for i := range after {
		after[i].Policy, after[i].Name = x.name(after[i].Policy), x.name(after[i].Name)
	}
	x.set(agg, after)
}

func (x *Ends) set(agg es.Aggregate, ends []person.Ending) {
	if len(ends) == 0 {
		delete(x.open, agg)
		return
	}
	agg.Context, agg.Type, agg.Tenant = rpc.Context, person.AggregateType, x.name(agg.Tenant)
	x.open[agg] = ends
}

func (x *Ends) name(s string) string {
	if kept, ok := x.names[s]; ok {
		return kept
	}
	x.names[s] = s
	return s
}

// passed lists the ends that are not after a moment.
func (x *Ends) passed(at time.Time) map[es.Aggregate][]person.Ending {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, end := range x.start {
		if x.read[place{end.Stream, end.Epoch}].Seq < end.Seq {
			return nil
		}
	}
	out := map[es.Aggregate][]person.Ending{}
	for agg, ends := range x.open {
		for _, e := range ends {
			if !e.ExpiresAt.After(at) {
				out[agg] = append(out[agg], e)
			}
		}
	}
	return out
}

// strike takes ends off the list, of which the person's state says that nothing is
// to be recorded.
func (x *Ends) strike(agg es.Aggregate, ends []person.Ending) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.set(agg, slices.DeleteFunc(slices.Clone(x.open[agg]), func(e person.Ending) bool { return slices.Contains(ends, e) }))
}

// Recorder records the ends that have come.
type Recorder struct {
	Ends    *Ends
	Persons rpc.Persons
	Random  io.Reader // for command ids
	Now     func() time.Time
	Every   time.Duration // how often it looks
	Log     *slog.Logger
}

// Run looks again and again until ctx ends. What fails is tried again the next
// time; several instances record an end once, because the person's own state
// decides.
func (r Recorder) Run(ctx context.Context) error {
	tick := time.NewTicker(r.Every)
	defer tick.Stop()
	for {
		if err := r.Record(ctx); err != nil && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "ends of consent were not recorded", slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// atATime is how many persons are written about at a time.
const atATime = 16

// Record records what has ended by now. It returns the last error, if there were
// any: one person's does not keep the others back.
func (r Recorder) Record(ctx context.Context) error {
	now := r.Now()
	due := r.Ends.passed(now)
	var g errgroup.Group
	g.SetLimit(atATime)
	for agg := range maps.Keys(due) {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { return r.one(ctx, agg, due[agg], now) })
	}
	return g.Wait()
}

// one records what of a person has ended. The list learns of it from the log.
func (r Recorder) one(ctx context.Context, agg es.Aggregate, ends []person.Ending, now time.Time) error {
	id, err := es.NewID(r.Random)
	if err != nil {
		return err
	}
	res, err := r.Persons.Handle(ctx, agg, es.Command[person.Command]{ID: id, At: now, Meta: es.Meta{Correlation: id}, Data: person.Expire{At: now}})
	if err != nil {
		return fmt.Errorf("record what has ended: %w", err)
	}
	if len(res.Events) == 0 {
		r.Ends.strike(agg, ends)
	}
	return nil
}
