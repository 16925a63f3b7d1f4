package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const parkRoot = "habeas.park."

// ParkedMessage is a commit that a process gave up on.
type ParkedMessage struct {
	*logv1.Parked
	records []uint64 // its records' sequences in the park stream
}

func (l *Log) park(ctx context.Context, p Process, sh *shard, m jetstream.Msg, cause error) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	data, err := proto.Marshal(&logv1.Parked{
		Consumer: p.Name, Stream: sh.name, Sequence: meta.Sequence.Stream, Subject: m.Subject(),
		Reason: reasonOf(cause), Deliveries: uint32(meta.NumDelivered), CodeVersion: p.CodeVersion,
		ParkedAt: timestamppb.Now(), Types: m.Headers().Get(es.HeaderTypes),
	})
	if err != nil {
		return fmt.Errorf("encode park record: %w", err)
	}
	msg := &nats.Msg{Subject: parkRoot + p.Name + "." + sh.name, Data: data}
	// Without an id: a record that comes twice is shown once, and one that is
	// parked again soon after it was replayed must not be taken for a repeat.
	if _, err := l.conn.publish(ctx, l.js, msg, jetstream.WithExpectStream(StreamPark)); err != nil {
		return fmt.Errorf("park: %w", err)
	}
	l.metrics.parked.Add(ctx, 1, metric.WithAttributes(attribute.String("process", p.Name)))
	return nil
}

// Parked lists what is parked, oldest first.
func (l *Log) Parked(ctx context.Context) ([]ParkedMessage, error) {
	s, err := l.conn.stream(ctx, l.js, StreamPark)
	if err != nil {
		return nil, fmt.Errorf("list parked: %w", unavailable(err))
	}
	state := s.CachedInfo().State
	var out []ParkedMessage
	known := map[string]int{}
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		m, ok, err := l.conn.leaderGet(ctx, StreamPark, map[string]any{"seq": seq, "next_by_subj": ">"})
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		seq = m.seq
		p, err := parked(m)
		if err != nil {
			return nil, err
		}
		if i, ok := known[p.place()]; ok {
			out[i].records = append(out[i].records, p.records...)
			continue
		}
		known[p.place()] = len(out)
		out = append(out, p)
	}
	return out, nil
}

func (p ParkedMessage) place() string {
	return p.GetConsumer() + "/" + p.GetStream() + "/" + strconv.FormatUint(p.GetSequence(), 10)
}

func parked(m stored) (ParkedMessage, error) {
	var p logv1.Parked
	if err := proto.Unmarshal(m.data, &p); err != nil {
		return ParkedMessage{}, fmt.Errorf("decode park record: %w", err)
	}
	return ParkedMessage{Parked: &p, records: []uint64{m.seq}}, nil
}

// ErrNotParked says that the park record is of another process.
var ErrNotParked = errors.New("message is not parked by this process")

// Replay reacts to a parked commit once more and removes its park record when
// the reaction succeeds.
func (l *Log) Replay(ctx context.Context, p Process, m ParkedMessage) error {
	sh := l.shardNamed(m.GetStream())
	if m.GetConsumer() != p.Name || sh == nil {
		return ErrNotParked
	}
	msg, ok, err := l.conn.leaderGet(ctx, sh.name, map[string]any{"seq": m.GetSequence()})
	if err != nil {
		return err
	}
	if !ok {
		return &es.CorruptError{Stream: sh.name, Sequence: m.GetSequence(), Reason: es.CorruptGap}
	}
	rec, err := sh.decode(msg)
	if err != nil {
		return err
	}
	if err := l.ring.Verify(ctx, rec); err != nil {
		return err
	}
	if rec.Aggregate.Tenant != es.LogTenant {
		ctx, span := l.startConsumer(ctx, p.Name, rec)
		defer span.End()
		if err := p.React(ctx, rec); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	return l.unpark(ctx, m)
}

// unpark removes every record of the place.
func (l *Log) unpark(ctx context.Context, m ParkedMessage) error {
	s, err := l.conn.stream(ctx, l.js, StreamPark)
	if err != nil {
		return fmt.Errorf("unpark: %w", err)
	}
	for _, seq := range m.records {
		if err := s.DeleteMsg(ctx, seq); err != nil && !notFound(err) {
			return fmt.Errorf("unpark: %w", err)
		}
	}
	return nil
}

func (l *Log) shardNamed(name string) *shard {
	for _, shards := range l.shards {
		for _, sh := range shards {
			if sh.name == name {
				return sh
			}
		}
	}
	return nil
}
