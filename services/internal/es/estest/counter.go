package estest

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"habeas.internal/services/internal/es"

	"go.opentelemetry.io/otel/trace/noop"
)

// Counter is the smallest aggregate with a rule: it counts until it is closed.
type Counter struct {
	Sum    uint64
	Adds   uint64
	Closed bool
}

// CounterCommand is Add or Close.
//
//sumtype:decl
type CounterCommand interface{ counterCommand() }

// Add adds By to an open counter.
type Add struct{ By uint64 }

// Close closes a counter; closing it again does nothing.
type Close struct{}

func (Add) counterCommand()   {}
func (Close) counterCommand() {}

// CounterEvent is Added, Closed or AddRefused.
//
//sumtype:decl
type CounterEvent interface{ counterEvent() }

// Added says that By was added.
type Added struct{ By uint64 }

// Closed says that the counter takes no more.
type Closed struct{}

// AddRefused says that somebody came too late.
type AddRefused struct{}

func (Added) counterEvent()      {}
func (Closed) counterEvent()     {}
func (AddRefused) counterEvent() {}

// CounterRefusal is the reason code of a refusal.
type CounterRefusal string

// ErrCounterClosed refuses an Add.
const ErrCounterClosed = CounterRefusal("COUNTER_CLOSED")

// Error is the code.
func (r CounterRefusal) Error() string { return string(r) }

// Reason is the code.
func (r CounterRefusal) Reason() string { return string(r) }

var errUnknownCommand = errors.New("unknown command")

// DecideCounter is the counter's rule.
func DecideCounter(s Counter, cmd CounterCommand) ([]CounterEvent, error) {
	switch c := cmd.(type) {
	case Add:
		if s.Closed {
			return []CounterEvent{AddRefused{}}, ErrCounterClosed
		}
		if c.By == 0 {
			return nil, nil
		}
		return []CounterEvent{Added(c)}, nil
	case Close:
		if s.Closed {
			return nil, nil
		}
		return []CounterEvent{Closed{}}, nil
	}
	return nil, errUnknownCommand
}

// EvolveCounter folds one event.
func EvolveCounter(s Counter, ev CounterEvent) Counter {
	switch e := ev.(type) {
	case Added:
		s.Sum += e.By
		s.Adds++
	case Closed:
		s.Closed = true
	case AddRefused:
	}
	return s
}

// CounterTypes are the counter's event types, for registries of tests.
func CounterTypes() []es.Type[CounterEvent] {
	return []es.Type[CounterEvent]{
		{Name: "counter.added", Schema: 1, Decode: func(ev es.Event) (CounterEvent, error) {
			n, size := binary.Uvarint(ev.Data)
			if size <= 0 {
				return nil, errors.New("counter.added: no number")
			}
			return Added{By: n}, nil
		}},
		{Name: "counter.closed", Schema: 1, Decode: func(es.Event) (CounterEvent, error) { return Closed{}, nil }},
		{Name: "counter.add_refused", Schema: 1, Decode: func(es.Event) (CounterEvent, error) { return AddRefused{}, nil }},
	}
}

// EncodeCounter is the stored form of an event.
func EncodeCounter(ev CounterEvent) es.Event {
	switch e := ev.(type) {
	case Added:
		return es.Event{Type: "counter.added", Schema: 1, Data: binary.AppendUvarint(nil, e.By)}
	case Closed:
		return es.Event{Type: "counter.closed", Schema: 1}
	case AddRefused:
		return es.Event{Type: "counter.add_refused", Schema: 1}
	}
	return es.Event{}
}

// CounterHandler runs counters on a store.
func CounterHandler(store es.Store, verifier es.Verifier) (es.Handler[Counter, CounterCommand, CounterEvent], error) {
	registry, err := es.NewRegistry(CounterTypes()...)
	return es.Handler[Counter, CounterCommand, CounterEvent]{
		Store: store, Verifier: verifier, Digester: es.KeyedDigester("counter"),
		Tracer: noop.NewTracerProvider().Tracer(""), Random: rand.Reader, Registry: registry,
		Decide: DecideCounter, Evolve: EvolveCounter,
		Encode: func(_ context.Context, _ es.Aggregate, _ string, ev CounterEvent) (es.Event, error) {
			return EncodeCounter(ev), nil
		},
		Refuse: func(reason string) error { return CounterRefusal(reason) },
	}, err
}

// ClientCommand is a client's command with the id and the body.
func ClientCommand(id string, data CounterCommand, body string) es.Command[CounterCommand] {
	return es.Command[CounterCommand]{ID: id, Client: true, Body: []byte(body), At: time.Now().UTC(), Data: data}
}
