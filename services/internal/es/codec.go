package es

import (
	"fmt"
	"slices"
	"strings"
)

// Type describes how events of one name are read.
type Type[E any] struct {
	// Name in the past tense with the aggregate's noun: "book.opened".
	Name string
	// Schema is the newest version of the shape, from 1.
	Schema uint32
	// Decode reads an event of the newest schema. Its id is known when it was
	// read from a commit.
	Decode func(ev Event) (E, error)
	// Upcast turns an event of an older schema into what it means today:
	// none, one or several events, of this or another type. Pure; the log is
	// never rewritten.
	Upcast map[uint32]func(Event) ([]Event, error)
}

// Registry knows every event type of one context. It is immutable.
type Registry[E any] struct{ types map[string]Type[E] }

// NewRegistry makes a registry; a name may appear once, and every schema
// below the newest needs an upcaster.
func NewRegistry[E any](types ...Type[E]) (Registry[E], error) {
	r := Registry[E]{types: make(map[string]Type[E], len(types))}
	for _, t := range types {
		if _, dup := r.types[t.Name]; dup || t.Name == "" || t.Schema == 0 || t.Decode == nil {
			return r, fmt.Errorf("register event type %q: twice or incomplete", t.Name)
		}
		for v := uint32(1); v < t.Schema; v++ {
			if t.Upcast[v] == nil {
				return r, fmt.Errorf("register event type %q: no upcaster from schema %d", t.Name, v)
			}
		}
		r.types[t.Name] = t
	}
	return r, nil
}

// Types lists the registered types by name.
func (r Registry[E]) Types() []Type[E] {
	out := make([]Type[E], 0, len(r.types))
	for _, t := range r.types {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Type[E]) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// maxUpcasts bounds a chain of upcasters, so that a loop is an error.
const maxUpcasts = 64

// Decode reads an event of the registry's own context. An unknown type or a
// newer schema is an UnknownEventError: the reader must halt.
func (r Registry[E]) Decode(ev Event) ([]E, error) {
	return r.decode(ev, maxUpcasts)
}

func (r Registry[E]) decode(ev Event, left int) ([]E, error) {
	t, ok := r.types[ev.Type]
	if !ok || ev.Schema > t.Schema || ev.Schema == 0 || left == 0 {
		return nil, &UnknownEventError{Type: ev.Type, Schema: ev.Schema}
	}
	if ev.Schema == t.Schema {
		e, err := t.Decode(ev)
		if err != nil {
			return nil, fmt.Errorf("decode event %s: %w", ev.Type, err)
		}
		return []E{e}, nil
	}
	newer, err := t.Upcast[ev.Schema](ev)
	if err != nil {
		return nil, fmt.Errorf("upcast event %s from schema %d: %w", ev.Type, ev.Schema, err)
	}
	var out []E
	for _, n := range newer {
		n.ID = ev.ID
		es, err := r.decode(n, left-1)
		if err != nil {
			return nil, err
		}
		out = append(out, es...)
	}
	return out, nil
}

// DecodeForeign reads an event of another context: what the registry does not
// know is passed over, unless the event is marked critical.
func (r Registry[E]) DecodeForeign(ev Event) ([]E, error) {
	t, ok := r.types[ev.Type]
	if (!ok || ev.Schema > t.Schema) && !ev.Critical {
		return nil, nil
	}
	return r.Decode(ev)
}

// DecodeAll reads all events of a commit, in order.
func (r Registry[E]) DecodeAll(c Commit) ([]E, error) {
	out := make([]E, 0, len(c.Events))
	for i, ev := range c.Events {
		ev.ID = EventID(c.ID, i)
		es, err := r.Decode(ev)
		if err != nil {
			return nil, err
		}
		out = append(out, es...)
	}
	return out, nil
}
