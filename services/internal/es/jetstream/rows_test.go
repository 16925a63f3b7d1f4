package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// rowShards is small enough that the partitions of a test share streams.
const rowShards = 2

func provisionRows(t testing.TB, nc *nats.Conn, replicas int) jetstream.RowsConfig {
	t.Helper()
	awaitAPI(t, nc, replicas)
	in := jstest.New(t, rowShards, replicas, "identity")
	in.Provision(t, nc)
	return jetstream.RowsConfig{Conn: nc, Topology: in.Topology}
}

// awaitAPI asks until the servers can place a stream: a question that is sent
// before the nodes of a cluster know of each other's clients gets no answer at
// all, and the leader may know of its peers later than they of it.
func awaitAPI(t testing.TB, nc *nats.Conn, replicas int) {
	t.Helper()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	testwait.For(t, 60*time.Second, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := js.CreateStream(ctx, natsjs.StreamConfig{Name: "PROBE", Subjects: []string{"probe"}, Replicas: replicas}); err != nil {
			return err
		}
		return js.DeleteStream(ctx, "PROBE")
	})
}

func openRows(t testing.TB, cfg jetstream.RowsConfig) *jetstream.Rows {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := jetstream.OpenRows(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// emptied gives each test of a suite the same streams, empty.
func emptied(cfg jetstream.RowsConfig) func(testing.TB) rows.Store {
	return func(t testing.TB) rows.Store {
		t.Helper()
		r := openRows(t, cfg)
		for k := range rowShards {
			if err := stream(t, cfg.Conn, jetstream.VaultStream(k)).Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
}

func stream(t testing.TB, nc *nats.Conn, name string) natsjs.Stream {
	t.Helper()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEmbeddedRowsKeepThePromisesOfAStore(t *testing.T) {
	srv := testserver.NATS(t)
	sealtest.RunRows(t, emptied(provisionRows(t, srv.Connect(t, testserver.Admin), 1)))
}

func TestReplicatedRows(t *testing.T) {
	cluster := testserver.Cluster(t, 3)
	cfg := provisionRows(t, cluster.Connect(t, testserver.Admin), 3)
	t.Run("keep the promises of a store", func(t *testing.T) { sealtest.RunRows(t, emptied(cfg)) })
	t.Run("give a value one owner whatever races", func(t *testing.T) {
		sealtest.ClaimRace{Callers: 16, Values: 40, Rotations: 1, Crashes: 100}.Run(t, emptied(cfg)(t))
	})
	t.Run("are not read from a leader that is cut off", func(t *testing.T) { cutOff(t, cluster, cfg) })
}

// cutOff pauses the followers. The leader does not know yet that it has lost
// its majority, and its store goes on answering.
func cutOff(t *testing.T, cluster *testserver.Nodes, cfg jetstream.RowsConfig) {
	r := emptied(cfg)(t)
	if _, err := r.Put(t.Context(), someRow, []byte("one"), 0); err != nil {
		t.Fatal(err)
	}
	leader, err := cluster.Leader(t.Context(), jetstream.VaultStream(0))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Conn = leader.Connect(t, testserver.Admin)
	r = openRows(t, cfg)
	for _, node := range cluster.Nodes() {
		if node == leader {
			continue
		}
		if err := node.Pause(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := node.Resume(); err != nil {
				t.Error(err)
			}
		})
	}
	testwait.For(t, 20*time.Second, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Get(ctx, someRow); !errors.Is(err, es.ErrUnavailable) {
			return fmt.Errorf("get: %w, want ErrUnavailable", err)
		}
		return nil
	})
	msg, err := cfg.Conn.Request("$JS.API.STREAM.MSG.GET."+jetstream.VaultStream(0), []byte(`{"last_by_subj":"`+someRow+`"}`), time.Second)
	t.Logf("asked directly, the store still answers: %t", err == nil && len(msg.Data) > 0)
}

func TestEmbeddedRowsGiveAValueOneOwnerWhateverRaces(t *testing.T) {
	srv := testserver.NATS(t)
	cfg := provisionRows(t, srv.Connect(t, testserver.Admin), 1)
	sealtest.ClaimRace{Callers: 64, Values: 120, Rotations: 1, Crashes: 50}.Run(t, openRows(t, cfg))
}

const someRow = "habeas.vault.00.key.t1.subject-x.profile"

func TestAWriteWhoseAnswerIsLostIsFoundAgain(t *testing.T) {
	srv := testserver.NATS(t)
	cfg := provisionRows(t, srv.Connect(t, testserver.Admin), 1)
	link := testserver.Proxy(t, srv.URL())
	cfg.Conn, cfg.TryTimeout = srv.ConnectTo(t, link.URL(), testserver.Admin), 200*time.Millisecond
	r := openRows(t, cfg)

	type result struct {
		rev uint64
		err error
	}
	done := make(chan result, 1)
	link.DropReplies()
	go func() {
		rev, err := r.Put(t.Context(), someRow, []byte("one"), 0)
		done <- result{rev, err}
	}()
	awaitMessages(t, stream(t, srv.Connect(t, testserver.Admin), jetstream.VaultStream(0)), 1)
	link.Restore()
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	row, err := r.Get(t.Context(), someRow)
	if err != nil || row.Rev != got.rev || string(row.Value) != "one" {
		t.Errorf("row %+v, %v; want revision %d", row, err, got.rev)
	}
}

func TestAWriteWithoutAnAnswerIsOfUnknownOutcome(t *testing.T) {
	srv := testserver.NATS(t)
	cfg := provisionRows(t, srv.Connect(t, testserver.Admin), 1)
	link := testserver.Proxy(t, srv.URL())
	cfg.Conn, cfg.TryTimeout = srv.ConnectTo(t, link.URL(), testserver.Admin), 100*time.Millisecond
	r := openRows(t, cfg)
	link.DropReplies()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := r.Put(ctx, someRow, []byte("one"), 0); !errors.Is(err, es.ErrUnknownOutcome) {
		t.Errorf("put: %v, want ErrUnknownOutcome", err)
	}
	if _, err := r.Get(ctx, someRow); !errors.Is(err, es.ErrUnavailable) {
		t.Errorf("get: %v, want ErrUnavailable", err)
	}
}

// leaveBehind puts two revisions of a row as a crash between the write and the
// destruction of the older leaves them.
func leaveBehind(t *testing.T, nc *nats.Conn) (newer uint64) {
	t.Helper()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"older", "newer"} {
		ack, err := js.Publish(t.Context(), someRow, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		newer = ack.Sequence
	}
	return newer
}

func TestAnOlderRevisionThatACrashLeftIsDestroyed(t *testing.T) {
	srv := testserver.NATS(t)
	cfg := provisionRows(t, srv.Connect(t, testserver.Admin), 1)
	for name, act := range map[string]func(*jetstream.Rows, uint64) error{
		"by the next write": func(r *jetstream.Rows, rev uint64) error {
			_, err := r.Put(t.Context(), someRow, []byte("newest"), rev)
			return err
		},
		"by a delete, which does not let it stand again": func(r *jetstream.Rows, rev uint64) error {
			return r.Delete(t.Context(), someRow, rev)
		},
		"by a listing": func(r *jetstream.Rows, _ uint64) (last error) {
			for _, err := range r.List(t.Context(), "habeas.vault.00.key.>", 0) {
				last = err
			}
			return last
		},
	} {
		t.Run(name, func(t *testing.T) {
			emptied(cfg)(t)
			r, newer := openRows(t, cfg), leaveBehind(t, cfg.Conn)
			if err := act(r, newer); err != nil {
				t.Fatal(err)
			}
			if row, err := r.Get(t.Context(), someRow); err == nil && string(row.Value) == "older" {
				t.Error("the older revision stands again")
			}
			s := stream(t, cfg.Conn, jetstream.VaultStream(0))
			if _, err := s.GetMsg(t.Context(), newer-1); !errors.Is(err, natsjs.ErrMsgNotFound) {
				t.Errorf("get the older revision: %v, want ErrMsgNotFound", err)
			}
		})
	}
}

func TestStreamsThatCouldKeepOrLoseBytesAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*natsjs.StreamConfig){
		"limits that remove rows":        func(c *natsjs.StreamConfig) { c.MaxMsgs = 5 },
		"one message a subject":          func(c *natsjs.StreamConfig) { c.MaxMsgsPerSubject = 1 },
		"an age at which rows end":       func(c *natsjs.StreamConfig) { c.MaxAge = time.Hour },
		"answers by any replica":         func(c *natsjs.StreamConfig) { c.AllowDirect = true },
		"deletes that are refused":       func(c *natsjs.StreamConfig) { c.DenyDelete = true },
		"a copy of every message":        func(c *natsjs.StreamConfig) { c.RePublish = &natsjs.RePublish{Source: ">", Destination: "copy.>"} },
		"subjects that are not expected": func(c *natsjs.StreamConfig) { c.Subjects = append(c.Subjects, "habeas.vault.zz.>") },
	} {
		t.Run(name, func(t *testing.T) {
			srv := testserver.NATS(t)
			nc := srv.Connect(t, testserver.Admin)
			cfg := provisionRows(t, nc, 1)
			js, err := natsjs.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			changed := stream(t, nc, jetstream.VaultStream(1)).CachedInfo().Config
			spoil(&changed)
			if _, err := js.UpdateStream(t.Context(), changed); err != nil {
				t.Fatal(err)
			}
			if _, err := jetstream.OpenRows(t.Context(), cfg); !errors.Is(err, es.ErrConfiguration) {
				t.Errorf("open: %v, want ErrConfiguration", err)
			}
		})
	}
	t.Run("a missing stream", func(t *testing.T) {
		srv := testserver.NATS(t)
		nc := srv.Connect(t, testserver.Admin)
		cfg := provisionRows(t, nc, 1)
		js, err := natsjs.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		if err := js.DeleteStream(t.Context(), jetstream.StreamSuppression); err != nil {
			t.Fatal(err)
		}
		if _, err := jetstream.OpenRows(t.Context(), cfg); !errors.Is(err, es.ErrMissingStream) {
			t.Errorf("open: %v, want ErrMissingStream", err)
		}
	})
}

func TestSubjectsOfNoRowAreRefused(t *testing.T) {
	srv := testserver.NATS(t)
	r := openRows(t, provisionRows(t, srv.Connect(t, testserver.Admin), 1))
	for _, subject := range []string{
		"habeas.ev.identity.00.t1.subject.x", "habeas.vault.*.key.t1.x.profile", "habeas.vault.zz.key.t1.x", "habeas.vault", "",
	} {
		if _, err := r.Put(t.Context(), subject, []byte("x"), 0); err == nil {
			t.Errorf("put to %q succeeded", subject)
		}
	}
}

func TestSuppressionRowsHaveAStreamOfTheirOwn(t *testing.T) {
	srv := testserver.NATS(t)
	cfg := provisionRows(t, srv.Connect(t, testserver.Admin), 1)
	r := openRows(t, cfg)
	const subject = "habeas.suppression.00.t1.x"
	rev, err := r.Put(t.Context(), subject, []byte("x"), 0)
	if err != nil {
		t.Fatal(err)
	}
	awaitMessages(t, stream(t, cfg.Conn, jetstream.StreamSuppression), 1)
	if err := r.Delete(t.Context(), subject, rev); err != nil {
		t.Fatal(err)
	}
}

func awaitMessages(t testing.TB, s natsjs.Stream, n uint64) {
	t.Helper()
	testwait.For(t, 20*time.Second, func() error {
		info, err := s.Info(t.Context())
		if err == nil && info.State.Msgs < n {
			err = fmt.Errorf("%d messages", info.State.Msgs)
		}
		return err
	})
}
