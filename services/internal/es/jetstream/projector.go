package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
)

// Projection is a read model of one context.
type Projection struct {
	Name    string
	Context string
	Sink    es.Sink
	// BatchSize is the most commits of one Apply; default 500.
	BatchSize int
	// ProbeEvery is how often the streams are checked for drift and loss
	// while nothing arrives; default 1 s.
	ProbeEvery time.Duration
}

// Project keeps the projection up to date until ctx ends. Any other return is
// a halt: history is not what was written (CorruptError), a configuration was
// changed (ErrConfiguration), or this code is older than the log
// (UnknownEventError). A sink that can't be reached is waited for.
//
// Signatures are verified on everything behind the sink's checkpoint. Only a
// model that is built from nothing takes what stood in the log at its start on
// contiguity alone: whoever could forge old commits faces the loaders, which
// verify each aggregate they load, and the auditor's sealed log.
func (l *Log) Project(ctx context.Context, p Projection) error {
	if p.BatchSize == 0 {
		p.BatchSize = 500
	}
	if p.ProbeEvery == 0 {
		p.ProbeEvery = time.Second
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, sh := range l.shards[p.Context] {
		r := &reader{log: l, p: p, sh: sh}
		g.Go(func() error { return r.run(ctx) })
	}
	return g.Wait()
}

type reader struct {
	log  *Log
	p    Projection
	sh   *shard
	at   es.Checkpoint // of the sink
	read uint64        // the last sequence that arrived
	live uint64        // sequences behind this one are verified
	idle int           // looks since something arrived
}

func (r *reader) run(ctx context.Context) error {
	for try := 0; ; {
		err := r.from(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if _, halt := es.HaltReason(err); halt {
			r.log.metrics.halts.Add(ctx, 1, metric.WithAttributes(attribute.String("projection", r.p.Name)))
			r.log.cfg.Logger.ErrorContext(ctx, "projection halted", slog.String("projection", r.p.Name),
				slog.String("stream", r.sh.name), slog.String("error", err.Error()))
			return fmt.Errorf("projection %s halted: %w", r.p.Name, err)
		}
		if errors.Is(err, es.ErrMoved) {
			try = 0
			continue
		}
		r.log.cfg.Logger.WarnContext(ctx, "projection waits", slog.String("projection", r.p.Name),
			slog.String("stream", r.sh.name), slog.String("error", err.Error()))
		try++
		backoff(ctx, try)
	}
}

// from reads on from the sink's checkpoint.
func (r *reader) from(ctx context.Context) error {
	var err error
	if r.at, err = r.p.Sink.Checkpoint(ctx, r.sh.name, r.sh.epoch); err != nil {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	if r.live, err = r.log.probe(ctx, r.sh, mark{r.at.Seq, r.at.Commit}); err != nil {
		return err
	}
	if r.at.Seq > 0 { // a commit that halted this model must not pass after a restart
		r.live = r.at.Seq
	}
	r.read, r.idle = r.at.Seq, 0
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	arrived := make(chan stored, 2*r.p.BatchSize)
	ended, err := r.log.consume(ctx, r.sh, r.at.Seq+1, arrived)
	if err != nil {
		return err
	}
	return r.apply(ctx, arrived, ended)
}

// pulls are the options of a consumer that is told within two seconds when
// nobody serves it any more: its server may be gone while the connection, to
// another one, is well.
func pulls(messages int) []jetstream.PullConsumeOpt {
	return []jetstream.PullConsumeOpt{
		jetstream.PullMaxMessages(messages), jetstream.PullExpiry(10 * time.Second), jetstream.PullHeartbeat(time.Second),
	}
}

func (r *reader) apply(ctx context.Context, arrived <-chan stored, ended <-chan error) error {
	tick := time.NewTicker(r.p.ProbeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			return err
		case <-r.sh.report.alarm():
			if err := r.sh.report.now(); err != nil {
				return err
			}
		case <-tick.C:
			if len(arrived) > 0 {
				continue
			}
			if err := r.check(ctx); err != nil {
				return err
			}
		case m := <-arrived:
			if err := r.take(ctx, m, arrived); err != nil {
				return err
			}
			tick.Reset(r.p.ProbeEvery)
		}
	}
}

// patience is how many looks in a row may find the stream ahead of a reader to
// which nothing arrives.
const patience = 5

var errNothingArrives = errors.New("the stream is ahead and nothing arrives")

// check looks, while nothing arrives, whether the stream and the sink still
// are what the reader takes them for: a sink that was wiped shows only here.
func (r *reader) check(ctx context.Context) error {
	last, err := r.log.probe(ctx, r.sh, mark{r.at.Seq, r.at.Commit})
	if err != nil {
		return err
	}
	at, err := r.p.Sink.Checkpoint(ctx, r.sh.name, r.sh.epoch)
	if err != nil {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	if at != r.at {
		return es.ErrMoved
	}
	if r.idle++; last > r.at.Seq && r.idle >= patience {
		return errNothingArrives // the replica that the consumer reads may have lost what is next
	}
	return nil
}

// take applies what has arrived. Where another reader of the same model was
// faster, it goes on behind that one.
func (r *reader) take(ctx context.Context, m stored, arrived <-chan stored) error {
	r.idle = 0
	if err := r.log.sound(ctx, r.sh); err != nil {
		return err
	}
	batch, err := r.batch(ctx, m, arrived)
	for err == nil && len(batch) > 0 {
		err = r.write(ctx, batch)
		if !errors.Is(err, es.ErrMoved) {
			return err
		}
		if err = r.overtaken(ctx, err); err == nil {
			batch = after(batch, r.at.Seq)
		}
	}
	return err
}

// overtaken moves to where the sink is, if that is ahead.
func (r *reader) overtaken(ctx context.Context, moved error) error {
	at, err := r.p.Sink.Checkpoint(ctx, r.sh.name, r.sh.epoch)
	if err != nil {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	if at.Seq <= r.at.Seq {
		return moved
	}
	r.at = at
	return nil
}

// after is the part of a batch behind a sequence.
func after(batch []es.Recorded, seq uint64) []es.Recorded {
	for i, rec := range batch {
		if rec.Position.Seq > seq {
			return batch[i:]
		}
	}
	return nil
}

// batch takes what has arrived and was not applied, checks that no sequence is
// missing, and that what is new was signed by an announced key.
func (r *reader) batch(ctx context.Context, m stored, arrived <-chan stored) ([]es.Recorded, error) {
	var out []es.Recorded
	for {
		rec, err := r.sh.decode(m)
		if err != nil {
			return nil, err
		}
		if rec.Position.Seq != r.read+1 {
			return nil, &es.CorruptError{Stream: r.sh.name, Sequence: r.read + 1, Reason: es.CorruptGap}
		}
		r.read = rec.Position.Seq
		if r.read > r.at.Seq {
			if err := r.verify(ctx, rec); err != nil {
				return nil, err
			}
			out = append(out, rec)
		}
		if len(out) == r.p.BatchSize {
			return out, nil
		}
		select {
		case m = <-arrived:
		default:
			return out, nil
		}
	}
}

func (r *reader) verify(ctx context.Context, rec es.Recorded) error {
	if rec.Position.Seq <= r.live {
		return nil
	}
	return r.log.ring.Verify(ctx, rec)
}

func (s *shard) read(m jetstream.Msg) (es.Recorded, error) {
	meta, err := m.Metadata()
	if err != nil {
		return es.Recorded{}, fmt.Errorf("read metadata: %w", err)
	}
	return es.Decode(message(m.Subject(), m.Headers(), m.Data()), s.position(meta.Sequence.Stream), meta.Timestamp)
}

func (r *reader) write(ctx context.Context, batch []es.Recorded) error {
	if batch[0].Position.Seq != r.at.Seq+1 { // no way to go on could make this right
		return &es.CorruptError{Stream: r.sh.name, Sequence: r.at.Seq + 1, Reason: es.CorruptGap}
	}
	ctx, end := r.log.consumed(ctx, r.p.Name, batch)
	defer end()
	if err := r.p.Sink.Apply(ctx, r.at, batch); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	r.at = es.CheckpointAt(batch[len(batch)-1])
	r.log.saw(r.sh, r.at.Seq, r.at.Commit)
	return nil
}

// maxBatchSpans bounds the spans of one batch; a rebuild makes none.
const maxBatchSpans = 16

// consumed starts the consumer spans of a batch, each a child of the append
// that it follows.
func (l *Log) consumed(ctx context.Context, name string, batch []es.Recorded) (context.Context, func()) {
	if len(batch) > maxBatchSpans {
		return ctx, func() {}
	}
	spans := make([]trace.Span, 0, len(batch))
	first := ctx
	for i, rec := range batch {
		c, span := l.startConsumer(ctx, name, rec)
		if i == 0 {
			first = c
		}
		spans = append(spans, span)
	}
	return first, func() {
		for _, s := range spans {
			s.End()
		}
	}
}

func (l *Log) startConsumer(ctx context.Context, name string, rec es.Recorded) (context.Context, trace.Span) {
	parent := propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{es.HeaderTraceparent: rec.Meta.Traceparent})
	return l.cfg.Tracer.Start(parent, "process "+name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("messaging.system", "nats"), attribute.String("messaging.destination.name", rec.Position.Stream),
		attribute.String("messaging.operation.type", "process"), attribute.String("messaging.message.id", rec.ID),
		attribute.Int64("habeas.stream.sequence", int64(rec.Position.Seq))))
}

// Locate is the position, with sequence 0, of the stream that holds an
// aggregate.
func (l *Log) Locate(agg es.Aggregate) (es.Position, error) {
	sh, err := l.shardOf(agg)
	if err != nil {
		return es.Position{}, err
	}
	return sh.position(0), nil
}

// End is the last position of every shard of a context, by stream: what a
// reader has to reach to have seen everything that stands now.
func (l *Log) End(ctx context.Context, domain string) (es.Token, error) {
	t := es.Token{}
	for _, sh := range l.shards[domain] {
		s, err := l.conn.stream(ctx, l.js, sh.name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", sh.name, unavailable(err))
		}
		t[sh.name] = sh.position(s.CachedInfo().State.LastSeq)
	}
	return t, nil
}
