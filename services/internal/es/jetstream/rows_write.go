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
// first revision after the expected one tells whose write came through.
func (r *Rows) Put(ctx context.Context, subject string, value []byte, expect uint64) (uint64, error) {
	stream, err := r.stream(subject)
	if err != nil {
		return 0, err
	}
	id, err := es.NewID(rand.Reader)
	if err != nil {
		return 0, err
	}
	m := &nats.Msg{Subject: subject, Data: value, Header: nats.Header{nats.MsgIdHdr: []string{id}}}
	rev, err := r.write(ctx, stream, m, expect)
	if err != nil || expect == 0 {
		return rev, err
	}
	if err := r.destroyOlder(ctx, stream, subject, rev); err != nil {
		return rev, fmt.Errorf("destroy replaced revision: %w", err)
	}
	return rev, nil
}

func (r *Rows) write(ctx context.Context, stream string, m *nats.Msg, expect uint64) (uint64, error) {
	for try := 0; ; try++ {
		ack, err := r.publish(ctx, stream, m, expect)
		if err == nil && !ack.Duplicate {
			return ack.Sequence, nil
		}
		if err != nil && permanent(err) {
			return 0, fmt.Errorf("write row: %w", err)
		}
		next, found, readErr := r.successor(ctx, stream, m.Subject, expect)
		switch {
		case readErr == nil && found && next.header.Get(nats.MsgIdHdr) == m.Header.Get(nats.MsgIdHdr):
			return next.seq, nil
		case readErr == nil && found, try == 0 && isConflict(err):
			return 0, rows.ErrConflict
		case readErr == nil && (err == nil || isConflict(err) && !inFlight(err)):
			return 0, rows.ErrConflict // what stood at expect is gone, or ours came through and is gone
		}
		if !backoff(ctx, try) {
			return 0, fmt.Errorf("write row: %w", es.ErrUnknownOutcome)
		}
	}
}

func (r *Rows) publish(ctx context.Context, stream string, m *nats.Msg, expect uint64) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.TryTimeout)
	defer cancel()
	// The client adds the expectation to the header it is given.
	fresh := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{nats.MsgIdHdr: m.Header[nats.MsgIdHdr]}}
	return r.js.PublishMsg(ctx, fresh, jetstream.WithExpectStream(stream),
		jetstream.WithExpectLastSequencePerSubject(expect), jetstream.WithRetryAttempts(0))
}

// successor is a row's first revision after the expected one.
func (r *Rows) successor(ctx context.Context, stream, subject string, expect uint64) (stored, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*r.cfg.TryTimeout)
	defer cancel()
	return r.next(ctx, stream, subject, expect+1)
}

// inFlight: the conflict is with a write that is still under way, which may be
// an earlier try of the same.
func inFlight(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant
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
