package jetstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/archive"

	"github.com/nats-io/nats.go/jetstream"
)

// ExportConfig says how an installation is exported.
type ExportConfig struct {
	// LogKey signs the file; the zero value leaves it unsigned.
	LogKey es.Signer
	// SkipSignatures trusts the store: chains and signatures are left to the
	// import, which never leaves them out.
	SkipSignatures bool
	Now            time.Time
	// Progress is told now and then how far the work has come; nil is quiet.
	Progress func(Progress)
}

// Progress is how far an export, an import or a check has come.
type Progress struct {
	Step   string // what is being done, such as "verify"
	Stream string
	Done   uint64 // messages of the stream so far
	Of     uint64
}

// Exported is what an export wrote.
type Exported struct {
	Header  archive.Header
	Trailer archive.Trailer
	// Moved are log streams that have grown meanwhile: services were running,
	// and the file is a copy of the past, not one to move with.
	Moved []string
	// Parked is how many messages were parked. Park records name places in
	// this installation and stay behind: replay them before moving.
	Parked int
}

// Export writes the whole installation as it stands at the start: first every
// log stream is read through to its end, which proves it contiguous and gives
// its digest, then everything is written. Of the mutable streams the vault's
// and the suppression set's present rows are written; timers are re-created by
// the daily sweep, and park records belong to this installation's places.
//
// The log must have been opened for all contexts. The services should be
// stopped: rows are read after the log, so a key that is destroyed meanwhile is
// missing from the file although its destruction is not in it.
func (l *Log) Export(ctx context.Context, w io.Writer, e ExportConfig) (Exported, error) {
	if err := l.ownsEveryStream(ctx); err != nil {
		return Exported{}, fmt.Errorf("export: %w", err)
	}
	h, err := l.survey(ctx, e)
	if err != nil {
		return Exported{}, fmt.Errorf("export: %w", err)
	}
	out := Exported{Header: h}
	if out.Trailer, err = l.write(ctx, w, e, h); err != nil {
		return out, fmt.Errorf("export: %w", err)
	}
	if out.Moved, err = l.moved(ctx, h); err != nil {
		return out, fmt.Errorf("export: %w", err)
	}
	parked, err := l.Parked(ctx)
	out.Parked = len(parked)
	return out, err
}

// ownsEveryStream refuses a log that was opened for some contexts only.
func (l *Log) ownsEveryStream(ctx context.Context) error {
	expected := map[string]bool{}
	for _, sh := range l.all() {
		expected[sh.name] = true
	}
	for _, c := range mutableConfigs(l.cfg.Topology, func() map[string]string { return nil }) {
		expected[c.Name] = true
	}
	names := l.js.StreamNames(ctx)
	for name := range names.Name() {
		if strings.HasPrefix(name, streamRoot) && !expected[name] {
			return fmt.Errorf("%s is not of the topology that was given: %w", name, es.ErrConfiguration)
		}
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("list streams: %w: %w", es.ErrUnavailable, err)
	}
	return nil
}

// all lists the shards, context by context in the topology's order.
func (l *Log) all() []*shard {
	var out []*shard
	for _, c := range l.cfg.Topology.Contexts {
		out = append(out, l.shards[c]...)
	}
	return out
}

// survey makes the header: it reads all streams through.
func (l *Log) survey(ctx context.Context, e ExportConfig) (archive.Header, error) {
	top := l.cfg.Topology
	h := archive.Header{
		Contexts: top.Contexts, Shards: top.Shards, Replicas: top.Replicas,
		LogKey: l.cfg.LogKey, Created: e.Now.UTC(),
	}
	for _, c := range rowStreams(top) {
		h.Rows = append(h.Rows, c.Name)
	}
	for _, c := range top.Contexts {
		if err := l.states(ctx, c, &h); err != nil {
			return h, err
		}
	}
	check, err := archive.NewChecker(h, l.cfg.LogKey)
	if err != nil {
		return h, err
	}
	if e.SkipSignatures {
		check = nil
	}
	for i := range h.Streams {
		if h.Streams[i].Digest, err = l.readThrough(ctx, h, i, check, e.Progress); err != nil {
			return h, err
		}
	}
	return h, nil
}

// states adds where the streams of a context stand.
func (l *Log) states(ctx context.Context, domain string, h *archive.Header) error {
	ends, err := l.ends(ctx, domain, nil)
	if err != nil {
		return err
	}
	for i, sh := range l.shards[domain] {
		info, err := l.streamInfo(ctx, sh.name)
		if err != nil {
			return err
		}
		if err := contiguous(sh.name, info.State); err != nil {
			return err
		}
		h.Installation = info.Config.Metadata[metaInstallation]
		h.Streams = append(h.Streams, archive.Stream{
			Name: sh.name, Context: sh.context, Shard: sh.index, Epoch: sh.epoch, Configuration: sh.config, LastSequence: ends[i],
		})
	}
	return nil
}

func (l *Log) streamInfo(ctx context.Context, name string) (*jetstream.StreamInfo, error) {
	s, err := l.lookup(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("look up %s: %w", name, es.ErrMissingStream)
	}
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w: %w", name, es.ErrUnavailable, err)
	}
	return s.CachedInfo(), nil
}

// readThrough checks one stream and returns its chain digest.
func (l *Log) readThrough(ctx context.Context, h archive.Header, i int, check *archive.Checker, progress func(Progress)) ([]byte, error) {
	s := h.Streams[i]
	chain := archive.NewChain(h.Installation, s.Name, s.Epoch)
	for m, err := range l.archived(ctx, i, s) {
		if err != nil {
			return nil, err
		}
		chain.Add(m)
		report(progress, "verify", s.Name, m.Seq, s.LastSequence)
		if check == nil {
			continue
		}
		if _, err := check.Check(ctx, m); err != nil {
			return nil, err
		}
	}
	return chain.Digest(), nil
}

// archived yields a stream's messages in the form of the file.
func (l *Log) archived(ctx context.Context, i int, s archive.Stream) iter.Seq2[archive.Message, error] {
	return func(yield func(archive.Message, error) bool) {
		for m, err := range l.scan(ctx, s.Name, 1, s.LastSequence) {
			a := archive.Message{Stream: i, Seq: m.seq, Stored: m.time, Message: message(m.subject, m.header, m.data)}
			if !yield(a, err) || err != nil {
				return
			}
		}
	}
}

// scan yields a log stream's messages from a sequence to another. A sequence
// that is missing is a CorruptError.
func (l *Log) scan(ctx context.Context, stream string, from, to uint64) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		for next := from; next <= to; {
			msgs, err := l.some(ctx, stream, next)
			if err != nil {
				yield(stored{}, err)
				return
			}
			for _, m := range msgs {
				if m.seq != next {
					yield(stored{}, &es.CorruptError{Stream: stream, Sequence: next, Reason: es.CorruptGap})
					return
				}
				if !yield(m, nil) || next == to {
					return
				}
				next++
			}
		}
	}
}

// some is a page of messages from a sequence on which the leader has. A
// replica that lags has none; then the leader gives one.
func (l *Log) some(ctx context.Context, stream string, from uint64) ([]stored, error) {
	for try := 0; ; try++ {
		msgs, _, err := l.conn.page(ctx, stream, ">", from, try)
		if err == nil && len(msgs) > 0 {
			return msgs, nil
		}
		if err != nil {
			if !transient(err) || !backoff(ctx, try) {
				return nil, fmt.Errorf("read %s: %w: %w", stream, es.ErrUnavailable, err)
			}
			continue
		}
		m, ok, err := l.conn.leaderGet(ctx, stream, map[string]any{"seq": from, "next_by_subj": ">"})
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, &es.CorruptError{Stream: stream, Sequence: from, Reason: es.CorruptMissing}
		}
		return []stored{m}, nil
	}
}

func (l *Log) write(ctx context.Context, w io.Writer, e ExportConfig, h archive.Header) (archive.Trailer, error) {
	out, err := archive.NewWriter(w, h)
	if err != nil {
		return archive.Trailer{}, err
	}
	for i, s := range h.Streams {
		for m, err := range l.archived(ctx, i, s) {
			if err != nil {
				return archive.Trailer{}, err
			}
			if err := out.Message(m); err != nil {
				return archive.Trailer{}, err
			}
			report(e.Progress, "write", s.Name, m.Seq, s.LastSequence)
		}
	}
	for i, name := range h.Rows {
		for row, err := range l.rows(ctx, i, name, e.Progress) {
			if err != nil {
				return archive.Trailer{}, err
			}
			if err := out.Row(row); err != nil {
				return archive.Trailer{}, err
			}
		}
	}
	return out.Finish(e.LogKey)
}

// moved lists the log streams that hold more than the file does.
func (l *Log) moved(ctx context.Context, h archive.Header) ([]string, error) {
	var out []string
	for _, s := range h.Streams {
		info, err := l.streamInfo(ctx, s.Name)
		if err != nil {
			return nil, err
		}
		if info.State.LastSeq != s.LastSequence {
			out = append(out, s.Name)
		}
	}
	return out, nil
}

// reportEvery is how many messages pass between two reports.
const reportEvery = 1000

func report(progress func(Progress), step, stream string, done, of uint64) {
	if progress != nil && (done%reportEvery == 0 || done == of) {
		progress(Progress{Step: step, Stream: stream, Done: done, Of: of})
	}
}
