package jetstream_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/testserver"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// accessOf is the read log as one service writes it, and as audit reads it.
func accessOf(t *testing.T, service string) (w *jetstream.Writer, nc *nats.Conn, reader *jetstream.Log) {
	t.Helper()
	in := jstest.New(t, 2, 1, service, jetstream.ContextAccess)
	in.Name = service
	rights := jetstream.RightsOf(in.Topology, jetstream.Grant{Name: service, Owns: []string{service}, Logs: true})
	srv := testserver.NATS(t, testserver.WithUser(service, rights.Publish, rights.Subscribe))
	admin := srv.Connect(t, testserver.Admin)
	in.Provision(t, admin)
	nc = srv.Connect(t, service, nats.CustomInboxPrefix(jetstream.InboxPrefix(service)))
	w, err := jetstream.OpenWriter(t.Context(), jetstream.WriterConfig{
		Conn: nc, Context: jetstream.ContextAccess, Shards: 2, Signer: jstest.Signer(t), Service: service, Key: in.Service,
		Random: rand.Reader, Now: time.Now().UTC(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, nc, in.Open(t, admin)
}

func TestAWriterAppendsWhatItCanNotRead(t *testing.T) {
	w, nc, reader := accessOf(t, "identity")
	session := es.Aggregate{Context: jetstream.ContextAccess, Tenant: "acme", Type: "identity", ID: "session-1"}
	var head es.Head
	for i := range uint64(3) {
		rec, err := w.Append(t.Context(), head, estest.NewCommit(t, session, i))
		if err != nil {
			t.Fatal(err)
		}
		if head, err = head.Next(rec); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Append(t.Context(), es.Head{}, estest.NewCommit(t, session, 9)); !errors.Is(err, es.ErrConflict) {
		t.Errorf("behind a head that is none: %v", err)
	}
	seen := 0
	_, err := es.Fold(t.Context(), reader.Verifier(), es.Head{}, reader.Load(t.Context(), session, 0, es.Leader), func(es.Recorded) error {
		seen++
		return nil
	})
	if err != nil || seen != 3 {
		t.Errorf("an auditor reads %d commits, error %v", seen, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	foreign := session
	foreign.Type = "fulfilment"
	if _, err := w.Append(ctx, es.Head{}, estest.NewCommit(t, foreign, 1)); !errors.Is(err, es.ErrForbidden) {
		t.Errorf("in another service's name: %v", err)
	}
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []int{0, 1} {
		short, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
		if _, err := js.Stream(short, jetstream.StreamName(jetstream.ContextAccess, k)); err == nil {
			t.Error("the writer can look at the stream")
		}
		stop()
	}
}
