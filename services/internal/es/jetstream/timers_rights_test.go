package jetstream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"habeas.internal/services/internal/es/jetstream"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// scheduled is a timer of an aggregate, with its target.
func scheduled(timer, target string) *nats.Msg {
	return &nats.Msg{Subject: "habeas.timer." + timer, Header: nats.Header{
		"Nats-Schedule":        {"@at " + time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)},
		"Nats-Schedule-Target": {"habeas.due." + target},
	}}
}

// waiting is how many timers wait in a context.
func (a alone) waiting(t *testing.T, domain string) uint64 {
	t.Helper()
	js, err := natsjs.New(a.admin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), jetstream.TimersStream(domain))
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// A message with a rollup empties the stream that it is put into, and a
// schedule puts a message into its stream under any subject of it. Both are
// tried on the service's own timers as well: there they work.
func TestNoServiceTouchesTheTimersOfAnother(t *testing.T) {
	a := consentAlone(t)
	js, err := natsjs.New(a.nc)
	if err != nil {
		t.Fatal(err)
	}
	put := func(js natsjs.JetStream, m *nats.Msg) error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := js.PublishMsg(ctx, m)
		return err
	}
	admin, err := natsjs.New(a.admin)
	if err != nil {
		t.Fatal(err)
	}
	const of = ".00.t.counter.a.close"
	for _, domain := range []string{"identity", "consent"} {
		if err := put(admin, scheduled(domain+of, domain+of)); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(js, scheduled("consent.00.t.counter.b.close", "identity"+of)); err == nil {
		t.Error("a timer of another service can be fired")
	}
	if err := put(js, scheduled("consent.00.t.counter.b.close", "consent"+of)); err != nil {
		t.Errorf("one of its own can't: %v", err)
	}
	if err := put(js, &nats.Msg{Subject: "habeas.timer.consent.00.t.counter.c.close", Header: nats.Header{"Nats-Rollup": {"all"}}}); err != nil {
		t.Fatal(err)
	}
	if own, foreign := a.waiting(t, "consent"), a.waiting(t, "identity"); own != 1 || foreign != 1 {
		t.Errorf("after a rollup %d of its own and %d of another's are there, want the rollup itself and 1", own, foreign)
	}
}

func TestNoServiceReadsOrRemovesTheTimersOfAnother(t *testing.T) {
	a := consentAlone(t)
	stream := jetstream.TimersStream("identity")
	for _, request := range []string{
		"STREAM.INFO." + stream, "STREAM.MSG.GET." + stream, "STREAM.MSG.DELETE." + stream, "STREAM.PURGE." + stream, "CONSUMER.INFO." + stream + ".due",
	} {
		if err := a.nc.Publish("$JS.API."+request, []byte(`{"seq":1}`)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-a.refused:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: reported as %v", request, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s: no refusal was reported", request)
		}
	}
}
