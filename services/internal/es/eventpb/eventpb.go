// Package eventpb turns a domain's events into messages of the contract and
// back. A message that is an event says so by an option, which holds the name
// under which it is stored; what is personal in it is sealed on the way in and
// stays sealed on the way out.
package eventpb

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/es"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Entry pairs an event of the domain E with its message.
type Entry[E any] struct {
	name   string
	domain reflect.Type
	pack   func(*Writer, E) proto.Message
	unpack func(es.Event) (E, error)
}

// Of pairs the domain's event D with the message M. D must implement E. pack
// may seal; unpack reports what can't be by Reader.Fail.
func Of[E, D any, M proto.Message](pack func(*Writer, D) M, unpack func(*Reader, M) D) Entry[E] {
	var message M
	var event D
	return Entry[E]{
		name:   Name(message.ProtoReflect().Descriptor()),
		domain: reflect.TypeOf(event),
		pack: func(w *Writer, e E) proto.Message {
			d, _ := any(e).(D) // Encode found this entry by the type
			return pack(w, d)
		},
		unpack: func(ev es.Event) (none E, err error) {
			m, ok := message.ProtoReflect().New().Interface().(M)
			if !ok {
				return none, errMismatch
			}
			if err := proto.Unmarshal(ev.Data, m); err != nil {
				return none, fmt.Errorf("unmarshal: %w", err)
			}
			r := &Reader{event: ev.ID}
			e, ok := any(unpack(r, m)).(E)
			if !ok {
				return none, errMismatch
			}
			return e, r.err
		},
	}
}

var (
	errMismatch = errors.New("event does not belong to the domain")
	errUnknown  = errors.New("encode: unknown event")
)

// Name is the name under which an event's message is stored, or "" when the
// message is no event.
func Name(d protoreflect.MessageDescriptor) string {
	name, _ := proto.GetExtension(d.Options(), optionsv1.E_Event).(string)
	return name
}

// Codec reads and writes the events of one kind of aggregate.
type Codec[E any] struct {
	registry es.Registry[E]
	entries  map[reflect.Type]Entry[E]
}

// New makes a codec. Every message needs a name and may appear once.
func New[E any](entries ...Entry[E]) (Codec[E], error) {
	c := Codec[E]{entries: map[reflect.Type]Entry[E]{}}
	var types []es.Type[E]
	for _, e := range entries {
		if e.domain == nil || c.entries[e.domain].pack != nil {
			return c, fmt.Errorf("pair event %s: %w", e.name, errMismatch)
		}
		c.entries[e.domain] = e
		types = append(types, es.Type[E]{Name: e.name, Schema: 1, Decode: e.unpack})
	}
	var err error
	c.registry, err = es.NewRegistry(types...)
	return c, err
}

// Registry reads the events.
func (c Codec[E]) Registry() es.Registry[E] { return c.registry }

// Encode writes events; s seals what is personal in them. It fits
// es.Handler.Encode.
func (c Codec[E]) Encode(s Sealer) func(context.Context, es.Aggregate, string, E) (es.Event, error) {
	return func(ctx context.Context, agg es.Aggregate, eventID string, ev E) (es.Event, error) {
		e, ok := c.entries[reflect.TypeOf(ev)]
		if !ok {
			return es.Event{}, errUnknown
		}
		w := &Writer{ctx: ctx, sealer: s, aggregate: agg, event: eventID}
		m := e.pack(w, ev)
		if w.err != nil {
			return es.Event{}, fmt.Errorf("encode %s: %w", e.name, w.err)
		}
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			return es.Event{}, fmt.Errorf("encode %s: %w", e.name, err)
		}
		return es.Event{Type: e.name, Schema: 1, Data: data}, nil
	}
}
