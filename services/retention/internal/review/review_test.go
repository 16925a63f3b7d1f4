package review_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/retention/internal/review"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/person"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace/noop"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// trusting vouches for every commit: who wrote them is not the point here.
type trusting struct{}

func (trusting) Verify(context.Context, es.Recorded) error { return nil }

// world is a person with holds, and the list of their dates.
type world struct {
	persons rpc.Persons
	agg     es.Aggregate
	dates   *review.Dates
	read    es.Checkpoint
	steps   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	signer, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{agg: rpc.PersonOf("acme", "aaaaaaaaaaaaaaaaaaaaaaaaaa")}
	w.persons, err = rpc.NewPersons(rpc.Persons{
		Store: es.NewMemoryStore(signer), Verifier: trusting{}, Digester: es.KeyedDigester("key"),
		Tracer: noop.NewTracerProvider().Tracer(""), Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.dates = review.New(w.persons.Registry)
	return w
}

func (w *world) do(t *testing.T, data person.Command) {
	t.Helper()
	w.steps++
	cmd := es.Command[person.Command]{ID: es.StepID(w.agg, "test", w.steps), At: noon(), Data: data}
	if _, err := w.persons.Handle(t.Context(), w.agg, cmd); err != nil {
		t.Fatal(err)
	}
}

func (w *world) place(t *testing.T, hold string, reviewAt time.Time) {
	t.Helper()
	w.do(t, person.PlaceHold{Hold: hold, Ground: "g", Authority: "a", ReviewAt: reviewAt, At: noon()})
}

// news are the commits that the list has not read.
func (w *world) news(t *testing.T) []es.Recorded {
	t.Helper()
	var batch []es.Recorded
	for r, err := range w.persons.Store.Load(t.Context(), w.agg, w.read.Seq, es.Leader) {
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, r)
	}
	return batch
}

// announce lets the list read on, and then announces by a clock.
func (w *world) announce(t *testing.T, at time.Time) {
	t.Helper()
	if batch := w.news(t); len(batch) > 0 {
		if err := w.dates.Apply(t.Context(), w.read, batch); err != nil {
			t.Fatal(err)
		}
		w.read = es.CheckpointAt(batch[len(batch)-1])
	}
	a := review.Announcer{
		Dates: w.dates, Persons: w.persons, Now: func() time.Time { return at }, Every: time.Hour, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if err := a.Announce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// due lists the holds that were announced.
func (w *world) due(t *testing.T) []string {
	t.Helper()
	s, _, err := w.persons.Load(t.Context(), w.agg, es.Leader)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, h := range s.Holds {
		if h.ReviewDue {
			out = append(out, h.ID)
		}
	}
	return out
}

func TestADateIsAnnouncedOnceItHasPassed(t *testing.T) {
	w := newWorld(t)
	w.place(t, "soon", noon().Add(time.Hour))
	w.place(t, "later", noon().Add(2*time.Hour))
	w.place(t, "released", noon().Add(time.Hour))
	w.do(t, person.ReleaseHold{Hold: "released", At: noon()})
	for _, tc := range []struct {
		name  string
		after time.Duration
		want  []string
	}{
		{"before it nothing happens", time.Hour - 1, nil},
		{"then it is announced", time.Hour, []string{"soon"}},
		{"and once is enough", time.Hour + 1, []string{"soon"}},
		{"each in its time", 2 * time.Hour, []string{"soon", "later"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.announce(t, noon().Add(tc.after))
			if diff := cmp.Diff(tc.want, w.due(t)); diff != "" {
				t.Errorf("due (-want +got):\n%s", diff)
			}
		})
	}
	w.do(t, person.ReviewHold{Hold: "soon", ReviewAt: noon().Add(3 * time.Hour), At: noon()})
	w.announce(t, noon().Add(2*time.Hour))
	if diff := cmp.Diff([]string{"later"}, w.due(t)); diff != "" {
		t.Errorf("due after a review (-want +got):\n%s", diff)
	}
	w.announce(t, noon().Add(3*time.Hour))
	if diff := cmp.Diff([]string{"soon", "later"}, w.due(t)); diff != "" {
		t.Errorf("due a second time (-want +got):\n%s", diff)
	}
}

// TestTheListIsReadInOrder: a batch from elsewhere changes nothing.
func TestTheListIsReadInOrder(t *testing.T) {
	w := newWorld(t)
	w.place(t, "h", noon().Add(time.Hour))
	batch := w.news(t)
	ahead := es.Checkpoint{Position: es.Position{Stream: batch[0].Position.Stream, Epoch: batch[0].Position.Epoch, Seq: 7}}
	if err := w.dates.Apply(t.Context(), ahead, batch); !errors.Is(err, es.ErrMoved) {
		t.Errorf("a gap: error %v", err)
	}
	at, err := w.dates.Checkpoint(t.Context(), ahead.Stream, ahead.Epoch)
	if err != nil || at.Seq != 0 {
		t.Errorf("read to %d, error %v", at.Seq, err)
	}
	w.announce(t, noon())
	at, err = w.dates.Checkpoint(t.Context(), ahead.Stream, ahead.Epoch)
	if err != nil || at != w.read {
		t.Errorf("read to %+v, error %v, want %+v", at, err, w.read)
	}
}

// TestAHoldIsCountedOnceHoweverOftenItsStreamIsRead: after a restore the stream has
// another epoch, and is read from its beginning.
func TestAHoldIsCountedOnceHoweverOftenItsStreamIsRead(t *testing.T) {
	w := newWorld(t)
	w.place(t, "one", noon().Add(time.Hour))
	w.place(t, "two", noon().Add(time.Hour))
	all := w.news(t)
	for _, epoch := range []string{"before", "after"} {
		for i := range all {
			all[i].Position.Epoch = epoch
		}
		from := es.Checkpoint{Position: es.Position{Stream: all[0].Position.Stream, Epoch: epoch}}
		if err := w.dates.Apply(t.Context(), from, all); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := w.dates.Standing(t.Context(), "acme", nil); err != nil || n != 2 {
		t.Errorf("%d holds stand, %v; want 2", n, err)
	}
}
