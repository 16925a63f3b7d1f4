package es

import (
	"context"
	"errors"
	"fmt"
)

// Saga carries work across services. S, C and E are its aggregate's; X is
// what it does outside. Every reaction is appended before anything is done,
// and what is to be done follows from the state alone: a redelivery after a
// crash finds the reaction recorded and repeats the effects, whose ids are the
// same each time.
type Saga[S, C, E, X any] struct {
	Handler Handler[S, C, E]
	// Route says which saga a commit concerns, and what to tell it; ok is
	// false when it concerns none. Pure. Its command ids derive from the
	// commit's, so that they are the same on redelivery.
	Route func(r Recorded) (agg Aggregate, cmd Command[C], ok bool, err error)
	// Effects lists what is still to be done in a state. Pure.
	Effects func(s S) []X
	// Do does one effect. It must be harmless to repeat; what it learns it
	// reports by a command of its own.
	Do func(ctx context.Context, agg Aggregate, s S, x X) error
}

// React handles one commit: record first, then act.
func (g Saga[S, C, E, X]) React(ctx context.Context, r Recorded) error {
	agg, cmd, ok, err := g.Route(r)
	if err != nil || !ok {
		return err
	}
	res, err := g.Handler.Handle(ctx, agg, cmd)
	var refusal Refusal
	if err != nil && !errors.As(err, &refusal) {
		return fmt.Errorf("record reaction: %w", err)
	}
	return g.Act(ctx, agg, res.State)
}

// Resume does what is still to be done on one saga; a timer or a sweep calls
// it where a reaction got lost with its process.
func (g Saga[S, C, E, X]) Resume(ctx context.Context, agg Aggregate) error {
	s, _, err := g.Handler.Load(ctx, agg, Leader)
	if err != nil {
		return fmt.Errorf("load saga: %w", err)
	}
	return g.Act(ctx, agg, s)
}

// Act does the effects of a state, in order; the first failure ends it.
func (g Saga[S, C, E, X]) Act(ctx context.Context, agg Aggregate, s S) error {
	for _, x := range g.Effects(s) {
		if err := g.Do(ctx, agg, s, x); err != nil {
			return fmt.Errorf("act: %w", err)
		}
	}
	return nil
}

// StepID is the id of the command that a saga's step sends on an attempt.
func StepID(saga Aggregate, step string, attempt int) string {
	return DeriveID(saga.Tenant, saga.Subject()+"/"+step, fmt.Sprint(attempt))
}
