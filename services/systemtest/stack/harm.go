package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testserver"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// Export is a backup of the whole log, as `habeas export --live` writes it.
func (s *Stack) Export() []byte {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	log, err := jetstream.Open(ctx, s.In.Config(s.t, s.NATS.Connect(s.t, testserver.Admin)))
	if err != nil {
		s.t.Fatalf("open the log: %v", err)
	}
	defer log.Close()
	var out bytes.Buffer
	if _, err := log.Export(ctx, &out, jetstream.ExportConfig{LogKey: s.In.LogKey, Now: time.Now()}); err != nil {
		s.t.Fatalf("export: %v", err)
	}
	return out.Bytes()
}

// Attempt sends the log's servers, with a service's own rights, what would
// change a stream of another one; nil if they took it. What is refused is named.
func (s *Stack) Attempt(service, subject string) error {
	s.t.Helper()
	nc := s.NATS.Connect(s.t, service, nats.CustomInboxPrefix(jetstream.InboxPrefix(service)))
	if err := errors.Join(nc.Publish(subject, []byte(`{"seq":1}`)), nc.FlushTimeout(10*time.Second)); err != nil {
		s.t.Fatalf("reach the log: %v", err)
	}
	return nc.LastError()
}

// stream is the stream of a context that holds most, as the administrator of the
// servers reaches it.
func (s *Stack) stream(ctx context.Context, domain string) (natsjs.JetStream, natsjs.Stream, uint64) {
	s.t.Helper()
	js, err := natsjs.New(s.NATS.Connect(s.t, testserver.Admin))
	if err != nil {
		s.t.Fatal(err)
	}
	var most natsjs.Stream
	var last uint64
	for k := range shards {
		stream, err := js.Stream(ctx, jetstream.StreamName(domain, k))
		if err != nil {
			s.t.Fatal(err)
		}
		info, err := stream.Info(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		if info.State.LastSeq > last {
			most, last = stream, info.State.LastSeq
		}
	}
	return js, most, last
}

// Remove tries to take a message out of the midst of a context's history, as the
// administrator of the servers; the error is the servers'.
func (s *Stack) Remove(domain string) error {
	s.t.Helper()
	ctx := Deadline(s.t)
	_, stream, last := s.stream(ctx, domain)
	return stream.DeleteMsg(ctx, last-1)
}

// RemoveAll takes a whole stream of a context away, as the administrator of the
// servers can.
func (s *Stack) RemoveAll(domain string) {
	s.t.Helper()
	ctx := Deadline(s.t)
	js, stream, _ := s.stream(ctx, domain)
	if err := js.DeleteStream(ctx, stream.CachedInfo().Config.Name); err != nil {
		s.t.Fatalf("remove a stream: %v", err)
	}
}

// Forge appends the last commit of a context once more with another content, as
// the administrator of the servers can.
func (s *Stack) Forge(domain string) {
	s.t.Helper()
	ctx := Deadline(s.t)
	js, stream, last := s.stream(ctx, domain)
	m, err := stream.GetMsg(ctx, last)
	if err != nil {
		s.t.Fatal(err)
	}
	data := bytes.Clone(m.Data)
	data[len(data)/2] ^= 1
	header := nats.Header{}
	for name, values := range m.Header {
		if name != nats.MsgIdHdr && name != nats.ExpectedLastSubjSeqHdr {
			header[name] = values
		}
	}
	header.Set(nats.MsgIdHdr, uuid.NewString())
	if _, err := js.PublishMsg(ctx, &nats.Msg{Subject: m.Subject, Header: header, Data: data}); err != nil {
		s.t.Fatal(fmt.Errorf("append a forged commit: %w", err))
	}
}
