package jetstream

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Config is what a Log needs. Every field is required but those with a
// default.
type Config struct {
	Conn     *nats.Conn
	Topology Topology          // Contexts: those that this process reads or writes
	LogKey   ed25519.PublicKey // the log that this process trusts
	Signer   es.Signer         // of this instance; the zero value can read only
	Tracer   trace.Tracer
	Meter    metric.Meter
	Logger   *slog.Logger
	// TryTimeout bounds one try of an append or a read; default 1.5 s.
	TryTimeout time.Duration
}

// Log is the event log of one installation: an es.Store over all shards of
// the contexts that it was opened for. It is safe for concurrent use.
type Log struct {
	cfg     Config
	js      jetstream.JetStream
	conn    *conn
	shards  map[string][]*shard // by context
	ring    *es.KeyRing
	metrics *metrics
	end     context.CancelFunc // of the watch
}

type shard struct {
	context string
	name    string
	epoch   string
	index   int
	config  []byte // as genesis recorded it
	watched
}

const defaultTryTimeout = 1500 * time.Millisecond

// Open binds to the streams of the topology's contexts. It creates nothing:
// a missing stream is ErrMissingStream, a changed one ErrConfiguration, one
// whose genesis another log signed ErrUntrusted, one that waits for the rest
// of an import ErrImportUnfinished, and one with missing messages a
// CorruptError.
//
// As long as it is open, the Log looks at its streams once a second and after
// each reconnect. What it finds is returned by every later use of the stream,
// until it is no longer so.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	l, err := newLog(cfg)
	if err != nil {
		return nil, err
	}
	for _, c := range cfg.Topology.Contexts {
		for k := range cfg.Topology.Shards {
			sh, err := l.bind(ctx, c, k)
			if err != nil {
				return nil, fmt.Errorf("open %s: %w", StreamName(c, k), err)
			}
			l.shards[c] = append(l.shards[c], sh)
		}
	}
	for _, shards := range l.shards {
		for _, sh := range shards {
			if err := l.checkWhole(ctx, sh); err != nil {
				return nil, fmt.Errorf("open %s: %w", sh.name, err)
			}
		}
	}
	watching, end := context.WithCancel(context.WithoutCancel(ctx))
	l.end = end
	go l.watch(watching)
	return l, nil
}

func newLog(cfg Config) (*Log, error) {
	if err := cfg.Topology.Validate(); err != nil {
		return nil, err
	}
	if cfg.TryTimeout == 0 {
		cfg.TryTimeout = defaultTryTimeout
	}
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		return nil, fmt.Errorf("jetstream client: %w", err)
	}
	m, err := newMetrics(cfg.Meter)
	if err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, js: js, conn: newConn(cfg.Conn, cfg.TryTimeout), shards: map[string][]*shard{}, metrics: m, end: func() {}}
	l.ring = es.NewKeyRing(l, cfg.LogKey, cfg.Topology.Shards)
	return l, nil
}

func (l *Log) bind(ctx context.Context, c string, k int) (*shard, error) {
	s, err := l.lookup(ctx, StreamName(c, k))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, es.ErrMissingStream
	}
	if err != nil {
		return nil, unavailable(err)
	}
	info := s.CachedInfo()
	sh := &shard{context: c, name: info.Config.Name, index: k, epoch: info.Config.Metadata[metaEpoch]}
	if sh.config, err = configJSON(info.Config); err != nil {
		return nil, err
	}
	return sh, gapless(ctx, s)
}

// lookup is the stream of that name, or jetstream.ErrStreamNotFound.
func (l *Log) lookup(ctx context.Context, name string) (s jetstream.Stream, err error) {
	err = l.ask(ctx, func(ctx context.Context) error {
		s, err = l.conn.stream(ctx, l.js, name)
		return err
	})
	return s, err
}

// askTries bounds how often a question is asked that nobody answers.
const askTries = 8

// ask asks until there is an answer. A cluster that elects, or makes its
// routes, loses requests; to wait for the answer to a lost one is to wait for
// nothing.
func (l *Log) ask(ctx context.Context, question func(context.Context) error) error {
	for try := 0; ; try++ {
		once, cancel := context.WithTimeout(ctx, 2*l.cfg.TryTimeout)
		err := question(once)
		cancel()
		if err == nil || errors.Is(err, jetstream.ErrStreamNotFound) || !transient(err) || try == askTries || !backoff(ctx, try) {
			return err
		}
	}
}

// checkWhole checks the genesis and, where it names ancestors, that all of
// them have been imported.
func (l *Log) checkWhole(ctx context.Context, sh *shard) error {
	g, err := l.checkGenesis(ctx, sh)
	if err != nil || len(g.GetAncestors()) == 0 {
		return err
	}
	whole, _, err := es.ReadImported(ctx, l, l.ring, l.control(sh), g)
	if err == nil && !whole {
		return ErrImportUnfinished
	}
	return err
}

func (l *Log) checkGenesis(ctx context.Context, sh *shard) (*logv1.Genesis, error) {
	if _, err := l.readable(ctx, sh.name, 1); err != nil {
		return nil, err
	}
	g, err := es.ReadGenesis(ctx, l, l.control(sh), l.cfg.LogKey)
	if err != nil {
		return nil, err
	}
	if g.GetStream() != sh.name || g.GetEpoch() != sh.epoch || int(g.GetShards()) != l.cfg.Topology.Shards {
		return nil, fmt.Errorf("genesis names another stream, epoch or number of shards: %w", es.ErrConfiguration)
	}
	if !bytes.Equal(g.GetConfiguration(), sh.config) {
		return nil, es.ErrConfiguration
	}
	return g, nil
}

func (l *Log) control(sh *shard) es.Control {
	return es.Control{Context: sh.context, Partition: es.ShardPartitions(sh.index, l.cfg.Topology.Shards)[0]}
}

func (l *Log) shardOf(agg es.Aggregate) (*shard, error) {
	if err := agg.Validate(); err != nil {
		return nil, err
	}
	shards, ok := l.shards[agg.Context]
	k := es.Shard(agg.Partition(), l.cfg.Topology.Shards)
	if !ok || k >= len(shards) {
		return nil, fmt.Errorf("context is not open here: %w", es.ErrInvalidAggregate)
	}
	return shards[k], nil
}

// Verifier checks commits against the keys announced in this log.
func (l *Log) Verifier() es.Verifier { return l.ring }

// As is the same log, signing with another key.
func (l *Log) As(signer es.Signer) *Log {
	other := *l
	other.cfg.Signer = signer
	return &other
}

// Streams lists the names of a context's shards, in order.
func (l *Log) Streams(context string) []string {
	var out []string
	for _, sh := range l.shards[context] {
		out = append(out, sh.name)
	}
	return out
}

// Close releases what the log holds; the connection stays its owner's.
func (l *Log) Close() { l.end() }
