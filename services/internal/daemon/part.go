package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/daemon/logs"
)

// Part is one thing that a daemon does all the time.
type Part struct {
	// Name names the part in logs, errors and readiness.
	Name string
	// Run does the work until ctx ends and then returns nil. An earlier return,
	// with an error or without, ends the daemon. Nil for a part that is only a
	// check.
	Run func(ctx context.Context) error
	// Stop ends Run gracefully while ctx lasts. Optional: without it, stopping
	// is ending Run's context, which happens in any case once Stop returns.
	Stop func(ctx context.Context) error
	// Ready is a condition of the daemon being ready. Optional.
	Ready func(ctx context.Context) error
}

// HaltError says that a part cannot trust what it works on, and that neither
// waiting nor a restart will mend it.
type HaltError struct {
	// Reason is the code that readiness shows.
	Reason string
	// Err is what was found.
	Err error
}

// Error names the reason and what was found.
func (e *HaltError) Error() string { return "halt: " + e.Reason + ": " + e.Err.Error() }

// Unwrap returns what was found.
func (e *HaltError) Unwrap() error { return e.Err }

// Halt makes the error with which a part stops the daemon for good.
func Halt(reason string, err error) error { return &HaltError{reason, err} }

// ErrEnded is the failure of a part that returned without being asked to.
var ErrEnded = errors.New("ended by itself")

// ErrStuck is the failure of a part that did not stop within the grace.
var ErrStuck = errors.New("did not stop in time")

// Exit codes of a daemon's process.
const (
	ExitOK     = 0
	ExitFailed = 1 // worth a restart
	ExitConfig = 2 // the configuration is wrong
	ExitHalted = 3 // stopped for good; a person must look
)

// ExitCode is what main passes to os.Exit for the error that Run returned.
func ExitCode(err error) int {
	var halt *HaltError
	var problem env.Problem
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &halt):
		return ExitHalted
	case errors.As(err, &problem):
		return ExitConfig
	default:
		return ExitFailed
	}
}

// run runs the part. A panic is a halt: nobody knows what state it left.
func (p Part) run(ctx context.Context, log *slog.Logger) (err error) {
	defer func() {
		if v := recover(); v != nil {
			log.ErrorContext(ctx, "part panicked", slog.String("part", p.Name),
				slog.String("panic", logs.PanicText(v)), slog.String("stack", string(debug.Stack())))
			err = Halt("PANIC", errors.New("a part panicked"))
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", p.Name, err)
		}
	}()
	err = p.Run(ctx)
	switch {
	case ctx.Err() == nil && err == nil:
		return ErrEnded
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil // the usual way to end
	default:
		return err
	}
}

// World is what lies outside a daemon and differs between a process of its own,
// one that it shares with others, and a test.
type World struct {
	Out io.Writer // log lines
	// Started is told what runs, once it can be reached; may be nil.
	Started func(Running)
	// Unobserved makes no traces and no metrics, to learn what they cost.
	Unobserved bool
	// Now is the clock by which the service decides; the machine's if nil. For tests
	// of what takes years.
	Now func() time.Time
}

// Clock is the clock by which the service decides.
func (w World) Clock() func() time.Time {
	if w.Now == nil {
		return time.Now
	}
	return w.Now
}

// Running is what a started daemon shows.
type Running struct {
	Addr net.Addr // for gRPC
	Ops  string   // for metrics and health
}
