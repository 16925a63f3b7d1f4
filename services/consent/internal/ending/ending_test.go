package ending_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/consent/internal/ending"
	"habeas.internal/services/consent/internal/rpc"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"

	"go.opentelemetry.io/otel/trace/noop"
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// trusting vouches for every commit: who wrote them is not the point here.
type trusting struct{}

func (trusting) Verify(context.Context, es.Recorded) error { return nil }

// world is a log of persons.
type world struct {
	persons rpc.Persons
	steps   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	signer, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	persons, err := rpc.NewPersons(rpc.Config{
		Store: es.NewMemoryStore(signer), Verifier: trusting{}, Digester: es.KeyedDigester("key"),
		Tracer: noop.NewTracerProvider().Tracer(""), Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &world{persons: persons}
}

func of(id string) es.Aggregate {
	return es.Aggregate{Context: "consent", Tenant: "acme", Type: person.AggregateType, ID: id}
}

// gives records a yes to a purpose, until a moment.
func (w *world) gives(t *testing.T, id, purpose string, until time.Time) {
	t.Helper()
	w.do(t, id, person.Record{
		Policy: "p", Version: 1, Evidence: "e", DecidedAt: noon().Add(-time.Hour), At: noon(),
		Choices: []person.Choice{{Purpose: purpose, Known: true, Status: person.Given, Explicit: true, ExpiresAt: until}},
	})
}

func (w *world) do(t *testing.T, id string, data person.Command) {
	t.Helper()
	w.steps++
	_, err := w.persons.Handle(t.Context(), of(id), es.Command[person.Command]{ID: es.StepID(of(id), "test", w.steps), At: noon(), Data: data})
	if err != nil {
		t.Fatal(err)
	}
}

// replica is one process: a list, and how far it has read each person.
type replica struct {
	ending.Recorder

	at es.Checkpoint
}

func (w *world) replica() *replica {
	r := &replica{Recorder: ending.Recorder{
		Ends: ending.New(w.persons.Registry, nil), Persons: w.persons, Random: rand.Reader, Every: time.Hour,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}}
	return r
}

// reads lets a replica read all that people's logs hold, in the order of the log.
func (w *world) reads(t *testing.T, r *replica, people ...string) {
	t.Helper()
	all := map[uint64]es.Recorded{}
	last := uint64(0)
	for _, id := range people {
		for c, err := range w.persons.Store.Load(t.Context(), of(id), r.at.Seq, es.Leader) {
			if err != nil {
				t.Fatal(err)
			}
			all[c.Position.Seq], last = c, max(last, c.Position.Seq)
		}
	}
	var batch []es.Recorded
	for seq := r.at.Seq + 1; seq <= last; seq++ {
		batch = append(batch, all[seq])
	}
	if len(batch) == 0 {
		return
	}
	if err := r.Ends.Apply(t.Context(), r.at, batch); err != nil {
		t.Fatal(err)
	}
	r.at = es.CheckpointAt(batch[len(batch)-1])
}

func (r *replica) record(t *testing.T, at time.Time) {
	t.Helper()
	r.Now = func() time.Time { return at }
	if err := r.Record(t.Context()); err != nil {
		t.Error(err)
	}
}

// expired counts what was recorded of a person's ends, by purpose.
func (w *world) expired(t *testing.T, id string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for r, err := range w.persons.Store.Load(t.Context(), of(id), 0, es.Leader) {
		if err != nil {
			t.Fatal(err)
		}
		events, err := w.persons.Registry.DecodeAll(r.Commit)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			if e, ok := ev.(person.ConsentExpired); ok {
				out[e.Name]++
			}
		}
	}
	return out
}

func TestAnEndIsRecordedInItsTimeWithoutAnybodysAct(t *testing.T) {
	w := newWorld(t)
	w.gives(t, "a", "mail", noon().Add(time.Hour))
	w.gives(t, "a", "track", noon().Add(2*time.Hour))
	w.gives(t, "b", "mail", noon().Add(time.Hour))
	w.do(t, "b", person.WithdrawAll{DecidedAt: noon(), At: noon()})
	r := w.replica()
	for _, tc := range []struct {
		name        string
		after       time.Duration
		mail, track int
	}{
		{"before it nothing happens", time.Hour - 1, 0, 0},
		{"then it is recorded", time.Hour, 1, 0},
		{"once", time.Hour + time.Minute, 1, 0},
		{"each in its time", 2 * time.Hour, 1, 1},
		{"and no more", 3 * time.Hour, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.reads(t, r, "a", "b")
			r.record(t, noon().Add(tc.after))
			got := w.expired(t, "a")
			if got["mail"] != tc.mail || got["track"] != tc.track || len(w.expired(t, "b")) != 0 {
				t.Errorf("recorded %v", got)
			}
		})
	}
	w.gives(t, "a", "mail", noon().Add(4*time.Hour)) // given anew, it ends anew
	w.reads(t, r, "a", "b")
	r.record(t, noon().Add(4*time.Hour))
	if got := w.expired(t, "a"); got["mail"] != 1 { // the act itself is older than the end that was recorded
		t.Errorf("recorded %v", got)
	}
}

// TestThreeReplicasRecordAnEndOnce: at the same moment, and again after each has
// started anew and read all from the beginning.
func TestThreeReplicasRecordAnEndOnce(t *testing.T) {
	w := newWorld(t)
	people := []string{"a", "b", "c", "d"}
	for _, id := range people {
		w.gives(t, id, "mail", noon().Add(time.Hour))
		w.gives(t, id, "track", noon().Add(time.Hour))
	}
	for range 3 {
		var all sync.WaitGroup
		for range 3 {
			r := w.replica()
			w.reads(t, r, people...)
			all.Go(func() { r.record(t, noon().Add(2*time.Hour)) })
		}
		all.Wait()
		for _, id := range people {
			if got := w.expired(t, id); got["mail"] != 1 || got["track"] != 1 {
				t.Errorf("of %s: %v", id, got)
			}
		}
	}
}

// TestTheListNamesNothingBeforeItIsWhole: what lies behind may have been taken back.
func TestTheListNamesNothingBeforeItIsWhole(t *testing.T) {
	w := newWorld(t)
	w.gives(t, "a", "mail", noon().Add(time.Hour))
	r := w.replica()
	r.Ends = ending.New(w.persons.Registry, map[string]es.Checkpoint{"memory": {Position: es.Position{Stream: "memory", Epoch: "memory", Seq: 2}}})
	w.reads(t, r, "a")
	r.record(t, noon().Add(2*time.Hour))
	if got := w.expired(t, "a"); len(got) != 0 {
		t.Errorf("recorded on half of the log: %v", got)
	}
	w.gives(t, "b", "mail", noon().Add(time.Hour))
	w.reads(t, r, "a", "b")
	r.record(t, noon().Add(2*time.Hour))
	if a, b := w.expired(t, "a"), w.expired(t, "b"); a["mail"] != 1 || b["mail"] != 1 {
		t.Errorf("recorded %v and %v", a, b)
	}
}

func TestTheListIsReadInOrder(t *testing.T) {
	w := newWorld(t)
	w.gives(t, "a", "mail", noon().Add(time.Hour))
	r := w.replica()
	var batch []es.Recorded
	for c, err := range w.persons.Store.Load(t.Context(), of("a"), 0, es.Leader) {
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, c)
	}
	ahead := es.Checkpoint{Position: es.Position{Stream: "memory", Epoch: "memory", Seq: 7}}
	if err := r.Ends.Apply(t.Context(), ahead, batch); !errors.Is(err, es.ErrMoved) {
		t.Errorf("a gap: error %v", err)
	}
	if at, err := r.Ends.Checkpoint(t.Context(), "memory", "memory"); err != nil || at.Seq != 0 {
		t.Errorf("read to %d, error %v", at.Seq, err)
	}
}
