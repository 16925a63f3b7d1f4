package es

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2" //nolint:depguard // jitter: whoever guesses it learns when a race is tried again
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Command asks one aggregate to do something. Everything that Decide may not
// make up itself travels in Data: time, ids, randomness.
type Command[C any] struct {
	ID     string // made by the sender, unique per intent; never empty
	Client bool   // sent by a client: a repeat is answered with the first result
	Body   []byte // the client's request, to tell a repeat from a reuse; never stored
	At     time.Time
	Meta   Meta
	Data   C
}

// Result is what became of a command.
type Result[S, E any] struct {
	State    S    // after the command
	Head     Head // of the aggregate, after the command
	Events   []E  // what this command did; none when nothing had to be done
	Position Position
	Repeated bool // an earlier call with the same id did this
}

// Token lets a later read see this command.
func (r Result[S, E]) Token() Token {
	if r.Position.Stream == "" {
		return Token{}
	}
	return TokenAt(r.Position)
}

// Refusal is how a domain says no by rule, with a reason code from a closed
// vocabulary. Decide returns it as its error, alone or together with the
// event that records it.
type Refusal interface {
	error
	Reason() string
}

// Digester makes and compares keyed digests of command bodies. They are keyed
// because a body holds personal data and the digest stays in the log.
type Digester interface {
	Digest(ctx context.Context, tenant string, body []byte) ([]byte, error)
	// Same reports whether digest was made of body. It may answer true when
	// the key of an old digest is gone.
	Same(ctx context.Context, tenant string, digest, body []byte) (bool, error)
}

// Handler runs the commands of one kind of aggregate. S is its state, C its
// commands, E its events.
type Handler[S, C, E any] struct {
	Store    Store
	Verifier Verifier
	Digester Digester
	Tracer   trace.Tracer
	Random   io.Reader // for commit ids
	Registry Registry[E]

	// Decide returns the events that cmd causes; with none and no error there
	// is nothing to do. Pure.
	Decide func(s S, cmd C) ([]E, error)
	// Evolve folds one event into the state. Pure; it cannot refuse.
	Evolve func(s S, e E) S
	// Encode turns an event into its stored form, sealing what is personal
	// for the given event id.
	Encode func(ctx context.Context, agg Aggregate, eventID string, e E) (Event, error)
	// Refuse is the domain's refusal with a reason code, for repeats.
	Refuse func(reason string) error
}

// maxTries bounds how often a lost race is decided again.
const maxTries = 8

type loaded[S any] struct {
	state  S
	head   Head
	memory Memory
}

// Handle runs cmd on agg. A refusal is returned as the error, with the result
// that recorded it. ErrContended and ErrUnavailable are worth another try;
// after ErrUnknownOutcome the same command may be sent again.
func (h Handler[S, C, E]) Handle(ctx context.Context, agg Aggregate, cmd Command[C]) (Result[S, E], error) {
	if cmd.ID == "" {
		return Result[S, E]{}, ErrNoCommandID
	}
	ctx, span := h.Tracer.Start(ctx, "handle "+agg.Context+" "+agg.Type,
		trace.WithAttributes(attribute.String("habeas.command.id", cmd.ID)))
	defer span.End()
	source := AnyReplica
	for try := range maxTries {
		res, err := h.try(ctx, agg, cmd, source)
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrStale) {
			return res, err
		}
		source = Leader
		if err := pause(ctx, try); err != nil {
			return res, err
		}
	}
	return Result[S, E]{}, ErrContended
}

func pause(ctx context.Context, try int) error {
	jitter := time.Duration(rand.Int64N(int64(time.Millisecond) << min(try, 5)))
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait before another try: %w", ErrContended)
	case <-time.After(jitter):
		return nil
	}
}

func (h Handler[S, C, E]) try(ctx context.Context, agg Aggregate, cmd Command[C], source Source) (Result[S, E], error) {
	cur, err := h.load(ctx, agg, source)
	if err != nil {
		return Result[S, E]{}, fmt.Errorf("load: %w", err)
	}
	if done, ok := cur.memory.find(cmd.ID, cmd.Client); ok {
		if source == AnyReplica { // it may lack what the client has seen since
			return h.try(ctx, agg, cmd, Leader)
		}
		return h.repeat(ctx, agg, cmd, cur, done)
	}
	events, refusal := h.Decide(cur.state, cmd.Data)
	if quiet(ctx, refusal) {
		events = nil
	}
	if len(events) == 0 {
		// Nothing would be appended, so no expectation would catch a stale state.
		if err := h.Store.Confirm(ctx, agg, cur.head); err != nil {
			return Result[S, E]{}, fmt.Errorf("confirm: %w", err)
		}
		return Result[S, E]{State: cur.state, Head: cur.head}, refusal
	}
	c, err := h.commit(ctx, agg, cmd, events, refusal)
	if err != nil {
		return Result[S, E]{}, err
	}
	rec, err := h.Store.Append(ctx, cur.head, c)
	if err != nil {
		return Result[S, E]{}, fmt.Errorf("append: %w", err)
	}
	return h.result(cur, rec, events), refusal
}

func (h Handler[S, C, E]) commit(ctx context.Context, agg Aggregate, cmd Command[C], events []E, refusal error) (Commit, error) {
	id, err := NewID(h.Random)
	if err != nil {
		return Commit{}, err
	}
	c := Commit{ID: id, CommandID: cmd.ID, Client: cmd.Client, Aggregate: agg, Time: cmd.At, Meta: cmd.Meta}
	if refusal != nil {
		var r Refusal
		if !errors.As(refusal, &r) {
			return Commit{}, fmt.Errorf("decide: events together with an error that is no refusal: %w", refusal)
		}
		c.Refusal = r.Reason()
	}
	if cmd.Client {
		if c.Digest, err = h.Digester.Digest(ctx, agg.Tenant, cmd.Body); err != nil {
			return Commit{}, fmt.Errorf("digest command: %w", err)
		}
	}
	for i, e := range events {
		ev, err := h.Encode(ctx, agg, EventID(id, i), e)
		if err != nil {
			return Commit{}, fmt.Errorf("encode event: %w", err)
		}
		c.Events = append(c.Events, ev)
	}
	return c, nil
}

func (h Handler[S, C, E]) result(cur loaded[S], rec Recorded, events []E) Result[S, E] {
	for _, e := range events {
		cur.state = h.Evolve(cur.state, e)
	}
	return Result[S, E]{
		State:    cur.state,
		Head:     Head{Seq: rec.Position.Seq, Commits: cur.head.Commits + 1, Version: cur.head.Version + uint64(len(rec.Events)), Hash: rec.Hash},
		Events:   events,
		Position: rec.Position,
	}
}

// repeat answers a command that is in the aggregate's memory from the commit
// that it made then.
func (h Handler[S, C, E]) repeat(ctx context.Context, agg Aggregate, cmd Command[C], cur loaded[S], done Remembered) (Result[S, E], error) {
	if cmd.Client {
		same, err := h.Digester.Same(ctx, agg.Tenant, done.Digest, cmd.Body)
		if err != nil {
			return Result[S, E]{}, fmt.Errorf("compare command: %w", err)
		}
		if !same {
			return Result[S, E]{}, ErrCommandReused
		}
	}
	res := Result[S, E]{State: cur.state, Head: cur.head, Repeated: true}
	for r, err := range h.Store.Load(ctx, agg, done.Seq-1, Leader) {
		if err != nil {
			return res, fmt.Errorf("load first result: %w", err)
		}
		if r.Hash != done.Hash { // the load before has verified that one
			return res, corrupt(r, CorruptChain)
		}
		if res.Events, err = h.Registry.DecodeAll(r.Commit); err != nil {
			return res, err
		}
		res.Position = r.Position
		if r.Refusal != "" {
			return res, h.Refuse(r.Refusal)
		}
		return res, nil
	}
	return res, fmt.Errorf("load first result: %w", ErrUnavailable)
}

// Load returns the aggregate's state and head, read from source.
func (h Handler[S, C, E]) Load(ctx context.Context, agg Aggregate, source Source) (S, Head, error) {
	cur, err := h.load(ctx, agg, source)
	return cur.state, cur.head, err
}

func (h Handler[S, C, E]) load(ctx context.Context, agg Aggregate, source Source) (loaded[S], error) {
	return h.fold(ctx, h.Store.Load(ctx, agg, 0, source))
}

func (h Handler[S, C, E]) fold(ctx context.Context, commits iter.Seq2[Recorded, error]) (loaded[S], error) {
	var cur loaded[S]
	head, err := Fold(ctx, h.Verifier, Head{}, commits, func(r Recorded) error {
		events, err := h.Registry.DecodeAll(r.Commit)
		if err != nil {
			return err
		}
		for _, e := range events {
			cur.state = h.Evolve(cur.state, e)
		}
		cur.memory = cur.memory.remember(r)
		return nil
	})
	cur.head = head
	return cur, err
}
