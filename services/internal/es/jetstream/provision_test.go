package jetstream_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/testserver"

	"github.com/google/go-cmp/cmp"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

func TestProvisioningTwiceChangesNothing(t *testing.T) {
	w := newWorld(t)
	agg := counter(t)
	at := w.add(t, agg, 3).Position
	w.in.Provision(t, w.server.Connect(t, testserver.Admin))
	log := w.in.Open(t, w.server.Connect(t, testserver.Admin))
	for r, err := range log.Load(t.Context(), agg, 0, es.Leader) {
		if err != nil || r.Position != at {
			t.Errorf("commit stands at %v, error %v; want %v", r.Position, err, at)
		}
	}
}

func admin(t *testing.T, w *world) natsjs.JetStream {
	t.Helper()
	js, err := natsjs.New(w.server.Connect(t, testserver.Admin))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestAServiceNeverMakesAStream(t *testing.T) {
	srv := testserver.NATS(t)
	in := jstest.New(t, 2, 1, "identity")
	nc := srv.Connect(t, testserver.Admin)
	if _, err := jetstream.Open(t.Context(), in.Config(t, nc)); !errors.Is(err, es.ErrMissingStream) {
		t.Errorf("open of nothing: %v", err)
	}
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for name := range js.StreamNames(t.Context()).Name() {
		t.Errorf("open made stream %s", name)
	}
}

func TestALostStreamIsNotMadeAnew(t *testing.T) {
	w := newWorld(t)
	w.add(t, counter(t), 1)
	if err := admin(t, w).DeleteStream(t.Context(), jetstream.StreamName("identity", 1)); err != nil {
		t.Fatal(err)
	}
	nc := w.server.Connect(t, testserver.Admin)
	if _, err := jetstream.Open(t.Context(), w.in.Config(t, nc)); !errors.Is(err, es.ErrMissingStream) {
		t.Errorf("open: %v", err)
	}
	if _, err := jetstream.Provision(t.Context(), w.in.Config(t, nc), w.in.Setup()); !errors.Is(err, es.ErrMissingStream) {
		t.Errorf("provision: %v", err)
	}
}

func TestAnInterruptedProvisioningGoesOn(t *testing.T) {
	w := newWorld(t)
	js := admin(t, w)
	for _, name := range []string{jetstream.TimersStream("identity"), jetstream.StreamPark, jetstream.StreamName("identity", 1)} {
		if err := js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	w.in.Provision(t, w.server.Connect(t, testserver.Admin))
	w.in.Open(t, w.server.Connect(t, testserver.Admin))
}

func TestALogThatAnotherKeyBeganIsNotTrusted(t *testing.T) {
	w := newWorld(t)
	other := w.in
	other.LogKey = jstest.Signer(t)
	nc := w.server.Connect(t, testserver.Admin)
	if _, err := jetstream.Open(t.Context(), other.Config(t, nc)); !errors.Is(err, es.ErrUntrusted) {
		t.Errorf("open: %v", err)
	}
	if _, err := jetstream.Provision(t.Context(), other.Config(t, nc), other.Setup()); !errors.Is(err, es.ErrUntrusted) {
		t.Errorf("provision: %v", err)
	}
}

func TestAnotherNumberOfShardsIsRefused(t *testing.T) {
	w := newWorld(t)
	other := w.in
	other.Topology.Shards = 1
	if _, err := jetstream.Open(t.Context(), other.Config(t, w.server.Connect(t, testserver.Admin))); !errors.Is(err, es.ErrConfiguration) {
		t.Errorf("open: %v", err)
	}
}

func TestAContextThatIsNotOpenIsRefused(t *testing.T) {
	w := newWorld(t)
	agg := counter(t)
	agg.Context = "consent"
	if _, err := w.log.Append(t.Context(), es.Head{}, estest.NewCommit(t, agg, 1)); !errors.Is(err, es.ErrInvalidAggregate) {
		t.Errorf("append: %v", err)
	}
}

func TestAKeyThatTheLogDidNotAnnounceAnnouncesNothing(t *testing.T) {
	w := newWorld(t)
	log := w.in.Open(t, w.server.Connect(t, testserver.Admin))
	before, err := log.End(t.Context(), "identity")
	if err != nil {
		t.Fatal(err)
	}
	for name, announce := range map[string]func() error{
		"an unknown key": func() error {
			return log.AnnounceInstance(t.Context(), rand.Reader, jstest.Signer(t), w.in.Name, "identity", time.Now())
		},
		"another service's name": func() error {
			return log.AnnounceInstance(t.Context(), rand.Reader, w.in.Service, "other", "identity", time.Now())
		},
	} {
		if err := announce(); !errors.Is(err, es.ErrUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	after, err := log.End(t.Context(), "identity")
	if diff := cmp.Diff(before, after); err != nil || diff != "" {
		t.Errorf("something was appended (error %v):\n%s", err, diff)
	}
}
