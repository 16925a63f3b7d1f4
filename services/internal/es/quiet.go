package es

import (
	"context"
	"errors"
)

// quietKey marks a context.
type quietKey struct{}

// Quiet is a context in which a refusal is answered and not recorded: for
// callers who have caused as many records as they may, and whose commands that
// are no refusals have to be carried out all the same.
func Quiet(ctx context.Context) context.Context { return context.WithValue(ctx, quietKey{}, true) }

// quiet reports whether this refusal is to be answered alone.
func quiet(ctx context.Context, refusal error) bool {
	var r Refusal
	marked, _ := ctx.Value(quietKey{}).(bool)
	return marked && errors.As(refusal, &r)
}
