package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/codes"
	"golang.org/x/sync/errgroup"
)

// Process follows the commits of a context and reacts to each. It runs in any
// number of instances: each commit goes to one of them at a time, and again
// to one until it was handled.
type Process struct {
	Name    string // of the durable consumers, such as "closing"
	Context string // whose commits it follows
	// React handles a commit; it must be harmless to repeat. See es.Saga.
	React func(ctx context.Context, r es.Recorded) error
	// CodeVersion is noted on what is parked.
	CodeVersion string
	// Backoff is the wait before each further delivery; after the last one
	// the commit is parked. Default: 1 s, 5 s, 30 s, 2 min, 10 min, three
	// times more.
	Backoff []time.Duration
	// AckWait is how long a reaction may take before the commit is given to
	// another instance; default 30 s, extended while the reaction runs.
	AckWait time.Duration
	// Workers is how many commits of one shard are handled at a time; one
	// instance handles those of one aggregate one after the other. Another
	// instance, or a commit that comes again, may overtake: reactions must not
	// depend on the order of commits. Default 4.
	Workers int
}

func defaultBackoff() []time.Duration {
	return []time.Duration{
		time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute,
		10 * time.Minute, 10 * time.Minute, 10 * time.Minute,
	}
}

func (p Process) withDefaults() Process {
	if len(p.Backoff) == 0 {
		p.Backoff = defaultBackoff()
	}
	if p.AckWait == 0 {
		p.AckWait = 30 * time.Second
	}
	if p.Workers == 0 {
		p.Workers = 4
	}
	return p
}

// maxUnacked is how many commits of a shard may be under way at a time.
const maxUnacked = 256

// deliveriesBeyond is how many deliveries follow the one at which a failing
// commit is parked before one that never got so far is: instances that die
// over a commit, or that halt because of one, do not fail it.
const deliveriesBeyond = 32

// RunProcess reacts to commits until ctx ends. Any other return is a halt:
// see Project. A commit that can't be handled after the last backoff is
// parked, and the process goes on with the others. A commit that the server
// can't read, and would pass over in silence, is a CorruptError.
func (l *Log) RunProcess(ctx context.Context, p Process) error {
	p = p.withDefaults()
	shards := l.shards[p.Context]
	consumers := make([]jetstream.Consumer, len(shards))
	for i, sh := range shards {
		var err error
		if consumers[i], err = l.durable(ctx, sh.name, p.consumer(sh.name)); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for i, sh := range shards {
		f := &follower{log: l, p: p, sh: sh}
		g.Go(func() error { return f.run(ctx, consumers[i]) })
	}
	return g.Wait()
}

// processDurable is the name of a process's consumer on a stream.
func processDurable(name, stream string) string { return name + "-" + strings.ToLower(stream) }

func (p Process) consumer(stream string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: processDurable(p.Name, stream), AckPolicy: jetstream.AckExplicitPolicy,
		DeliverPolicy: jetstream.DeliverAllPolicy, AckWait: p.AckWait, MaxAckPending: maxUnacked,
		MaxDeliver: -1, // the server passes over nothing: parking is the process's own
	}
}

func (l *Log) durable(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (c jetstream.Consumer, err error) {
	subject := apiRoot + "CONSUMER.CREATE." + stream + "." + cfg.Durable
	if cfg.FilterSubject != "" {
		subject += "." + cfg.FilterSubject
	}
	err = l.conn.asking(ctx, subject, func(ctx context.Context) error {
		c, err = l.js.CreateOrUpdateConsumer(ctx, stream, cfg)
		return err
	})
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("%s: %w", stream, es.ErrMissingStream)
	}
	if err != nil {
		return nil, fmt.Errorf("bind consumer %s: %w", cfg.Durable, err)
	}
	return c, nil
}

// haltPause is how long the commit that halted a process stays away: until
// this instance has let go of the consumer.
const haltPause = 250 * time.Millisecond

// handle returns an error only to halt; everything else is tried again or
// parked. The commit that halts a process is given back, so that the next
// instance meets it before anything that lies behind it.
func (l *Log) handle(ctx context.Context, p Process, sh *shard, m jetstream.Msg) error {
	rec, err := sh.read(m)
	if err == nil {
		err = l.ring.Verify(ctx, rec)
	}
	if err == nil && rec.Aggregate.Tenant != es.LogTenant {
		err = l.react(ctx, p, rec, m)
	}
	if err == nil {
		return l.ack(ctx, m)
	}
	if ctx.Err() != nil {
		return nil
	}
	if _, halt := es.HaltReason(err); halt {
		_ = m.NakWithDelay(haltPause)
		return err
	}
	return l.again(ctx, p, sh, m, err)
}

func (l *Log) ack(ctx context.Context, m jetstream.Msg) error {
	if err := m.Ack(); err != nil { // it comes again, which is harmless
		l.cfg.Logger.DebugContext(ctx, "ack was not sent", slog.String("error", err.Error()))
	}
	return nil
}

// errDeadly is why a commit is parked that no instance lived to handle.
var errDeadly = errors.New("no instance has come to an end with the commit")

func (l *Log) react(ctx context.Context, p Process, rec es.Recorded, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	if int(meta.NumDelivered) > len(p.Backoff)+1+deliveriesBeyond {
		return errDeadly
	}
	ctx, span := l.startConsumer(ctx, p.Name, rec)
	defer span.End()
	if err := p.React(ctx, rec); err != nil {
		span.SetStatus(codes.Error, reasonOf(err))
		return err
	}
	return nil
}

// again schedules the next delivery, or parks the message after the last.
func (l *Log) again(ctx context.Context, p Process, sh *shard, m jetstream.Msg, cause error) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	l.cfg.Logger.WarnContext(ctx, "reaction failed", slog.String("process", p.Name), slog.String("stream", sh.name),
		slog.Uint64("sequence", meta.Sequence.Stream), slog.Uint64("delivery", meta.NumDelivered), slog.String("error", cause.Error()))
	n := int(meta.NumDelivered)
	if n <= len(p.Backoff) {
		_ = m.NakWithDelay(p.Backoff[max(n, 1)-1])
		return nil
	}
	if err := l.park(ctx, p, sh, m, cause); err != nil {
		_ = m.NakWithDelay(p.Backoff[len(p.Backoff)-1])
		return nil
	}
	_ = m.TermWithReason("parked")
	return nil
}

// reasonOf is the machine-readable part of a failure; what has none is
// INTERNAL, because an error's text is not for a store.
func reasonOf(err error) string {
	var r es.Refusal
	if errors.As(err, &r) {
		return r.Reason()
	}
	for code, target := range map[string]error{
		"UNAVAILABLE": es.ErrUnavailable, "UNKNOWN_OUTCOME": es.ErrUnknownOutcome, "CONTENDED": es.ErrContended,
		"TOO_LARGE": es.ErrTooLarge, "DEADLINE_EXCEEDED": context.DeadlineExceeded,
	} {
		if errors.Is(err, target) {
			return code
		}
	}
	return "INTERNAL"
}
