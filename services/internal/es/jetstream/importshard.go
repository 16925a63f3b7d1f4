package jetstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/internal/es"

	"google.golang.org/protobuf/proto"
)

const (
	// importBatch and importBytes bound one atomic batch: enough to spread the
	// cost of a sync, little enough to stay far below the server's limits.
	importBatch = 200
	importBytes = 1 << 20
	// importQueue is how many commits may wait for one shard.
	importQueue = 32
	// flushLimit bounds one batch, retries included; the import can be run
	// again.
	flushLimit = 2 * time.Minute
	flushTries = 5
)

// item is one verified commit and the announcement of the key that signed it.
type item struct {
	rec es.Recorded
	key *logv1.KeyAnnounced
}

// target is one shard of the new installation while it is being filled.
type target struct {
	log *Log
	sh  *shard
	job Installation
	old string // the exported installation
	in  chan item

	existing  func() (stored, error, bool) // what the stream held at the start
	last      uint64                       // sequence of the stream
	whole     bool                         // an earlier run declared the stream whole
	announced map[string]bool

	source          string // the old stream being read
	heads           map[subjectKey]uint64
	batch           batch
	appended, found uint64
}

// subjectKey stands for a subject in less memory.
type subjectKey [16]byte

func keyOf(subject string) subjectKey {
	sum := sha256.Sum256([]byte(subject))
	return subjectKey(sum[:16])
}

// batch is what waits to be published.
type batch struct {
	placed   []placement
	keys     []subjectKey
	subjects map[subjectKey]struct{}
	bytes    int
}

func (im *importer) target(ctx context.Context, sh *shard) (*target, error) {
	info, err := im.log.streamInfo(ctx, sh.name)
	if err != nil {
		return nil, err
	}
	return &target{
		log: im.log, sh: sh, job: im.Installation, old: im.out.Header.Installation, in: make(chan item, importQueue),
		last: info.State.LastSeq, announced: map[string]bool{}, heads: map[subjectKey]uint64{},
		batch: batch{subjects: map[subjectKey]struct{}{}},
	}, nil
}

// run takes commits until there are no more, and then holds nothing else.
func (t *target) run(ctx context.Context) error {
	var stop func()
	t.existing, stop = iter.Pull2(t.log.scan(ctx, t.sh.name, 2, t.last)) // behind genesis
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case it, ok := <-t.in:
			if !ok {
				return t.finish(ctx)
			}
			if err := t.take(ctx, it); err != nil {
				return err
			}
		}
	}
}

func (t *target) finish(ctx context.Context) error {
	if err := t.flush(ctx); err != nil {
		return err
	}
	m, ok, err := t.next(ctx)
	if err != nil {
		return err
	}
	if ok {
		return t.refuse(m.seq, "the stream holds a commit that the archive does not")
	}
	return nil
}

// take finds the commit in the stream, where an earlier run left it, or adds
// it behind everything else.
func (t *target) take(ctx context.Context, it item) error {
	if t.source != it.rec.Position.Stream { // no aggregate is in two streams
		if err := t.flush(ctx); err != nil {
			return err
		}
		t.source, t.heads = it.rec.Position.Stream, map[subjectKey]uint64{}
	}
	m, ok, err := t.next(ctx)
	if err != nil {
		return err
	}
	if !ok {
		return t.add(ctx, it)
	}
	if !sameMessage(message(m.subject, m.header, m.data), it.rec.Message) {
		return t.refuse(m.seq, "the stream holds another commit than the archive")
	}
	t.heads[keyOf(m.subject)] = m.seq
	t.found++
	return nil
}

func sameMessage(a, b es.Message) bool {
	return a.Subject == b.Subject && a.ID == b.ID && maps.Equal(a.Header, b.Header) && bytes.Equal(a.Data, b.Data)
}

func (t *target) refuse(seq uint64, detail string) error {
	return &TargetError{Stream: t.sh.name, Sequence: seq, Detail: detail}
}

// next is the next domain commit that was in the stream at the start. The
// control commits before it are looked at on the way.
func (t *target) next(ctx context.Context) (stored, bool, error) {
	for {
		m, err, ok := t.existing()
		if !ok || err != nil {
			return stored{}, false, err
		}
		rec, err := t.sh.decode(m)
		if err != nil {
			return stored{}, false, err
		}
		if rec.Aggregate.Tenant != es.LogTenant {
			return m, true, nil
		}
		if err := t.control(ctx, rec); err != nil {
			return stored{}, false, err
		}
	}
}

// control examines a control commit: only the log key speaks in a stream that
// is being filled. Whatever else is there, a service has started.
func (t *target) control(ctx context.Context, rec es.Recorded) error {
	if rec.Message.Header[es.HeaderKeyID] != es.KeyID(t.log.cfg.LogKey) {
		return t.refuse(rec.Position.Seq, "a service has used the stream")
	}
	if err := t.log.ring.Verify(ctx, rec); err != nil {
		return err
	}
	for _, ev := range rec.Events {
		var key logv1.KeyAnnounced
		switch {
		case ev.Type == es.TypeImported:
			t.whole = true
		case ev.Type == es.TypeKeyAnnounced && proto.Unmarshal(ev.Data, &key) == nil:
			if key.GetRole() == logv1.KeyRole_KEY_ROLE_INSTANCE {
				t.announced[key.GetKeyId()] = true
			}
		default:
			return t.refuse(rec.Position.Seq, "the stream holds a control commit of another kind")
		}
	}
	return nil
}

// add puts a commit into the batch, behind the announcement of its key.
func (t *target) add(ctx context.Context, it item) error {
	if t.whole {
		return t.refuse(t.last, "the stream was declared whole and lacks a commit of the archive")
	}
	if err := t.announce(ctx, it.key); err != nil {
		return err
	}
	m := it.rec.Message
	size := len(m.Subject) + len(m.Data) + headerBytes
	if len(t.batch.placed) == importBatch || t.batch.bytes+size > importBytes {
		if err := t.flush(ctx); err != nil {
			return err
		}
	}
	key := keyOf(m.Subject)
	_, follows := t.batch.subjects[key]
	t.batch.placed = append(t.batch.placed, placement{msg: m, after: t.heads[key], follows: follows})
	t.batch.keys = append(t.batch.keys, key)
	t.batch.subjects[key] = struct{}{}
	t.batch.bytes += size
	return nil
}

// headerBytes is about what a commit's headers take.
const headerBytes = 512

// announce makes the key of an imported commit known in this shard, before
// the first commit that it signed.
func (t *target) announce(ctx context.Context, key *logv1.KeyAnnounced) error {
	if t.announced[key.GetKeyId()] {
		return nil
	}
	if err := t.flush(ctx); err != nil {
		return err
	}
	commit, err := es.Readmission(t.job.Random, t.log.control(t.sh), key, t.old, t.job.Now)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	rec, err := t.log.Append(ctx, es.Head{}, commit)
	if errors.Is(err, es.ErrConflict) {
		return t.refuse(t.last, "something else writes to the stream")
	}
	if err != nil {
		return fmt.Errorf("announce key: %w", err)
	}
	t.announced[key.GetKeyId()] = true
	return t.stands(rec.Position.Seq, 1)
}

// flush publishes the batch.
func (t *target) flush(ctx context.Context) error {
	n := len(t.batch.placed)
	if n == 0 {
		return nil
	}
	first, err := t.publish(ctx)
	if err != nil {
		return err
	}
	if err := t.stands(first, n); err != nil {
		return err
	}
	for i, key := range t.batch.keys {
		t.heads[key] = first + uint64(i)
	}
	t.appended += uint64(n)
	t.batch = batch{placed: t.batch.placed[:0], keys: t.batch.keys[:0], subjects: map[subjectKey]struct{}{}}
	return nil
}

// publish publishes the batch and returns its first sequence. A replicated
// stream may call it a conflict that something is still on its way; it is one
// only if the stream has grown.
func (t *target) publish(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	agg, err := es.ParseSubject(t.batch.placed[0].msg.Subject)
	if err != nil {
		return 0, err
	}
	for try := 0; ; try++ {
		first, err := t.log.publishBatch(ctx, t.sh, agg, t.batch.placed)
		if !errors.Is(err, es.ErrConflict) {
			return first, err
		}
		info, err := t.log.streamInfo(ctx, t.sh.name)
		if err != nil {
			return 0, err
		}
		if info.State.LastSeq != t.last || try == flushTries || !backoff(ctx, try) {
			return 0, t.refuse(info.State.LastSeq, "something else writes to the stream")
		}
	}
}

// stands notes n messages from a sequence on, which must be the next one.
func (t *target) stands(first uint64, n int) error {
	if first != t.last+1 {
		return t.refuse(first, "something else writes to the stream")
	}
	t.last += uint64(n)
	return nil
}
