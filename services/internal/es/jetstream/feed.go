package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A feed is delivered by the server to a subject of the reader's own: whoever
// only reads a stream needs no right to ask a consumer for its next messages,
// and so can't ask another's.
const (
	feedBeat    = time.Second     // how often the server says that it is there
	feedSilence = 3 * time.Second // after which it is not
	feedUnused  = 5 * time.Second // after which the server forgets a feed that nobody hears
)

var (
	errFeedSilent = errors.New("nobody serves the feed any more")
	errFeedGap    = errors.New("the feed has lost messages on the way")
)

// feed is what a stream delivers in order, to one reader.
type feed struct {
	conn *conn
	sub  *nats.Subscription
	to   chan<- stored
	next uint64 // the number of its next delivery
}

// feedSubject is a subject below FeedPrefix that nobody can guess.
func (c *conn) feedSubject() string {
	return strings.Replace(c.nc.NewInbox(), inboxRoot, feedRoot, 1)
}

// consume delivers the stream's messages from a sequence on, in order, until ctx
// ends. The error that ends it otherwise is sent; the reader opens another one.
func (l *Log) consume(ctx context.Context, sh *shard, from uint64, to chan<- stored) (<-chan error, error) {
	subject := l.conn.feedSubject()
	sub, err := l.conn.nc.SubscribeSync(subject)
	if err != nil {
		return nil, fmt.Errorf("subscribe to feed of %s: %w", sh.name, err)
	}
	if err := l.conn.deliver(ctx, sh.name, from, subject); err != nil {
		_ = sub.Unsubscribe()
		return nil, fmt.Errorf("open feed of %s: %w", sh.name, err)
	}
	f, ended := &feed{conn: l.conn, sub: sub, to: to, next: 1}, make(chan error, 1)
	go func() {
		defer func() { _ = sub.Unsubscribe() }() // the server then forgets the consumer
		ended <- f.run(ctx)
	}()
	return ended, nil
}

// deliver has the server send a stream's messages to a subject. The library makes
// such consumers with rights and options that are not wanted here.
func (c *conn) deliver(ctx context.Context, stream string, from uint64, subject string) error {
	name := subject[strings.LastIndexByte(subject, '.')+1:]
	body, err := json.Marshal(map[string]any{"stream_name": stream, "action": "create", "config": jetstream.ConsumerConfig{
		Name: name, DeliverSubject: subject, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
		AckPolicy: jetstream.AckNonePolicy, MaxDeliver: 1, MemoryStorage: true, Replicas: 1,
		FlowControl: true, IdleHeartbeat: feedBeat, InactiveThreshold: feedUnused,
	}})
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	m, err := c.once(ctx, apiRoot+"CONSUMER.CREATE."+stream+"."+name, body)
	if err != nil {
		return unavailable(err)
	}
	var answer struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	if e := answer.Error; e != nil {
		return fmt.Errorf("server answered %d (%d): %w", e.Code, e.ErrCode, es.ErrUnavailable)
	}
	return nil
}

func (f *feed) run(ctx context.Context) error {
	for {
		heard, cancel := context.WithTimeout(ctx, feedSilence)
		m, err := f.sub.NextMsgWithContext(heard)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return errFeedSilent
		case errors.Is(err, nats.ErrSlowConsumer):
			return errFeedGap
		case err != nil:
			return fmt.Errorf("read feed: %w", err)
		}
		if err := f.take(ctx, m); err != nil {
			return err
		}
	}
}

// take passes a message on, or answers what the server asks in between.
func (f *feed) take(ctx context.Context, m *nats.Msg) error {
	if m.Header.Get("Status") != "" {
		return f.control(m)
	}
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	if meta.Sequence.Consumer != f.next {
		return errFeedGap
	}
	f.next++
	select {
	case f.to <- stored{subject: m.Subject, seq: meta.Sequence.Stream, header: m.Header, data: m.Data, time: meta.Timestamp}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// control answers a question whether this reader keeps up, which the server
// waits for, and compares the last delivery with the last that arrived.
func (f *feed) control(m *nats.Msg) error {
	if status := m.Header.Get("Status"); status != "100" {
		return fmt.Errorf("feed ended with status %s: %w", status, errFeedSilent)
	}
	if last := m.Header.Get("Nats-Last-Consumer"); last != "" && last != fmt.Sprint(f.next-1) {
		return errFeedGap
	}
	answer := m.Reply
	if answer == "" {
		answer = m.Header.Get("Nats-Consumer-Stalled")
	}
	if answer == "" {
		return nil
	}
	return f.conn.nc.Publish(answer, nil)
}
