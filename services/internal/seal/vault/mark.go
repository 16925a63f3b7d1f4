package vault

import (
	"context"
	"errors"
	"fmt"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/proto"
)

// A key leaves its row before its end enters the log, so whatever the log says
// at some moment, the rows of that moment show already. A mark writes that
// moment down among the rows of each partition. A backup takes it along, and
// what came after the backup is exactly what came after its mark.
const (
	markKind   = "mark"
	markTenant = "_vault" // marks are no tenant's
)

func markSubject(partition string) string { return rows.VaultSubject(partition, markKind, markTenant) }

// Mark notes up to where the log was seen to reach: one position for each
// stream that holds destructions, read from the log before the call. Marks
// make the next start's replay short; run it from time to time. A vault that
// has not replayed yet marks nothing.
func (v *Vault) Mark(ctx context.Context, seen []es.Position) error {
	if !v.ready.Load() {
		return ErrNotReady
	}
	for _, partition := range es.ShardPartitions(0, 1) {
		if err := v.mark(ctx, partition, seen); err != nil {
			return fmt.Errorf("mark partition %s: %w", partition, err)
		}
	}
	return nil
}

func (v *Vault) mark(ctx context.Context, partition string, seen []es.Position) error {
	for range tries {
		have, row, err := v.readMark(ctx, partition)
		if err != nil {
			return err
		}
		if !advance(have, seen) {
			return nil
		}
		value, err := proto.Marshal(&sealv1.MarkRow{Reflected: have})
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		_, err = v.cfg.Rows.Put(ctx, row.Subject, value, row.Rev)
		if !errors.Is(err, rows.ErrConflict) {
			return err
		}
	}
	return ErrContended
}

// advance moves a mark forward, never back; a stream that was made anew starts
// over. It reports whether anything changed.
func advance(have *logv1.ConsistencyToken, seen []es.Position) (changed bool) {
	for _, p := range seen {
		old := have.GetStreams()[p.Stream]
		if old.GetEpoch() == p.Epoch && old.GetSequence() >= p.Seq {
			continue
		}
		have.Streams[p.Stream] = &logv1.Position{Epoch: p.Epoch, Sequence: p.Seq}
		changed = true
	}
	return changed
}

func (v *Vault) readMark(ctx context.Context, partition string) (*logv1.ConsistencyToken, rows.Row, error) {
	empty := &logv1.ConsistencyToken{Streams: map[string]*logv1.Position{}}
	row, err := v.cfg.Rows.Get(ctx, markSubject(partition))
	if errors.Is(err, rows.ErrNotFound) {
		return empty, rows.Row{Subject: markSubject(partition)}, nil
	}
	if err != nil {
		return nil, row, fmt.Errorf("read: %w", err)
	}
	m := new(sealv1.MarkRow)
	if err := proto.Unmarshal(row.Value, m); err != nil {
		return nil, row, fmt.Errorf("decode: %w", kek.ErrMismatch)
	}
	if len(m.GetReflected().GetStreams()) == 0 {
		return empty, row, nil
	}
	return m.GetReflected(), row, nil
}

// ReplayAfter is, by stream, the position after which destructions have to be
// replayed. A stream that is missing here, or whose epoch is not the log's own,
// has to be replayed from its start.
func (v *Vault) ReplayAfter(ctx context.Context) (map[string]es.Position, error) {
	var lowest map[string]es.Position
	for _, partition := range es.ShardPartitions(0, 1) {
		mark, _, err := v.readMark(ctx, partition)
		if err != nil {
			return nil, fmt.Errorf("read mark of partition %s: %w", partition, err)
		}
		lowest = lower(lowest, mark)
	}
	return lowest, nil
}

// lower is the lower of two marks, stream by stream; nil is the highest mark.
func lower(a map[string]es.Position, b *logv1.ConsistencyToken) map[string]es.Position {
	out := map[string]es.Position{}
	for stream, p := range b.GetStreams() {
		pos := es.Position{Stream: stream, Epoch: p.GetEpoch(), Seq: p.GetSequence()}
		if a != nil {
			have, ok := a[stream]
			if !ok || have.Epoch != pos.Epoch {
				continue
			}
			pos.Seq = min(pos.Seq, have.Seq)
		}
		out[stream] = pos
	}
	return out
}
