package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
)

// AppendBatch publishes the commits as one atomic batch (ADR-50): all become
// visible together or none does. They belong to different aggregates of one
// shard. A lost answer is resolved by the first commit's place.
func (l *Log) AppendBatch(ctx context.Context, batch []es.Pending) ([]es.Recorded, error) {
	batch, parent := slices.Clone(batch), traceparent(ctx)
	for i := range batch {
		batch[i].Commit.Meta.Traceparent = parent
	}
	sh, msgs, err := l.encodeBatch(batch)
	if err != nil {
		return nil, err
	}
	placed := make([]placement, len(batch))
	for i, p := range batch {
		placed[i] = placement{msg: msgs[i], after: p.Head.Seq}
	}
	ctx, cancel := context.WithTimeout(ctx, appendLimit)
	defer cancel()
	first, err := l.publishBatch(ctx, sh, batch[0].Commit.Aggregate, placed)
	if err != nil {
		return nil, err
	}
	out := make([]es.Recorded, len(batch))
	for i, p := range batch {
		out[i] = es.Record(p.Head, p.Commit, msgs[i], sh.position(first+uint64(i)))
	}
	return out, nil
}

// placement is a message and the last sequence of its aggregate before it.
type placement struct {
	msg   es.Message
	after uint64
	// follows: a message before it in the batch is of the same aggregate. That
	// one carries the expectation for both; the server takes one a subject.
	follows bool
}

// publishBatch publishes encoded messages, the first one agg's, and returns
// the sequence of the first; the others come right behind it.
func (l *Log) publishBatch(ctx context.Context, sh *shard, agg es.Aggregate, batch []placement) (uint64, error) {
	if err := l.sound(ctx, sh); err != nil {
		return 0, err
	}
	uncertain := false // an earlier try may stand, or may still arrive
	for try := 0; ; try++ {
		last, err := l.batchOnce(ctx, sh, batch)
		if err == nil {
			l.saw(sh, last, batch[len(batch)-1].msg.ID)
			return last - uint64(len(batch)) + 1, nil
		}
		next, found, readErr := l.successor(ctx, sh, agg, batch[0].after)
		switch {
		case readErr == nil && found && next.header.Get(nats.MsgIdHdr) == batch[0].msg.ID:
			return next.seq, nil
		case readErr == nil && (found || (moved(err) && !uncertain)):
			return 0, es.ErrConflict
		case !uncertain && refused(err):
			return 0, fmt.Errorf("publish batch to %s: %w", sh.name, err)
		}
		uncertain = uncertain || !isConflict(err)
		if permanent(err) || !backoff(ctx, try) {
			return 0, fmt.Errorf("publish batch to %s: %w", sh.name, es.ErrUnknownOutcome)
		}
	}
}

func (l *Log) encodeBatch(batch []es.Pending) (*shard, []es.Message, error) {
	if len(batch) == 0 || len(batch) > es.MaxBatch {
		return nil, nil, fmt.Errorf("batch of %d commits: %w", len(batch), es.ErrTooLarge)
	}
	sh, err := l.shardOf(batch[0].Commit.Aggregate)
	if err != nil {
		return nil, nil, err
	}
	seen := make(map[string]bool, len(batch))
	msgs := make([]es.Message, len(batch))
	for i, p := range batch {
		if msgs[i], err = es.Encode(p.Head, p.Commit, l.cfg.Signer); err != nil {
			return nil, nil, err
		}
		l.ring.Own(p.Commit.Aggregate, msgs[i])
		other, err := l.shardOf(p.Commit.Aggregate)
		if err != nil {
			return nil, nil, err
		}
		if other != sh || seen[msgs[i].Subject] {
			return nil, nil, fmt.Errorf("batch spans shards or repeats an aggregate: %w", es.ErrInvalidAggregate)
		}
		seen[msgs[i].Subject] = true
	}
	return sh, msgs, nil
}

// batchAnswer is a publish acknowledgement in the server's own form.
type batchAnswer struct {
	Error *struct {
		Code        int    `json:"code"`
		ErrCode     int    `json:"err_code"`
		Description string `json:"description"`
	} `json:"error"`
	Sequence uint64 `json:"seq"`
	Count    int    `json:"count"`
}

func (l *Log) batchOnce(ctx context.Context, sh *shard, batch []placement) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*l.cfg.TryTimeout)
	defer cancel()
	id := nats.NewInbox()[len("_INBOX."):]
	for i, p := range batch {
		msg := p.message(sh)
		msg.Header.Set("Nats-Batch-Id", id)
		msg.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		if i < len(batch)-1 && i > 0 {
			if err := l.conn.nc.PublishMsg(msg); err != nil {
				return 0, fmt.Errorf("publish batch: %w", err)
			}
			continue
		}
		if i == len(batch)-1 {
			msg.Header.Set("Nats-Batch-Commit", "1")
		}
		reply, err := l.conn.nc.RequestMsgWithContext(ctx, msg)
		if err != nil {
			return 0, fmt.Errorf("publish batch: %w", err)
		}
		seq, err := batchSequence(reply.Data, i == len(batch)-1)
		if err != nil || i == len(batch)-1 {
			return seq, err
		}
	}
	return 0, nil
}

func (p placement) message(sh *shard) *nats.Msg {
	msg := &nats.Msg{Subject: p.msg.Subject, Data: p.msg.Data, Header: nats.Header{}}
	for k, v := range p.msg.Header {
		msg.Header[k] = []string{v}
	}
	msg.Header.Set(nats.MsgIdHdr, p.msg.ID)
	msg.Header.Set(nats.ExpectedStreamHdr, sh.name)
	if !p.follows {
		msg.Header.Set(nats.ExpectedLastSubjSeqHdr, strconv.FormatUint(p.after, 10))
	}
	return msg
}

// batchSequence reads the answer to a batch's first or last message; the
// first is answered with nothing when the batch was opened.
func batchSequence(data []byte, last bool) (uint64, error) {
	if len(data) == 0 && !last {
		return 0, nil
	}
	var a batchAnswer
	if err := json.Unmarshal(data, &a); err != nil {
		return 0, fmt.Errorf("decode batch answer: %w", err)
	}
	if a.Error != nil {
		return 0, newAPIError(a.Error.Code, a.Error.ErrCode)
	}
	return a.Sequence, nil
}
