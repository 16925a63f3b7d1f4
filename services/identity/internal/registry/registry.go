// Package registry keeps subjects and the rows by which they are found
// together: a claim stands before its event, and rows and keys go after it.
//
// What a caller may rely on:
//
//   - One value has one holder. Who registers or links a value that somebody
//     holds is refused.
//   - A registration that comes again with the same request id gets the same
//     subject, because the id has a row of its own.
//   - Forget may be interrupted anywhere and called again. When it returns nil,
//     no row leads to the subject and its profile key is destroyed.
//
// A crash between a claim and its event leaves a claim; the table's Sweep asks
// Holdings, which bars it and gives it back.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/lookup"
	"habeas.internal/services/internal/seal/vault"
)

// Context is the context that subjects live in.
const Context = "identity"

// Subjects runs the commands of subjects.
type Subjects = es.Handler[subject.Subject, subject.Command, subject.Event]

// Command is one of a subject's.
type Command = es.Command[subject.Command]

// Result is what became of a command.
type Result = es.Result[subject.Subject, subject.Event]

// Value is a normalised identifier in clear. It prints as [redacted].
type Value struct {
	Kind      string
	Text      string
	Analytics bool // the tenant has declared the kind as one that stands alone
}

func (v Value) same(other Value) bool { return v.Kind == other.Kind && v.Text == other.Text }

// String hides the value.
func (Value) String() string { return "[redacted]" }

// GoString hides the value from %#v.
func (Value) GoString() string { return "[redacted]" }

// LogValue hides the value from slog.
func (Value) LogValue() slog.Value { return slog.StringValue("[redacted]") }

func (v Value) in(tenant string) lookup.Value {
	return lookup.Value{Tenant: tenant, Kind: v.Kind, Text: v.Text}
}

// Config is what a Registry needs. All of it is required.
type Config struct {
	Subjects Subjects
	Table    *lookup.Table
	Opener   eventpb.Opener
	// Destroy ends a key; the vault's.
	Destroy func(ctx context.Context, o vault.Order) error
	// Residue is when the last wrapped copy of destroyed keys ends.
	Residue func(ctx context.Context, keys []seal.KeyID) (time.Time, error)
	Random  io.Reader
	Now     func() time.Time
	Log     *slog.Logger
}

// Registry keeps subjects. It may be used by several goroutines and processes.
type Registry struct{ cfg Config }

// New makes a Registry.
func New(cfg Config) (*Registry, error) {
	missing := cfg.Table == nil || cfg.Opener == nil || cfg.Destroy == nil || cfg.Residue == nil ||
		cfg.Random == nil || cfg.Now == nil || cfg.Log == nil || cfg.Subjects.Store == nil
	if missing {
		return nil, errors.New("registry: configuration is incomplete")
	}
	return &Registry{cfg: cfg}, nil
}

// Aggregate is that of a subject.
func Aggregate(tenant, ref string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: subject.AggregateType, ID: ref}
}

// Load returns a subject as it is now.
func (r *Registry) Load(ctx context.Context, tenant, ref string) (subject.Subject, error) {
	s, _, err := r.cfg.Subjects.Load(ctx, Aggregate(tenant, ref), es.Leader)
	if err == nil && s.Phase == subject.Unknown {
		err = subject.ErrNotFound
	}
	return s, err
}

// Open returns an identifier's value in clear, or seal.ErrErased.
func (r *Registry) Open(ctx context.Context, purpose, tenant, ref string, i subject.Identifier) (Value, error) {
	text, err := eventpb.Open(ctx, r.cfg.Opener, purpose, Aggregate(tenant, ref), i.Value)
	return Value{Kind: i.Kind, Text: text}, err
}

// Resolve finds who holds a value, of merged subjects the one that stays:
// subject.ErrNotFound if nobody does.
func (r *Registry) Resolve(ctx context.Context, tenant string, v Value) (string, error) {
	h, err := r.Holder(ctx, tenant, v)
	if err != nil {
		return "", err
	}
	if h.Subject.Into.Done {
		return h.Subject.Into.Subject, nil
	}
	return h.Ref, nil
}

// Holder is who holds a value.
type Holder struct {
	Ref     string
	Number  uint32 // of the identifier
	Subject subject.Subject
}

// Holder finds who holds a value, by the reference that was given it, whatever
// that was merged into since: subject.ErrNotFound if nobody does.
func (r *Registry) Holder(ctx context.Context, tenant string, v Value) (Holder, error) {
	owner, err := r.cfg.Table.Resolve(ctx, v.in(tenant))
	if errors.Is(err, lookup.ErrNotFound) {
		return Holder{}, subject.ErrNotFound
	}
	if err != nil {
		return Holder{}, fmt.Errorf("look up: %w", err)
	}
	s, err := r.Load(ctx, tenant, owner.SubjectRef)
	if err != nil {
		return Holder{}, err
	}
	for _, i := range s.Held { // the log decides, not the row
		if i.Claim == owner.CommandID {
			return Holder{Ref: owner.SubjectRef, Number: i.Number, Subject: s}, nil
		}
	}
	return Holder{}, subject.ErrNotFound
}

// purposes for which values are opened here.
const (
	purposeLookup = "lookup"
	purposeErase  = "erasure"
)

// holding returns the number of the held identifier that has a value, or zero.
func (r *Registry) holding(ctx context.Context, tenant, ref string, s subject.Subject, v Value) (uint32, error) {
	for _, i := range s.Held {
		if i.Kind != v.Kind {
			continue
		}
		have, err := r.Open(ctx, purposeLookup, tenant, ref, i)
		if errors.Is(err, seal.ErrErased) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("open identifier: %w", err)
		}
		if have.same(v) {
			return i.Number, nil
		}
	}
	return 0, nil
}
