package sealtest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"habeas.internal/services/internal/seal/lookup"
)

// ErrBarred means: the command was settled as never having happened.
var ErrBarred = errors.New("command is barred")

// Holdings is a log of who holds which value, as a lookup table asks it. Like
// the real one it does not look at other subjects: that a value has one holder
// is for the table to see to. The zero value is empty and ready.
type Holdings struct {
	mu     sync.Mutex
	done   map[string]bool           // commands whose event is appended
	barred map[string]bool           // commands that never will be
	held   map[string][]lookup.Value // by subject
	owners map[lookup.Value][]string // everyone who ever held it
}

// Append records that a subject holds a value.
func (h *Holdings) Append(v lookup.Value, o lookup.Owner) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.barred[o.CommandID] {
		return ErrBarred
	}
	if h.done[o.CommandID] {
		return nil
	}
	if h.done == nil {
		h.done, h.held, h.owners = map[string]bool{}, map[string][]lookup.Value{}, map[lookup.Value][]string{}
	}
	h.done[o.CommandID] = true
	h.held[o.SubjectRef] = append(h.held[o.SubjectRef], v)
	h.owners[v] = append(h.owners[v], o.SubjectRef)
	return nil
}

// Erase records that a subject does not hold a value any more.
func (h *Holdings) Erase(v lookup.Value, subjectRef string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held[subjectRef] = slices.DeleteFunc(h.held[subjectRef], func(have lookup.Value) bool { return have == v })
}

// Holds is part of lookup.Log.
func (h *Holdings) Holds(_ context.Context, tenant, subjectRef, kind, commandID string) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.done[commandID] {
		if h.barred == nil {
			h.barred = map[string]bool{}
		}
		h.barred[commandID] = true
	}
	var out []string
	for _, v := range h.held[subjectRef] {
		if v.Tenant == tenant && v.Kind == kind {
			out = append(out, v.Text)
		}
	}
	return out, nil
}

// Owners lists everyone who ever held a value.
func (h *Holdings) Owners(v lookup.Value) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.owners[v])
}
