package jetstream_test

import (
	"context"
	"errors"
	"maps"
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

// alone is the consent service's way into a log that it shares with identity.
type alone struct {
	log     *jetstream.Log
	nc      *nats.Conn
	admin   *nats.Conn
	refused chan error
	in      jstest.Installation
}

func consentAlone(t *testing.T) alone {
	t.Helper()
	in := jstest.New(t, 2, 1, "identity", "consent")
	grant := jetstream.Grant{Name: "consent", Owns: []string{"consent"}, Reads: []string{"identity"}}
	rights := jetstream.RightsOf(in.Topology, grant)
	srv := testserver.NATS(t, testserver.WithUser(grant.Name, rights.Publish, rights.Subscribe))
	a := alone{in: in, admin: srv.Connect(t, testserver.Admin), refused: make(chan error, 64)}
	in.Provision(t, a.admin)
	a.nc = srv.Connect(t, grant.Name, nats.CustomInboxPrefix(jetstream.InboxPrefix(grant.Name)),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { a.refused <- err }))
	own := in
	own.Topology.Contexts = []string{"consent"} // announces itself where it may append
	a.log = own.OpenWith(t, in.Config(t, a.nc))
	return a
}

func TestAServiceCanDoItsWorkAndNothingElse(t *testing.T) {
	a := consentAlone(t)
	log, nc, refused := a.log, a.nc, a.refused
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

func TestWhatTheServerRefusesIsNamedAtOnce(t *testing.T) {
	log := consentAlone(t).log
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for name, attempt := range map[string]func() error{
		"an append to another context": func() error {
			_, err := log.Append(ctx, es.Head{}, estest.NewCommit(t, counter(t), 1))
			return err
		},
		"a timer of another context": func() error {
			return log.SetTimer(ctx, jetstream.Timer{Aggregate: counter(t), Name: "close", At: time.Now().Add(time.Hour)})
		},
	} {
		started := time.Now()
		if err := attempt(); !errors.Is(err, es.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("%s: refused after %v", name, took)
		}
	}
}

// TestAnAnswerCanNotBeSentWhereTheServiceMayNotWrite has the server send its
// answers, which it does with rights of its own, to where they would do harm.
// The twin is the administrator's account, in which the same does it.
func TestAnAnswerCanNotBeSentWhereTheServiceMayNotWrite(t *testing.T) {
	a := consentAlone(t)
	agg := counter(t)
	agg.Context = "consent"
	if _, err := a.log.Append(t.Context(), es.Head{}, estest.NewCommit(t, agg, 1)); err != nil {
		t.Fatal(err)
	}
	before := streams(t, a.admin)
	a.misdirect(t, a.nc, agg)
	if after := streams(t, a.admin); !maps.Equal(before, after) {
		t.Errorf("streams were %v and are %v", before, after)
	}
	a.misdirect(t, a.admin, agg)
	if after := streams(t, a.admin); maps.Equal(before, after) {
		t.Error("in the account of the streams the same requests do nothing: this test shows nothing")
	}
}

// misdirect makes each request of the service with each harmful subject as the
// place for its answer, and returns when the server is done with all of them.
func (a alone) misdirect(t *testing.T, nc *nats.Conn, agg es.Aggregate) {
	t.Helper()
	own, foreign := jetstream.StreamName("consent", 0), jetstream.StreamName("identity", 0)
	for _, request := range []string{
		"STREAM.INFO." + own, "STREAM.INFO." + foreign, "STREAM.MSG.GET." + own, "STREAM.MSG.GET." + foreign,
		"DIRECT.GET." + own, "DIRECT.GET." + foreign, "CONSUMER.INFO." + own + ".nobody",
		"STREAM.MSG.DELETE." + jetstream.TimersStream("consent"),
	} {
		for _, reply := range []string{
			"$JS.API.STREAM.DELETE." + foreign, "$JS.API.STREAM.DELETE." + jetstream.VaultStream(0),
			"$JS.API.STREAM.PURGE." + jetstream.VaultStream(0), "$JS.API.STREAM.MSG.DELETE." + jetstream.VaultStream(0),
			"habeas.vault.00.key.t.h.c", "habeas.suppression.x", "habeas.ev.identity.00.t.counter.a", "$SYS.REQ.SERVER.PING",
		} {
			if err := nc.PublishRequest("$JS.API."+request, reply, []byte(`{"seq":1}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	// The server works requests off in order; this one came last.
	if _, err := nc.Request("$JS.API.STREAM.INFO."+own, nil, 10*time.Second); err != nil && nc != a.admin {
		t.Fatal(err)
	}
}

// streams is how many messages each stream has held.
func streams(t *testing.T, nc *nats.Conn) map[string]uint64 {
	t.Helper()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]uint64{}
	names := js.StreamNames(t.Context())
	for name := range names.Name() {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = s.CachedInfo().State.LastSeq
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
	return out
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
