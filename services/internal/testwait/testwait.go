// Package testwait waits for something to become true without sleeping
// blindly: it asks again and again, and when time is up it says what the last
// answer was.
package testwait

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// interval is the pause between two questions: short enough not to slow a test
// down, long enough to leave the processor to the server that is waited for.
const interval = 10 * time.Millisecond

// patience is how long For waits at least: to give up earlier shows nothing but
// that a machine is slow.
const patience = time.Minute

// For asks ready until it returns nil, at once and then every ten
// milliseconds. After timeout, or a minute if that is longer, it ends the test
// with ready's last error. Call it from the test's own goroutine only, and not
// with a ready that blocks.
func For(t testing.TB, timeout time.Duration, ready func() error) {
	t.Helper()
	timeout = max(timeout, patience)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := Until(ctx, ready); err != nil {
		t.Fatalf("waited %s in vain: %v", timeout, err)
	}
}

// Until asks ready until it returns nil or ctx ends. The error then wraps both
// the context's and ready's last one. Ready is asked at least once.
func Until(ctx context.Context, ready func() error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if final := new(finalError); errors.As(err, &final) {
			return final.error
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last answer: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// Final marks an error that asking again cannot mend: Until and For give up at
// once with err.
func Final(err error) error { return &finalError{err} }

type finalError struct{ error }

func (f *finalError) Unwrap() error { return f.error }
