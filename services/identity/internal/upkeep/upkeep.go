// Package upkeep does what has to be done from time to time: finish what a
// crash left half done, end key-encryption keys whose time has come, let go of
// what has expired. Every task may run in several processes at once and may be
// interrupted; one that fails is told of and runs again at its time.
package upkeep

import (
	"context"
	"log/slog"
	"math/rand/v2" //nolint:depguard // jitter: whoever guesses it learns when a sweep runs
	"time"
)

// Task is one kind of work.
type Task struct {
	Name  string
	Every time.Duration
	Do    func(ctx context.Context) error
}

// Run does a task again and again until ctx ends, and then returns nil. The
// first time comes within one interval, so that processes that start together
// do not work together.
func (t Task) Run(ctx context.Context, log *slog.Logger) error {
	wait := rand.N(t.Every)
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if err := t.Do(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "upkeep failed", slog.String("task", t.Name), slog.String("error", err.Error()))
		}
		wait = t.Every
	}
}
