package jetstream

import (
	"context"
	"fmt"
	"iter"

	"habeas.internal/services/internal/es"

	"golang.org/x/sync/errgroup"
)

// Scan yields every commit of a context, control commits too, shard after
// shard, each from behind its position in after to where it stood when the
// sequence was begun. A shard that after does not name, or names with another
// epoch, is read from its genesis. Where it stood, only a leader that can prove
// its leadership may say: what was acknowledged before is not missed. A missing
// message is a CorruptError, and so is an end before the position in after; a
// changed stream is ErrConfiguration, and a context that is not open here no
// empty one but ErrInvalidAggregate. An error ends the sequence.
//
// Neither signatures nor chains are verified: most readers pass over most
// commits, and a check of each costs many times its reading. Whoever acts on
// a commit gives it to Verifier first.
func (l *Log) Scan(ctx context.Context, domain string, after es.Token) iter.Seq2[es.Recorded, error] {
	return func(yield func(es.Recorded, error) bool) {
		ends, err := l.ends(ctx, domain, after)
		if err != nil {
			yield(es.Recorded{}, fmt.Errorf("scan %s: %w", domain, err))
			return
		}
		for i, sh := range l.shards[domain] {
			if !l.scanShard(ctx, sh, sh.known(after), ends[i], yield) {
				return
			}
		}
	}
}

// known is the sequence up to which a token has seen the shard.
func (s *shard) known(after es.Token) uint64 {
	if p := after[s.name]; p.Epoch == s.epoch {
		return p.Seq
	}
	return 0
}

func (l *Log) scanShard(ctx context.Context, sh *shard, after, end uint64, yield func(es.Recorded, error) bool) (more bool) {
	for m, err := range l.scan(ctx, sh.name, after+1, end) {
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

// ends are the last sequences of a context's shards, which must be whole. What
// a token has seen of them their leaders get some time to reach.
func (l *Log) ends(ctx context.Context, domain string, seen es.Token) ([]uint64, error) {
	shards := l.shards[domain]
	if len(shards) == 0 {
		return nil, fmt.Errorf("context is not open here: %w", es.ErrInvalidAggregate)
	}
	ends := make([]uint64, len(shards))
	g, ctx := errgroup.WithContext(ctx)
	for i, sh := range shards {
		g.Go(func() (err error) {
			ends[i], err = l.provenEnd(ctx, sh, sh.known(seen))
			return err
		})
	}
	return ends, g.Wait()
}

func (l *Log) provenEnd(ctx context.Context, sh *shard, seen uint64) (uint64, error) {
	if _, err := l.probe(ctx, sh, mark{}); err != nil {
		return 0, fmt.Errorf("probe: %w", err)
	}
	ask := func() (infoAnswer, error) { return l.conn.proven(ctx, sh.name, "") }
	end, err := endBehind(ctx, sh.name, seen, ask)
	if err == nil && end == 0 { // not even its genesis
		err = &es.CorruptError{Stream: sh.name, Sequence: 1, Reason: es.CorruptMissing}
	}
	return end, err
}

// endBehind is how far a stream reaches by its leader, which must be as far as
// was seen.
func endBehind(ctx context.Context, name string, seen uint64, ask func() (infoAnswer, error)) (uint64, error) {
	end, err := caughtUp(ctx, seen, ask)
	if err != nil {
		return 0, fmt.Errorf("read end: %w", err)
	}
	if end < seen {
		return 0, &es.CorruptError{Stream: name, Sequence: end + 1, Reason: es.CorruptBehind}
	}
	return end, nil
}
