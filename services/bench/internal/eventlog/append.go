package eventlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"habeas.internal/services/bench/internal/host"
	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/internal/es"
)

// Names of the append section's variants.
const (
	RawFile     = "raw append + fdatasync"
	Append1     = "es.Store append, 1 stream"
	Append4     = "es.Store append, 4 shards"
	JetStream1  = "JetStream publish, 1 stream"
	JetStream4  = "JetStream publish, 4 streams"
	PostgresAdd = "PostgreSQL insert"
)

// AppendSection is the section of durable appends with optimistic concurrency.
func AppendSection(ctx context.Context, in Settings) (*Section, error) {
	s := &Section{
		Name: "append", Title: "Durable append of one event with optimistic concurrency", Base: Base{RawFile, 1},
		Notes: []string{
			"Every acknowledged append is on disk. Each caller walks over its own " + fmt.Sprint(in.Working) + " aggregates and knows their heads.",
			"raw append + fdatasync: 400 bytes written at the end of a file and synced, one writer; its points are spread over the round.",
			fmt.Sprintf("es.Store: `Log.Append` of a commit with one event of %d bytes, hashed, chained and signed; the answer decoded; telemetry off. %d connections for 16 and 64 callers, as %d replicas of a service have; one connection for one caller.", eventBytes, connections, connections),
			"JetStream: nats.go's `PublishMsg` of 300 bytes with `Nats-Expected-Last-Subject-Sequence`, the same server and number of connections, none of our code.",
			"PostgreSQL: `insert` into `(stream_id text, version int, type text, data jsonb, unique (stream_id, version))` by pgx, one connection a caller; it syncs several callers' commits at once.",
		},
	}
	for _, add := range []func(context.Context, *Section, Settings) error{AddRawFile, addLogs, addInserts} {
		if err := add(ctx, s, in); err != nil {
			return s, err
		}
	}
	s.SpreadBase()
	return s, nil
}

// SpreadBase repeats the base in the middle and at the end of the round: all
// ratios hang on it, and a disk is not equally fast all the time.
func (s *Section) SpreadBase() {
	base, others := s.Variants[0], s.Variants[1:]
	half := len(others) / 2
	spread := append([]measure.Variant{base}, others[:half]...)
	spread = append(append(spread, base), others[half:]...)
	s.Variants = append(spread, base)
}

const rawBytes = 400

// AddRawFile adds the base of durable writes.
func AddRawFile(_ context.Context, s *Section, in Settings) error {
	file, err := os.Create(filepath.Join(in.Dir, "raw"))
	if err != nil {
		return fmt.Errorf("create raw file: %w", err)
	}
	s.closing(file.Close)
	block, end := make([]byte, rawBytes), int64(0)
	s.Variants = append(s.Variants, measure.Variant{Name: RawFile, Callers: 1, Op: func(context.Context, int) error {
		if _, err := file.WriteAt(block, end); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		end += rawBytes
		return host.Datasync(file)
	}})
	return nil
}

// addLogs adds our store and JetStream alone, each with one stream and with
// four, on one server for each number of streams.
func addLogs(ctx context.Context, s *Section, in Settings) error {
	for _, kind := range []struct {
		streams       int
		callers       []int
		ours, without string
	}{
		{1, []int{1, 16, most}, Append1, JetStream1},
		{4, []int{16, most}, Append4, JetStream4},
	} {
		server, err := s.startNATS(ctx, in, fmt.Sprint(kind.streams))
		if err != nil {
			return err
		}
		own, err := s.install(ctx, server, kind.streams)
		if err != nil {
			return err
		}
		ours, err := newAppender(own, in.Working)
		if err != nil {
			return err
		}
		without, err := newPublisher(ctx, s, server, kind.streams, in.Working)
		if err != nil {
			return err
		}
		for _, n := range kind.callers {
			s.Variants = append(s.Variants,
				measure.Variant{Name: kind.ours, Callers: n, Op: ours.append, CPU: server.CPU},
				measure.Variant{Name: kind.without, Callers: n, Op: without.publish, CPU: server.CPU})
		}
	}
	return nil
}

// appender appends through es.Store.
type appender struct {
	log   *installation
	walks [most]walk
}

// walk is one caller's way over its aggregates.
type walk struct {
	aggregates []es.Aggregate
	heads      []es.Head
	next       int
}

func newAppender(log *installation, working int) (*appender, error) {
	a := &appender{log: log}
	for c := range a.walks {
		w := walk{aggregates: make([]es.Aggregate, working), heads: make([]es.Head, working)}
		for i := range w.aggregates {
			var err error
			if w.aggregates[i], err = newAggregate(); err != nil {
				return nil, err
			}
		}
		a.walks[c] = w
	}
	return a, nil
}

func (a *appender) append(ctx context.Context, caller int) error {
	w := &a.walks[caller]
	i := w.next
	w.next = (i + 1) % len(w.aggregates)
	c, err := newCommit(w.aggregates[i])
	if err != nil {
		return err
	}
	r, err := a.log.log(caller).Append(ctx, w.heads[i], c)
	if err != nil {
		return err
	}
	w.heads[i], err = w.heads[i].Next(r)
	return err
}
