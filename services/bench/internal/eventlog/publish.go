package eventlog

import (
	"context"
	"fmt"

	"habeas.internal/services/bench/internal/servers"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// publisher publishes to JetStream with nothing of ours in between.
type publisher struct {
	streams []jetstream.JetStream // by connection
	walks   [most]subjects
	data    []byte
}

// subjects is one caller's way over its subjects.
type subjects struct {
	names []string
	last  []uint64
	next  int
}

// Publisher publishes to a server's streams with nothing of ours in between.
func Publisher(ctx context.Context, s *Section, server *servers.NATS, streams, working int) (func(context.Context, int) error, error) {
	p, err := newPublisher(ctx, s, server, streams, working)
	if err != nil {
		return nil, err
	}
	return p.publish, nil
}

func newPublisher(ctx context.Context, s *Section, server *servers.NATS, streams, working int) (*publisher, error) {
	p := &publisher{data: make([]byte, eventBytes)}
	for range connections {
		nc, err := s.connect(server)
		if err != nil {
			return nil, err
		}
		js, err := jetstream.New(nc)
		if err != nil {
			return nil, fmt.Errorf("jetstream client: %w", err)
		}
		p.streams = append(p.streams, js)
	}
	for k := range streams {
		_, err := p.streams[0].CreateStream(ctx, jetstream.StreamConfig{
			Name: fmt.Sprintf("RAW_%d", k), Subjects: []string{fmt.Sprintf("raw.%d.>", k)}, Storage: jetstream.FileStorage,
		})
		if err != nil {
			return nil, fmt.Errorf("create raw stream: %w", err)
		}
	}
	for c := range p.walks {
		p.walks[c] = subjects{names: make([]string, working), last: make([]uint64, working)}
		for i := range working {
			p.walks[c].names[i] = fmt.Sprintf("raw.%d.c%02d-%06d", i%streams, c, i)
		}
	}
	return p, nil
}

func (p *publisher) publish(ctx context.Context, caller int) error {
	w := &p.walks[caller]
	i := w.next
	w.next = (i + 1) % len(w.names)
	ack, err := p.streams[caller%connections].PublishMsg(ctx, &nats.Msg{Subject: w.names[i], Data: p.data},
		jetstream.WithExpectLastSequencePerSubject(w.last[i]))
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	w.last[i] = ack.Sequence
	return nil
}
