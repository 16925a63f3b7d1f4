package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
)

// AppendBatch publishes the commits as one atomic batch (ADR-50): all become
// visible together or none does. They belong to different aggregates of one
// shard. A lost answer is resolved by the first commit's place.
func (l *Log) AppendBatch(ctx context.Context, batch []es.Pending) ([]es.Recorded, error) {
	sh, msgs, err := l.encodeBatch(ctx, batch)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		last, err := l.batchOnce(ctx, sh, batch, msgs)
		if err == nil {
			return sh.recorded(msgs, last-uint64(len(msgs))+1)
		}
		agg := batch[0].Commit.Aggregate
		next, found, readErr := l.successor(ctx, sh, agg, batch[0].Head.Seq)
		switch {
		case readErr == nil && found && next.header.Get(nats.MsgIdHdr) == msgs[0].ID:
			return sh.recorded(msgs, next.seq)
		case readErr == nil && (found || isConflict(err)):
			return nil, es.ErrConflict
		case permanent(err):
			return nil, fmt.Errorf("publish batch to %s: %w", sh.name, err)
		case !backoff(ctx, try):
			return nil, fmt.Errorf("publish batch to %s: %w", sh.name, es.ErrUnknownOutcome)
		}
	}
}

func (l *Log) encodeBatch(ctx context.Context, batch []es.Pending) (*shard, []es.Message, error) {
	if len(batch) == 0 || len(batch) > es.MaxBatch {
		return nil, nil, fmt.Errorf("batch of %d commits: %w", len(batch), es.ErrTooLarge)
	}
	sh, err := l.shardOf(batch[0].Commit.Aggregate)
	if err != nil {
		return nil, nil, err
	}
	parent := traceparent(ctx)
	seen := make(map[string]bool, len(batch))
	msgs := make([]es.Message, len(batch))
	for i, p := range batch {
		p.Commit.Meta.Traceparent = parent
		if msgs[i], err = es.Encode(p.Head, p.Commit, l.cfg.Signer); err != nil {
			return nil, nil, err
		}
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

func (s *shard) recorded(msgs []es.Message, firstSeq uint64) ([]es.Recorded, error) {
	out := make([]es.Recorded, len(msgs))
	for i, m := range msgs {
		r, err := es.Decode(m, s.position(firstSeq+uint64(i)), time.Time{})
		if err != nil {
			return nil, err
		}
		out[i] = r
	}
	return out, nil
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

func (l *Log) batchOnce(ctx context.Context, sh *shard, batch []es.Pending, msgs []es.Message) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*l.cfg.TryTimeout)
	defer cancel()
	id := nats.NewInbox()[len("_INBOX."):]
	for i, m := range msgs {
		msg := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{}}
		for k, v := range m.Header {
			msg.Header[k] = []string{v}
		}
		msg.Header.Set(nats.MsgIdHdr, m.ID)
		msg.Header.Set(nats.ExpectedStreamHdr, sh.name)
		msg.Header.Set(nats.ExpectedLastSubjSeqHdr, strconv.FormatUint(batch[i].Head.Seq, 10))
		msg.Header.Set("Nats-Batch-Id", id)
		msg.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		if i < len(msgs)-1 && i > 0 {
			if err := l.conn.nc.PublishMsg(msg); err != nil {
				return 0, fmt.Errorf("publish batch: %w", err)
			}
			continue
		}
		if i == len(msgs)-1 {
			msg.Header.Set("Nats-Batch-Commit", "1")
		}
		reply, err := l.conn.nc.RequestMsgWithContext(ctx, msg)
		if err != nil {
			return 0, fmt.Errorf("publish batch: %w", err)
		}
		seq, err := batchSequence(reply.Data, i == len(msgs)-1)
		if err != nil || i == len(msgs)-1 {
			return seq, err
		}
	}
	return 0, nil
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
