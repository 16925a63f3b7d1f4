package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Annotate reads the annotations of any method, registered or not.
func Annotate(d protoreflect.MethodDescriptor) (Limits, error) {
	m := &method{name: string(d.FullName())}
	err := m.annotate(d, Limits{}.orDefaults())
	return m.limits, err
}

// Fresh reports whether a step-up at one time counts at another.
func Fresh(at, now time.Time) bool { return fresh(at, now) }

// Bound tries to begin a unary call that has so much time left.
func Bound(ctx context.Context, left time.Duration) error {
	now := time.Now()
	ctx, stop := context.WithDeadline(ctx, now.Add(left))
	defer stop()
	c := &call{Context: ctx, began: now, method: &method{capped: true, limits: Limits{}.orDefaults()}}
	cancel, err := c.bound()
	cancel()
	return err
}
