package jetstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// WriterConfig is what a Writer needs. Every field is required but TryTimeout.
type WriterConfig struct {
	Conn    *nats.Conn
	Context string
	Shards  int       // as provisioned
	Signer  es.Signer // of this instance
	// Service is the name and Key the long-lived key of the service, by which
	// this instance is announced.
	Service string
	Key     es.Signer
	Random  io.Reader
	Now     time.Time
	// TryTimeout bounds one try; default 1.5 s.
	TryTimeout time.Duration
}

// Writer appends to a context that its user may not read. It does not look at
// the streams: that they are the installation's is known from the contexts that
// the same user reads. It is safe for concurrent use.
//
// Without reading, a lost answer can be resolved only as long as the server
// remembers the message's id, which is two minutes; after that, and whenever
// another commit stands in the way, the caller goes on with a new aggregate.
type Writer struct {
	log *Log
}

// OpenWriter announces the instance in every shard and returns its writer.
func OpenWriter(ctx context.Context, cfg WriterConfig) (*Writer, error) {
	if cfg.TryTimeout == 0 {
		cfg.TryTimeout = defaultTryTimeout
	}
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		return nil, fmt.Errorf("jetstream client: %w", err)
	}
	top := Topology{Contexts: []string{cfg.Context}, Shards: cfg.Shards, Replicas: 1}
	if err := top.Validate(); err != nil {
		return nil, err
	}
	l := &Log{
		cfg: Config{Conn: cfg.Conn, Topology: top, Signer: cfg.Signer, TryTimeout: cfg.TryTimeout},
		js:  js, conn: newConn(cfg.Conn, cfg.TryTimeout), shards: map[string][]*shard{}, end: func() {},
	}
	for k := range cfg.Shards {
		l.shards[cfg.Context] = append(l.shards[cfg.Context], &shard{context: cfg.Context, name: StreamName(cfg.Context, k), index: k})
	}
	w := &Writer{log: l}
	return w, w.announce(ctx, cfg)
}

func (w *Writer) announce(ctx context.Context, cfg WriterConfig) error {
	as := &Writer{log: w.log.As(cfg.Key)}
	for _, sh := range w.log.shards[cfg.Context] {
		c, err := es.Announcement(cfg.Random, w.log.control(sh), logv1.KeyRole_KEY_ROLE_INSTANCE, cfg.Service, cfg.Signer.Public(), cfg.Now)
		if err != nil {
			return err
		}
		if _, err := as.Append(ctx, es.Head{}, c); err != nil {
			return fmt.Errorf("announce instance on %s: %w", sh.name, err)
		}
	}
	return nil
}

// Append adds c behind head. ErrConflict: head is not the last commit.
// ErrUnknownOutcome: no answer in time. After either the aggregate is of no
// more use to a caller who can't read it.
func (w *Writer) Append(ctx context.Context, head es.Head, c es.Commit) (es.Recorded, error) {
	sh, err := w.log.shardOf(c.Aggregate)
	if err != nil {
		return es.Recorded{}, err
	}
	c.Meta.Traceparent = traceparent(ctx)
	m, err := es.Encode(head, c, w.log.cfg.Signer)
	if err != nil {
		return es.Recorded{}, err
	}
	uncertain := false // an earlier try may stand, or may still arrive
	for try := 0; ; try++ {
		ack, err := w.log.once(ctx, sh, head.Seq, m)
		switch {
		case err == nil: // of a repeat, the server gives the first one's sequence
			return es.Record(head, c, m, sh.position(ack.Sequence)), nil
		case isConflict(err) && uncertain:
			return es.Recorded{}, fmt.Errorf("publish to %s: %w", sh.name, es.ErrUnknownOutcome)
		case isConflict(err):
			return es.Recorded{}, es.ErrConflict
		case !uncertain && refused(err):
			return es.Recorded{}, fmt.Errorf("publish to %s: %w", sh.name, err)
		}
		uncertain = true
		if permanent(err) || errors.Is(ctx.Err(), context.Canceled) || !backoff(ctx, try) {
			return es.Recorded{}, fmt.Errorf("publish to %s: %w", sh.name, es.ErrUnknownOutcome)
		}
	}
}
