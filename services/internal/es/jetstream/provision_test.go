package jetstream_test

import (
	"errors"
	"testing"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/testserver"

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
	for _, name := range []string{jetstream.StreamTimers, jetstream.StreamPark, jetstream.StreamName("identity", 1)} {
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

func TestAnInstanceKeyOfAnotherServiceVouchesForNothing(t *testing.T) {
	w := newWorld(t)
	intruder := jstest.Signer(t)
	log := w.in
	log.Service = intruder // announces itself, but no log key announced it
	opened := log.Open(t, w.server.Connect(t, testserver.Admin))
	agg := counter(t)
	if _, err := opened.Append(t.Context(), es.Head{}, estest.NewCommit(t, agg, 1)); err != nil {
		t.Fatal(err)
	}
	var corrupt *es.CorruptError
	if _, _, err := w.handler.Load(t.Context(), agg, es.Leader); !errors.As(err, &corrupt) || corrupt.Reason != es.CorruptKey {
		t.Errorf("want an unknown key, got %v", err)
	}
}
