package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

const (
	timerRoot = "habeas.timer."
	dueRoot   = "habeas.due."
	// dueKept is how long a fired timer stays for a process that is down; the
	// daily sweep finds what it misses.
	dueKept = 48 * time.Hour
)

// Timer wakes the process of an aggregate at a time. It is a hint: the
// aggregate's state decides whether anything is due. Timers of one aggregate
// differ in name.
type Timer struct {
	Aggregate es.Aggregate
	Name      string
	At        time.Time
}

func (t Timer) tail() string {
	a := t.Aggregate
	return strings.Join([]string{a.Context, a.Partition(), a.Tenant, a.Type, a.ID, t.Name}, ".")
}

func (t Timer) validate() error {
	named := t.Aggregate
	named.Type = t.Name
	if err := t.Aggregate.Validate(); err != nil {
		return err
	}
	return named.Validate() // the name is one more token
}

func (t Timer) message() *nats.Msg {
	return &nats.Msg{Subject: timerRoot + t.tail(), Header: nats.Header{
		// Written with its fraction: a schedule of whole seconds fires early.
		"Nats-Schedule":        {"@at " + t.At.UTC().Format(time.RFC3339Nano)},
		"Nats-Schedule-Target": {dueRoot + t.tail()},
		"Nats-Schedule-TTL":    {dueKept.String()},
	}}
}

// SetTimer sets a timer, or moves the one of the same aggregate and name.
func (l *Log) SetTimer(ctx context.Context, t Timer) error {
	if err := t.validate(); err != nil {
		return err
	}
	if _, err := l.conn.publish(ctx, l.js, t.message(), jetstream.WithExpectStream(TimersStream(t.Aggregate.Context))); err != nil {
		return fmt.Errorf("set timer: %w", unavailable(err))
	}
	return nil
}

// EnsureTimer sets a timer unless one of the same aggregate and name waits.
func (l *Log) EnsureTimer(ctx context.Context, t Timer) (set bool, err error) {
	if err := t.validate(); err != nil {
		return false, err
	}
	_, err = l.conn.publish(ctx, l.js, t.message(), jetstream.WithExpectStream(TimersStream(t.Aggregate.Context)), jetstream.WithExpectLastSequencePerSubject(0))
	if isConflict(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ensure timer: %w", unavailable(err))
	}
	return true, nil
}

// CancelTimer removes a timer; one that fired or never was is no error.
func (l *Log) CancelTimer(ctx context.Context, t Timer) error {
	if err := t.validate(); err != nil {
		return err
	}
	stream := TimersStream(t.Aggregate.Context)
	m, ok, err := l.conn.leaderGet(ctx, stream, map[string]any{"last_by_subj": timerRoot + t.tail()})
	if err != nil || !ok {
		return err
	}
	s, err := l.conn.stream(ctx, l.js, stream)
	if err != nil {
		return fmt.Errorf("cancel timer: %w", unavailable(err))
	}
	if err := s.DeleteMsg(ctx, m.seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !notFound(err) {
		return fmt.Errorf("cancel timer: %w: %w", es.ErrUnavailable, err)
	}
	return nil
}

func notFound(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeNotFound || api.ErrorCode == codeDeleteFailed)
}

// codeDeleteFailed answers the deletion of a message that is gone; the
// mutable streams permit deletes, so it means nothing else here.
const codeDeleteFailed = 10057

// SweepTimers sets every timer of the list that does not wait, and returns
// how many were missing. The list comes from state: a purge of the timers, or
// a fired one that nobody was there to hear, loses nothing.
func (l *Log) SweepTimers(ctx context.Context, open iter.Seq2[Timer, error]) (missing int, err error) {
	for t, err := range open {
		if err != nil {
			return missing, fmt.Errorf("list timers: %w", err)
		}
		set, err := l.EnsureTimer(ctx, t)
		if err != nil {
			return missing, err
		}
		if set {
			missing++
		}
	}
	return missing, nil
}

// RunSweep sweeps at once and then every day until ctx ends. open lists the
// timers that state asks for; a failing sweep is tried again after a minute.
func (l *Log) RunSweep(ctx context.Context, open func(ctx context.Context) iter.Seq2[Timer, error]) error {
	for {
		wait := 24 * time.Hour
		missing, err := l.SweepTimers(ctx, open(ctx))
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			l.cfg.Logger.ErrorContext(ctx, "timer sweep failed", slog.String("error", err.Error()))
			wait = time.Minute
		default:
			l.cfg.Logger.InfoContext(ctx, "timers swept", slog.Int("missing", missing))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Alarm reacts to the timers of a context that are due.
type Alarm struct {
	Name    string // of the durable consumer, together with the context
	Context string
	// Due handles one timer; it re-reads the aggregate and acts only if the
	// state says so. It must be harmless to repeat. At is when it fired.
	Due func(ctx context.Context, t Timer) error
	// RetryAfter is the wait before a failed timer comes again; default 5 s.
	RetryAfter time.Duration
	// Workers is how many timers are handled at a time; an instance handles
	// those of one aggregate one after the other. Default 8.
	Workers int
}

// alarmWait is how long a timer may take before another instance is given it,
// extended while it waits or is handled here.
const alarmWait = 30 * time.Second

// alarmDurable is the name of an alarm's consumer.
func alarmDurable(name, context string) string { return name + "-" + context + "-due" }

// RunAlarm hands due timers to the alarm until ctx ends. A timer that fails
// comes again for as long as it is kept; the sweep covers the rest.
func (l *Log) RunAlarm(ctx context.Context, a Alarm) error {
	if a.RetryAfter == 0 {
		a.RetryAfter = 5 * time.Second
	}
	if a.Workers == 0 {
		a.Workers = 8
	}
	for try := 0; ; try++ {
		err := l.listen(ctx, a)
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, errConsumerGone) {
			return err
		}
		backoff(ctx, try)
	}
}

// listen hands due timers on until ctx ends or the consumer is gone.
func (l *Log) listen(ctx context.Context, a Alarm) error {
	c, err := l.durable(ctx, TimersStream(a.Context), jetstream.ConsumerConfig{
		Durable: alarmDurable(a.Name, a.Context), AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverAllPolicy,
		AckWait: alarmWait, MaxAckPending: maxUnacked, FilterSubject: dueRoot + a.Context + ".>",
	})
	if err != nil {
		return err
	}
	allowed, done := l.conn.pulling(ctx, TimersStream(a.Context), c.CachedInfo().Name)
	defer done()
	g, ctx := errgroup.WithContext(allowed)
	queues := make([]chan delivery, a.Workers)
	for i := range queues {
		queues[i] = make(chan delivery, maxUnacked)
		g.Go(func() error {
			return work(ctx, queues[i], func(m jetstream.Msg) error { l.due(ctx, a, m); return nil })
		})
	}
	cc, err := c.Consume(func(m jetstream.Msg) {
		subject := m.Subject() // ends with the timer's name
		select {
		case queueOf(queues, subject[:strings.LastIndexByte(subject, '.')]) <- keep(ctx, m, alarmWait):
		case <-ctx.Done():
		}
	}, pulls(8*a.Workers)...)
	if err != nil {
		return fmt.Errorf("consume timers: %w", err)
	}
	defer cc.Stop()
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-cc.Closed():
			return errConsumerGone
		}
	})
	return errors.Join(g.Wait(), forbidden(allowed))
}

// due hands one timer to the alarm; one that fails comes again.
func (l *Log) due(ctx context.Context, a Alarm, m jetstream.Msg) {
	if err := l.fire(ctx, a, m); err != nil {
		_ = m.NakWithDelay(a.RetryAfter)
		return
	}
	_ = m.Ack()
}

func (l *Log) fire(ctx context.Context, a Alarm, m jetstream.Msg) error {
	t, err := parseDue(m.Subject())
	if err != nil {
		return err
	}
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	t.At = meta.Timestamp
	ctx, span := l.cfg.Tracer.Start(ctx, "due "+t.Aggregate.Type+" "+t.Name)
	defer span.End()
	return a.Due(ctx, t)
}

func parseDue(subject string) (Timer, error) {
	rest, ok := strings.CutPrefix(subject, dueRoot)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 6 {
		return Timer{}, fmt.Errorf("parse due timer: %w", es.ErrInvalidAggregate)
	}
	t := Timer{Aggregate: es.Aggregate{Context: parts[0], Tenant: parts[2], Type: parts[3], ID: parts[4]}, Name: parts[5]}
	return t, t.validate()
}
