package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// mark is a commit that is known to stand in a stream.
type mark struct {
	seq uint64 // 0: none
	id  string
}

// watched is what a Log knows of a stream's health.
type watched struct {
	seen   atomic.Pointer[mark] // the last commit that this Log wrote or read
	report finding

	mu     sync.Mutex    // of the look after a reconnect
	looked atomic.Uint64 // the connection's number of reconnects at the last look
}

// finding is what there is to be said against a stream, and who waits for it.
type finding struct {
	mu     sync.Mutex
	err    error
	raised chan struct{} // closed as long as there is a finding
}

func (f *finding) now() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// alarm is closed when there is a finding.
func (f *finding) alarm() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.channel()
}

func (f *finding) channel() chan struct{} {
	if f.raised == nil {
		f.raised = make(chan struct{})
	}
	return f.raised
}

// file notes a finding, or with nil that there is none, and reports whether
// it is the first.
func (f *finding) file(err error) (first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first = err != nil && f.err == nil
	switch {
	case first:
		close(f.channel())
	case err == nil && f.err != nil:
		f.raised = nil
	}
	f.err = err
	return first
}

// saw notes that a commit stands in the stream. What was read since the
// connection came back counts only when the stream was looked at: it may be of
// another history than what was seen before.
func (l *Log) saw(sh *shard, seq uint64, id string) {
	m := &mark{seq, id}
	for sh.looked.Load() == reconnects(l.cfg.Conn) {
		old := sh.seen.Load()
		if old != nil && seq <= old.seq || sh.seen.CompareAndSwap(old, m) {
			return
		}
	}
}

func (w *watched) last() mark {
	if m := w.seen.Load(); m != nil {
		return *m
	}
	return mark{}
}

// watchEvery is how often an open log looks at its streams.
const watchEvery = time.Second

// watch looks at every stream of the log once a second until ctx ends. A
// finding makes every further use of the stream fail with it: nothing is
// decided on a history with holes.
func (l *Log) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, shards := range l.shards {
			for _, sh := range shards {
				l.look(ctx, sh)
			}
		}
	}
}

// look files what there is to be said against a stream. Not reaching it says
// nothing.
func (l *Log) look(ctx context.Context, sh *shard) {
	ctx, cancel := context.WithTimeout(ctx, 2*watchEvery)
	defer cancel()
	now := reconnects(l.cfg.Conn)
	_, err := l.probe(ctx, sh, sh.last())
	reason, halt := es.HaltReason(err)
	if err != nil && !halt {
		return
	}
	sh.looked.Store(now)
	if sh.report.file(err) {
		l.cfg.Logger.ErrorContext(ctx, "stream is damaged or was changed", slog.String("stream", sh.name),
			slog.String("reason", reason), slog.String("error", err.Error()))
	}
}

// sound lets a stream be used unless there is a finding against it. The first
// use after a reconnect looks first: the server may have been restarted, on
// files that are not what they were.
func (l *Log) sound(ctx context.Context, sh *shard) error {
	for try := 0; sh.looked.Load() != reconnects(l.cfg.Conn); try++ {
		if sh.mu.TryLock() {
			l.look(ctx, sh)
			sh.mu.Unlock()
			break
		}
		if !backoff(ctx, try) {
			return fmt.Errorf("wait for a look at %s: %w", sh.name, es.ErrUnavailable)
		}
	}
	return sh.report.now()
}

// soundly reads from a stream that is sound before and, if the connection came
// back meanwhile, after: the answer may be another server's. read reports
// whether its caller wants no more, and no error either.
func (l *Log) soundly(ctx context.Context, sh *shard, read func() (ended bool, err error)) error {
	before := reconnects(l.cfg.Conn)
	if err := l.sound(ctx, sh); err != nil {
		return err
	}
	ended, err := read()
	if err != nil || ended || reconnects(l.cfg.Conn) == before {
		return err
	}
	return l.sound(ctx, sh)
}

// probe checks a stream against what its genesis says and against what the
// reader has seen: configuration unchanged, nothing missing, the last commit
// that was seen still there, and the next one readable. It returns the
// stream's last sequence.
func (l *Log) probe(ctx context.Context, sh *shard, seen mark) (uint64, error) {
	s, err := l.stream(ctx, sh.name)
	if err != nil {
		return 0, err
	}
	live, err := configJSON(s.CachedInfo().Config)
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(live, sh.config) { // said first: it may explain what is missing
		return 0, fmt.Errorf("%s: %w", sh.name, es.ErrConfiguration)
	}
	if err := gapless(ctx, s); err != nil {
		return 0, err
	}
	last := s.CachedInfo().State.LastSeq
	if last < seen.seq { // ask one that can't be a replaced leader
		ask := func() (infoAnswer, error) { return l.conn.proven(ctx, sh.name, "") }
		if last, err = caughtUp(ctx, seen.seq, ask); err != nil {
			return 0, err
		}
		if last < seen.seq {
			return 0, &es.CorruptError{Stream: sh.name, Sequence: last + 1, Reason: es.CorruptBehind}
		}
	}
	if err := l.same(ctx, sh.name, seen); err != nil || seen.seq == last {
		return last, err
	}
	_, err = l.readable(ctx, sh.name, seen.seq+1)
	return last, err
}

// lagTries is how often a leader is asked again, within a second and a half,
// that has less than was seen.
const lagTries = 6

// caughtUp is how far a stream reaches by its leader, who gets some time to reach
// what was seen. What a majority holds a follower may write to its disk, and
// deliver, before the leader has done so.
func caughtUp(ctx context.Context, seen uint64, ask func() (infoAnswer, error)) (uint64, error) {
	for try := 0; ; try++ {
		a, err := ask()
		if err != nil {
			return 0, err
		}
		if a.State.LastSeq >= seen || len(a.Cluster.Replicas) == 0 || try == lagTries {
			return a.State.LastSeq, nil
		}
		if !backoff(ctx, settleTry+try) {
			return 0, fmt.Errorf("wait for a leader that lags: %w", es.ErrUnavailable)
		}
	}
}

// same checks that a commit that was seen is the one that stands there. In a
// log that was restored from an older copy, and written to since, it is not.
func (l *Log) same(ctx context.Context, name string, seen mark) error {
	if seen.seq == 0 {
		return nil
	}
	m, err := l.readable(ctx, name, seen.seq)
	if err != nil {
		return err
	}
	if m.header.Get(nats.MsgIdHdr) != seen.id {
		return &es.CorruptError{Stream: name, Sequence: seen.seq, Subject: m.subject, Reason: es.CorruptDiffers}
	}
	return nil
}

// holes names what is missing in a stream whose leader just said that
// something is. If another leads by now that has all, asking again helps.
func (l *Log) holes(ctx context.Context, sh *shard) error {
	s, err := l.stream(ctx, sh.name)
	if err == nil {
		err = gapless(ctx, s)
	}
	if err == nil {
		err = fmt.Errorf("%s: leader has holes: %w", sh.name, es.ErrUnavailable)
	}
	return err
}

// stream looks a stream up. One that is not there is reported by name.
func (l *Log) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	var s jetstream.Stream
	gone, err := insist(ctx, func() (bool, error) {
		var err error
		s, err = l.conn.stream(ctx, l.js, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return true, nil
		}
		return false, err
	})
	if gone {
		return nil, fmt.Errorf("%s: %w", name, es.ErrMissingStream)
	}
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", name, unavailable(err))
	}
	return s, nil
}

// contiguous reports a stream whose state shows that messages are gone.
func contiguous(name string, s jetstream.StreamState) error {
	if s.Msgs == 0 && s.LastSeq == 0 {
		return nil
	}
	if s.FirstSeq != 1 || s.NumDeleted != 0 || s.Msgs != s.LastSeq {
		return &es.CorruptError{Stream: name, Sequence: 1, Reason: es.CorruptMissing}
	}
	return nil
}

// gapless is contiguous, with the first message that is missing.
func gapless(ctx context.Context, s jetstream.Stream) error {
	info := s.CachedInfo()
	err := contiguous(info.Config.Name, info.State)
	var missing *es.CorruptError
	if !errors.As(err, &missing) || info.State.FirstSeq != 1 {
		return err
	}
	if info, err := s.Info(ctx, jetstream.WithDeletedDetails(true)); err == nil && len(info.State.Deleted) > 0 {
		missing.Sequence = info.State.Deleted[0]
	}
	return missing
}

// readable reads a message that the server counts. It may count one that its
// disk has lost, and deliver it to nobody.
func (l *Log) readable(ctx context.Context, name string, seq uint64) (stored, error) {
	var m stored
	lost, err := insist(ctx, func() (bool, error) {
		var ok bool
		var err error
		m, ok, err = l.conn.leaderGet(ctx, name, map[string]any{"seq": seq})
		return !ok, err
	})
	if lost {
		return m, &es.CorruptError{Stream: name, Sequence: seq, Reason: es.CorruptGap}
	}
	return m, err
}

// insistTimes is how often something wrong is looked at again, within half a
// second, before it is believed.
const insistTimes = 3

// insist reports what check finds wrong if it stays so: a server that was
// frozen and does not know yet that it was replaced, and one that just starts,
// answer for some milliseconds from what they knew.
func insist(ctx context.Context, check func() (wrong bool, err error)) (bool, error) {
	for try := 0; ; try++ {
		wrong, err := check()
		if err != nil || !wrong || try == insistTimes {
			return wrong && err == nil, err
		}
		if !backoff(ctx, settleTry+try) {
			return false, fmt.Errorf("look again: %w", es.ErrUnavailable)
		}
	}
}

// reconnects is how often the connection came back.
func reconnects(nc *nats.Conn) uint64 { return nc.Stats().Reconnects }
