package jetstream_test

import (
	"context"
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

func TestAServiceCanDoItsWorkAndNothingElse(t *testing.T) {
	in := jstest.New(t, 2, 1, "identity", "consent")
	grant := jetstream.Grant{Name: "consent", Owns: []string{"consent"}, Reads: []string{"identity"}}
	rights := jetstream.RightsOf(in.Topology, grant)
	srv := testserver.NATS(t, testserver.WithUser(grant.Name, rights.Publish, rights.Subscribe))
	in.Provision(t, srv.Connect(t, testserver.Admin))
	refused := make(chan error, 16)
	nc := srv.Connect(t, grant.Name, nats.CustomInboxPrefix(jetstream.InboxPrefix(grant.Name)),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	own := in
	own.Topology.Contexts = []string{"consent"} // announces itself where it may append
	cfg := in.Config(t, nc)
	log := own.OpenWith(t, cfg)

	agg := counter(t)
	agg.Context = "consent"
	head, err := log.Append(t.Context(), es.Head{}, estest.NewCommit(t, agg, 1))
	if err != nil {
		t.Fatalf("append to its own context: %v", err)
	}
	if err := log.Confirm(t.Context(), agg, es.Head{Seq: head.Position.Seq, Commits: 1}); err != nil {
		t.Errorf("confirm: %v", err)
	}
	if err := log.SetTimer(t.Context(), jetstream.Timer{Aggregate: agg, Name: "close", At: time.Now().Add(time.Hour)}); err != nil {
		t.Errorf("set timer: %v", err)
	}
	for r, err := range log.Load(t.Context(), counter(t), 0, es.Leader) {
		t.Errorf("read of identity: %v, %v", r.Position, err)
	}

	for name, attempt := range forbidden(t, nc, log) {
		ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
		if err := attempt(ctx); err == nil {
			t.Errorf("%s: done", name)
		}
		cancel()
		select {
		case err := <-refused:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: reported as %v", name, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s: no refusal was reported", name)
		}
		for len(refused) > 0 { // a read back after the append is refused, too
			if err := <-refused; !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: reported as %v", name, err)
			}
		}
	}
}

// forbidden is what the consent service must not be able to do.
func forbidden(t *testing.T, nc *nats.Conn, log *jetstream.Log) map[string]func(ctx context.Context) error {
	t.Helper()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream := jetstream.StreamName("consent", 0)
	return map[string]func(ctx context.Context) error{
		"append to another context": func(ctx context.Context) error {
			_, err := log.Append(ctx, es.Head{}, estest.NewCommit(t, counter(t), 1))
			return err
		},
		"delete a stream": func(ctx context.Context) error { return js.DeleteStream(ctx, stream) },
		"update a stream": func(ctx context.Context) error {
			_, err := js.UpdateStream(ctx, natsjs.StreamConfig{Name: stream})
			return err
		},
		"create a stream": func(ctx context.Context) error {
			_, err := js.CreateStream(ctx, natsjs.StreamConfig{Name: "X", Subjects: []string{"x"}})
			return err
		},
		"read the vault": func(ctx context.Context) error { _, err := js.Stream(ctx, jetstream.VaultStream(0)); return err },
		"write to the vault": func(ctx context.Context) error {
			_, err := js.Publish(ctx, "habeas.vault.00.key.t.h.c", nil)
			return err
		},
	}
}
