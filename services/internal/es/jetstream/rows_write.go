package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/rows"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Put is part of rows.Store. When the answer is lost, late or ambiguous, the
// first revision after the expected one tells whose write came through. A
// conflict with a write that is still under way (10164) says nothing yet: it
// is tried again until the other is decided.
func (r *Rows) Put(ctx context.Context, subject string, value []byte, expect uint64) (uint64, error) {
	stream, err := r.stream(subject)
	if err != nil {
		return 0, err
	}
	rev, err := r.write(ctx, stream, rows.Row{Subject: subject, Value: value, Rev: expect})
	if err != nil || expect == 0 {
		return rev, err
	}
	if err := r.destroyOlder(ctx, stream, subject, rev); err != nil {
		return rev, fmt.Errorf("destroy replaced revision: %w", err)
	}
	return rev, nil
}

// write tries until the outcome is known. An id stands for all tries of which
// one may have come through.
func (r *Rows) write(ctx context.Context, stream string, row rows.Row) (uint64, error) {
	id, uncertain := "", false
	for try := 0; ; try++ {
		if !uncertain {
			var err error
			if id, err = es.NewID(rand.Reader); err != nil {
				return 0, err
			}
		}
		ack, err := r.publish(ctx, stream, id, row)
		switch {
		case err == nil && !ack.Duplicate:
			return ack.Sequence, nil
		case err != nil && permanent(err):
			return 0, fmt.Errorf("write row: %w", err)
		case moved(err) && !uncertain:
			return 0, rows.ErrConflict
		case !isConflict(err):
			uncertain = true
		}
		if uncertain {
			rev, err := r.resolve(ctx, stream, id, row, err)
			if !errors.Is(err, errUndecided) {
				return rev, err
			}
		}
		if !backoff(ctx, try) {
			return 0, fmt.Errorf("write row: %w", es.ErrUnknownOutcome)
		}
	}
}

// errUndecided: it can't be said yet whether the write came through.
var errUndecided = errors.New("outcome of the write is open")

// resolve looks for a write of which a try got the answer last, or none.
func (r *Rows) resolve(ctx context.Context, stream, id string, row rows.Row, last error) (uint64, error) {
	next, found, err := r.successor(ctx, stream, row.Subject, row.Rev)
	switch {
	case err != nil:
		return 0, errUndecided
	case found && next.header.Get(nats.MsgIdHdr) == id:
		return next.seq, nil
	case found:
		return 0, rows.ErrConflict
	case last == nil, moved(last):
		return 0, rows.ErrConflict // ours came through and is gone, or what stood before is
	}
	return 0, errUndecided
}

func (r *Rows) publish(ctx context.Context, stream, id string, row rows.Row) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.TryTimeout)
	defer cancel()
	m := &nats.Msg{Subject: row.Subject, Data: row.Value, Header: nats.Header{}}
	return r.conn.publish(ctx, r.js, m, jetstream.WithMsgID(id), jetstream.WithExpectStream(stream),
		jetstream.WithExpectLastSequencePerSubject(row.Rev), jetstream.WithRetryAttempts(0))
}

// successor is a row's first revision after the expected one.
func (r *Rows) successor(ctx context.Context, stream, subject string, expect uint64) (stored, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*r.cfg.TryTimeout)
	defer cancel()
	return r.next(ctx, stream, subject, expect+1)
}

// Delete is part of rows.Store.
func (r *Rows) Delete(ctx context.Context, subject string, rev uint64) error {
	stream, err := r.stream(subject)
	if err != nil {
		return err
	}
	last, found, err := r.last(ctx, stream, subject)
	if err != nil || !found {
		return err
	}
	// Older revisions go first: they would stand again without the newer.
	if err := r.destroyOlder(ctx, stream, subject, last.seq); err != nil {
		return err
	}
	if last.seq != rev {
		return rows.ErrConflict
	}
	if err := r.destroy(ctx, stream, rev); err != nil {
		return err
	}
	_, replaced, err := r.last(ctx, stream, subject)
	if err == nil && replaced {
		err = rows.ErrConflict
	}
	return err
}

// destroyOlder destroys every revision of a row before rev.
func (r *Rows) destroyOlder(ctx context.Context, stream, subject string, rev uint64) error {
	for from := uint64(1); ; {
		m, found, err := r.next(ctx, stream, subject, from)
		if err != nil || !found || m.seq >= rev {
			return err
		}
		if err := r.destroy(ctx, stream, m.seq); err != nil {
			return err
		}
		from = m.seq + 1
	}
}

// destroyTries bounds how often a server is asked that refuses.
const destroyTries = 8

// destroy overwrites one message and does not return nil before the leader
// says that it is not there.
func (r *Rows) destroy(ctx context.Context, stream string, seq uint64) error {
	for try := 0; ; try++ {
		var answer struct {
			Error *apiError `json:"error"`
		}
		// Without no_erase the server overwrites the message's bytes.
		err := r.conn.api(ctx, "STREAM.MSG.DELETE."+stream, map[string]any{"seq": seq}, &answer)
		if err != nil {
			return fmt.Errorf("destroy message: %w", err)
		}
		_, found, err := r.read(ctx, stream, map[string]any{"seq": seq})
		if err != nil {
			return fmt.Errorf("look for destroyed message: %w", err)
		}
		if !found {
			return nil
		}
		if try == destroyTries || !backoff(ctx, try) {
			return fmt.Errorf("message %d of %s is not destroyed: %w", seq, stream, es.ErrUnavailable)
		}
	}
}
