package natsd

import (
	"fmt"
	"log/slog"
	"slices"
)

// bridge hands the server's log lines to slog. Debug and trace lines, the only
// ones that could show a message, are dropped as well as switched off.
type bridge struct {
	log   *slog.Logger
	fatal chan error
}

func newBridge(log *slog.Logger) *bridge {
	return &bridge{log: log, fatal: make(chan error, 1)}
}

// Noticef logs what the server tells in ordinary operation.
func (b *bridge) Noticef(format string, v ...any) { b.log.Info(fmt.Sprintf(format, v...)) }

// Warnf logs what may need attention.
func (b *bridge) Warnf(format string, v ...any) { b.log.Warn(fmt.Sprintf(format, v...)) }

// Errorf logs what went wrong.
func (b *bridge) Errorf(format string, v ...any) { b.log.Error(fmt.Sprintf(format, v...)) }

// Fatalf logs why the server gave up and wakes whoever waits for its start.
// It returns: a library does not end the process.
func (b *bridge) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	b.log.Error(text)
	select {
	case b.fatal <- &gaveUpError{text: text, cause: lastError(v)}:
	default:
	}
}

// gaveUpError keeps the cause that the server printed, so that a caller can
// tell a taken port from a broken store.
type gaveUpError struct {
	text  string
	cause error
}

// Error is what the server printed.
func (e *gaveUpError) Error() string { return "the server gave up: " + e.text }

// Unwrap is the error among what the server printed, if there was one.
func (e *gaveUpError) Unwrap() error { return e.cause }

func lastError(values []any) error {
	for _, value := range slices.Backward(values) {
		if err, ok := value.(error); ok {
			return err
		}
	}
	return nil
}

// Debugf drops the line.
func (*bridge) Debugf(string, ...any) {}

// Tracef drops the line.
func (*bridge) Tracef(string, ...any) {}
