package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go/jetstream"
)

// Scan yields every commit of a context, control commits too, shard after
// shard, each from its genesis to where it stood when the sequence was begun.
// Where that is, only a leader that can prove its leadership may say: what was
// acknowledged before is not missed. A missing message is a CorruptError, and
// a context that is not open here is one too few: ErrInvalidAggregate.
//
// Neither signatures nor chains are verified: most readers pass over most
// commits, and a check of each costs many times its reading. Whoever acts on
// a commit gives it to Verifier first.
func (l *Log) Scan(ctx context.Context, domain string) iter.Seq2[es.Recorded, error] {
	return func(yield func(es.Recorded, error) bool) {
		ends, err := l.ends(ctx, domain)
		if err != nil {
			yield(es.Recorded{}, fmt.Errorf("scan %s: %w", domain, err))
			return
		}
		for i, sh := range l.shards[domain] {
			if !l.scanShard(ctx, sh, ends[i], yield) {
				return
			}
		}
	}
}

func (l *Log) scanShard(ctx context.Context, sh *shard, end uint64, yield func(es.Recorded, error) bool) (more bool) {
	for m, err := range l.scan(ctx, sh.name, 1, end) {
		var r es.Recorded
		if err == nil {
			r, err = sh.decode(m)
		}
		if !yield(r, err) || err != nil {
			return false
		}
	}
	return true
}

// ends are the last sequences of a context's shards.
func (l *Log) ends(ctx context.Context, domain string) ([]uint64, error) {
	shards := l.shards[domain]
	if len(shards) == 0 {
		return nil, fmt.Errorf("context is not open here: %w", es.ErrInvalidAggregate)
	}
	ends := make([]uint64, len(shards))
	for i, sh := range shards {
		var err error
		if ends[i], err = l.provenEnd(ctx, sh); err != nil {
			return nil, err
		}
	}
	return ends, nil
}

// provenEnd asks until a leader that can prove its leadership answers or ctx
// ends. A shard without its genesis is corrupt.
func (l *Log) provenEnd(ctx context.Context, sh *shard) (uint64, error) {
	for try := 0; ; try++ {
		a, err := l.info(ctx, sh)
		switch {
		case err != nil:
		case a.Error != nil && a.Error.ErrCode == int(jetstream.JSErrCodeStreamNotFound):
			return 0, fmt.Errorf("%s: %w", sh.name, es.ErrMissingStream)
		case a.Error != nil:
			err = errNoProof
		case a.State.LastSeq == 0:
			return 0, &es.CorruptError{Stream: sh.name, Sequence: 1, Reason: es.CorruptMissing}
		default:
			return a.State.LastSeq, nil
		}
		if !transient(err) || !backoff(ctx, try) {
			return 0, fmt.Errorf("read end of %s: %w: %w", sh.name, es.ErrUnavailable, err)
		}
	}
}

func (l *Log) info(ctx context.Context, sh *shard) (infoAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, proofAge)
	defer cancel()
	var a infoAnswer
	m, err := l.conn.nc.RequestWithContext(ctx, apiRoot+"STREAM.INFO."+sh.name, nil)
	if err != nil {
		return a, fmt.Errorf("stream info: %w", err)
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return a, fmt.Errorf("decode stream info: %w", err)
	}
	return a, nil
}
