package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

var _ es.Store = (*Log)(nil)

// Load yields the aggregate's commits after a stream sequence. From any
// replica it is one batched read a page; from the leader it first asks how
// many commits there are and does not end before it has them.
func (l *Log) Load(ctx context.Context, agg es.Aggregate, after uint64, from es.Source) iter.Seq2[es.Recorded, error] {
	return func(yield func(es.Recorded, error) bool) {
		if err := l.load(ctx, agg, after, from, yield); err != nil {
			yield(es.Recorded{}, err)
		}
	}
}

func (l *Log) load(ctx context.Context, agg es.Aggregate, after uint64, from es.Source, yield func(es.Recorded, error) bool) error {
	sh, err := l.shardOf(agg)
	if err != nil {
		return err
	}
	r := reading{log: l, sh: sh, agg: agg, at: after, yield: yield}
	return l.soundly(ctx, sh, func() (bool, error) {
		if from == es.Leader {
			err := r.fromLeader(ctx)
			return r.ended, err
		}
		err := r.fromAny(ctx)
		return r.ended, err
	})
}

// reading is one load of an aggregate.
type reading struct {
	log   *Log
	sh    *shard
	agg   es.Aggregate
	at    uint64 // the last sequence that was read
	yield func(es.Recorded, error) bool
	n     uint64 // how many were
	ended bool   // the caller wants no more
	short bool   // a replica counted more commits than it had
}

// give hands one commit to the caller.
func (r *reading) give(m stored) bool {
	r.at = m.seq
	r.n++
	r.log.saw(r.sh, m.seq, m.header.Get(nats.MsgIdHdr))
	r.ended = !r.yield(r.sh.decode(m))
	return !r.ended
}

// pages reads what one replica or another has.
func (r *reading) pages(ctx context.Context) error {
	counted := false // the page before said that there is more
	for try := 0; ; {
		msgs, more, err := r.log.conn.page(ctx, r.sh.name, r.agg.Subject(), r.at+1, try)
		if err != nil {
			if try++; !transient(err) || !backoff(ctx, try) {
				return unavailable(err)
			}
			continue
		}
		for _, m := range msgs {
			if !r.give(m) {
				return nil
			}
		}
		if len(msgs) == 0 || !more {
			r.short = counted && len(msgs) == 0
			return nil
		}
		counted, try = true, 0
	}
}

// fromAny reads what any replica has. That it has nothing may also mean that it
// lags, or that it counts what it can't read: then the leader decides.
func (r *reading) fromAny(ctx context.Context) error {
	after := r.at
	if err := r.pages(ctx); err != nil || r.ended {
		return err
	}
	if !r.short && (r.n > 0 || after > 0) {
		return nil
	}
	a, err := r.log.conn.info(ctx, r.sh.name, r.agg.Subject())
	if err != nil {
		return err
	}
	if !r.short && a.State.Subjects[r.agg.Subject()] == 0 {
		return nil
	}
	return r.fromLeader(ctx)
}

// fromLeader reads as many commits as the leader counts; what a replica that
// lags does not have comes from the leader too.
func (r *reading) fromLeader(ctx context.Context) error {
	after := r.at
	counted, err := r.count(ctx)
	if err != nil || counted == 0 {
		return err
	}
	if err := r.pages(ctx); err != nil || r.ended {
		return err
	}
	if after == 0 && r.n >= counted {
		return nil
	}
	last, err := r.last(ctx)
	for err == nil && r.at < last && !r.ended {
		err = r.next(ctx, last)
	}
	return err
}

// count is the leader's number of the aggregate's commits. A leader that lost
// a part of the stream is not believed; that there are none is believed only
// if it proves its leadership.
func (r *reading) count(ctx context.Context) (uint64, error) {
	subject := r.agg.Subject()
	a, err := r.log.conn.info(ctx, r.sh.name, subject)
	if err == nil && a.State.Subjects[subject] == 0 {
		a, err = r.log.conn.proven(ctx, r.sh.name, subject)
	}
	if err == nil && !a.whole() {
		err = r.log.holes(ctx, r.sh)
	}
	return a.State.Subjects[subject], err
}

// last is the sequence of the aggregate's last commit, from the leader. One
// that it counts and does not find was lost by its disk.
func (r *reading) last(ctx context.Context) (uint64, error) {
	var m stored
	lost, err := insist(ctx, func() (bool, error) {
		var ok bool
		var err error
		m, ok, err = r.log.conn.leaderGet(ctx, r.sh.name, map[string]any{"last_by_subj": r.agg.Subject()})
		return !ok, err
	})
	if lost {
		return 0, r.corrupt(r.at + 1)
	}
	return m.seq, err
}

// next reads one more commit, up to the last, from the leader.
func (r *reading) next(ctx context.Context, last uint64) error {
	var m stored
	cut, err := insist(ctx, func() (bool, error) {
		var ok bool
		var err error
		m, ok, err = r.log.next(ctx, r.sh, r.agg, r.at)
		return !ok, err
	})
	if cut { // the leader had last and has nothing before it now
		return r.corrupt(last)
	}
	if err == nil {
		r.give(m)
	}
	return err
}

// corrupt says that the aggregate's commit at a sequence, or the first one
// behind it, can't be read.
func (r *reading) corrupt(seq uint64) error {
	return &es.CorruptError{Stream: r.sh.name, Sequence: seq, Subject: r.agg.Subject(), Reason: es.CorruptMissing}
}

func (l *Log) next(ctx context.Context, sh *shard, agg es.Aggregate, after uint64) (stored, bool, error) {
	return l.conn.leaderGet(ctx, sh.name, map[string]any{"seq": after + 1, "next_by_subj": agg.Subject()})
}

func (s *shard) decode(m stored) (es.Recorded, error) {
	return es.Decode(message(m.subject, m.header, m.data), s.position(m.seq), m.time)
}

func message(subject string, h nats.Header, data []byte) es.Message {
	header := make(map[string]string, len(kept))
	for _, name := range kept {
		if v, ok := h[name]; ok && len(v) == 1 {
			header[name] = v[0]
		}
	}
	return es.Message{Subject: subject, ID: h.Get(nats.MsgIdHdr), Header: header, Data: data}
}

var kept = [...]string{
	es.HeaderTypes, es.HeaderSchema, es.HeaderCorrelation, es.HeaderCausation,
	es.HeaderSignature, es.HeaderKeyID, es.HeaderTraceparent,
}

func (s *shard) position(seq uint64) es.Position {
	return es.Position{Stream: s.name, Epoch: s.epoch, Seq: seq}
}

// Append publishes the commit with the head's sequence as expectation and
// resolves what it was not told: see publish.
func (l *Log) Append(ctx context.Context, head es.Head, c es.Commit) (es.Recorded, error) {
	sh, err := l.shardOf(c.Aggregate)
	if err != nil {
		return es.Recorded{}, err
	}
	ctx, span := l.cfg.Tracer.Start(ctx, "send "+sh.name, trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(attribute.String("messaging.system", "nats"), attribute.String("messaging.destination.name", sh.name),
			attribute.String("messaging.operation.type", "send"), attribute.String("messaging.message.id", c.ID)))
	defer span.End()
	c.Meta.Traceparent = traceparent(ctx)
	m, err := es.Encode(head, c, l.cfg.Signer)
	if err != nil {
		return es.Recorded{}, err
	}
	l.ring.Own(c.Aggregate, m)
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, appendLimit)
	defer cancel()
	seq, err := l.publish(ctx, sh, c.Aggregate, head.Seq, m)
	l.metrics.appended(ctx, sh.context, time.Since(started), err)
	if err != nil {
		span.RecordError(err)
		return es.Recorded{}, err
	}
	return es.Record(head, c, m, sh.position(seq)), nil
}

// appendLimit bounds an append whose caller has all the time in the world: the
// outcome is then unknown, and the same command may be sent again.
const appendLimit = time.Minute

func traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[es.HeaderTraceparent]
}

// publish adds m behind sequence expected. When the answer is lost, late or
// ambiguous, the first successor of expected tells: the expectation allows one
// commit there, so it is ours or the race is lost. It gives up with
// ErrUnknownOutcome when ctx ends.
func (l *Log) publish(ctx context.Context, sh *shard, agg es.Aggregate, expected uint64, m es.Message) (uint64, error) {
	if err := l.sound(ctx, sh); err != nil {
		return 0, err
	}
	uncertain := false // an earlier try may stand, or may still arrive
	for try := 0; ; try++ {
		ack, err := l.once(ctx, sh, expected, m)
		switch {
		case err == nil && !ack.Duplicate:
			l.saw(sh, ack.Sequence, m.ID)
			return ack.Sequence, nil
		case !uncertain && refused(err):
			return 0, fmt.Errorf("publish to %s: %w", sh.name, err)
		}
		next, found, readErr := l.successor(ctx, sh, agg, expected)
		switch {
		case readErr == nil && found && next.header.Get(nats.MsgIdHdr) == m.ID:
			return next.seq, nil
		case readErr == nil && (found || (moved(err) && !uncertain)):
			return 0, es.ErrConflict
		}
		uncertain = uncertain || !isConflict(err)
		if permanent(err) || !backoff(ctx, try) {
			return 0, fmt.Errorf("publish to %s: %w", sh.name, es.ErrUnknownOutcome)
		}
	}
}

func (l *Log) once(ctx context.Context, sh *shard, expected uint64, m es.Message) (*jetstream.PubAck, error) {
	msg := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: make(nats.Header, len(m.Header)+4)}
	for k, v := range m.Header {
		msg.Header[k] = []string{v}
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.TryTimeout)
	defer cancel()
	return l.conn.publish(ctx, l.js, msg, jetstream.WithMsgID(m.ID), jetstream.WithExpectStream(sh.name),
		jetstream.WithExpectLastSequencePerSubject(expected), jetstream.WithRetryAttempts(0))
}

// successor is the aggregate's first commit after a sequence, read from the
// leader.
func (l *Log) successor(ctx context.Context, sh *shard, agg es.Aggregate, after uint64) (stored, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*l.cfg.TryTimeout)
	defer cancel()
	return l.next(ctx, sh, agg, after)
}

// permanent reports an error that no other try on this connection would
// change.
func permanent(err error) bool { return refused(err) || errors.Is(err, nats.ErrConnectionClosed) }

// refused reports a permanent error after which nothing of this try was or
// will be stored. That the connection was closed is none: the message may have
// left before.
func refused(err error) bool {
	if errors.Is(err, es.ErrForbidden) || errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) {
		return true
	}
	var api *jetstream.APIError
	if !errors.As(err, &api) || isConflict(err) {
		return false
	}
	switch api.ErrorCode {
	case codeStreamMismatch, codeMessageTooLarge, codeHeadersTooLarge, codeSealed:
		return true
	}
	return false
}

const (
	codeStreamMismatch  = 10060
	codeMessageTooLarge = 10054
	codeHeadersTooLarge = 10097
	codeSealed          = 10109
)
