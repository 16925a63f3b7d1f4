package clocks

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/person"

	"go.opentelemetry.io/otel/trace/noop"
)

type trusting struct{}

func (trusting) Verify(context.Context, es.Recorded) error { return nil }

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// told runs a command on somebody and lets the book read what came of it.
func told(t *testing.T, h rpc.Persons, b *Book, ref string, cmd person.Command) {
	t.Helper()
	res, err := h.Handle(t.Context(), rpc.PersonOf("acme", ref), es.Command[person.Command]{ID: ref + fmt.Sprintf("%T%v", cmd, cmd), At: noon(), Data: cmd})
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range res.Events {
		b.note(rpc.PersonOf("acme", ref), ev)
	}
}

func TestWhoIsDueIsAnnouncedOnceAndNotUnderAHold(t *testing.T) {
	signer, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, err := rpc.NewPersons(rpc.Persons{
		Store: es.NewMemoryStore(signer), Verifier: trusting{}, Digester: es.KeyedDigester("key"), Tracer: noop.NewTracerProvider().Tracer(""), Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	b := New(h.Registry)
	for i, ref := range []string{"early", "late", "held"} {
		told(t, h, b, ref, person.StartClocks{Clocks: []person.Clock{{
			Name: person.Name{Policy: "main", Category: "contacts", StartsOn: "collected"}, StartedAt: noon(), DueAt: noon().AddDate(0, 0, []int{1, 9, 1}[i]),
		}}})
	}
	told(t, h, b, "held", person.PlaceHold{Hold: "h", Ground: "legal_claim", Authority: "7", At: noon(), ReviewAt: noon().AddDate(1, 0, 0)})
	at := noon().AddDate(0, 0, 2)
	a := Announcer{Book: b, Persons: h, Now: func() time.Time { return at }}
	due := func(ref string, want int) {
		t.Helper()
		for range 2 { // the book has not read the announcement yet
			if err := a.Announce(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s, _, err := h.Load(t.Context(), rpc.PersonOf("acme", ref), es.Leader)
		if err != nil || s.Announcements != want {
			t.Errorf("%s was announced %d times, want %d; error %v", ref, s.Announcements, want, err)
		}
	}
	due("early", 1)
	due("late", 0)
	due("held", 0)
	told(t, h, b, "held", person.ReleaseHold{Hold: "h", At: at})
	due("held", 1)
	at = noon().AddDate(0, 0, 10)
	due("late", 1)
	due("early", 1)
}
