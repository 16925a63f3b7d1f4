// Package logs makes the daemons' loggers: JSON or text lines on one writer,
// joined to traces, and unable to carry personal data by accident.
//
// Two rules hold for every line, whoever writes it. An attribute whose key is
// not on the allow-list is dropped and counted. A value that is not a scalar
// (a struct, a message, a slice, a map) is replaced by "[dropped]" and counted;
// errors are the exception, since their text is free of personal data by the
// house rules. Message texts are constants; that is the linter's business.
package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
)

// Config says how a logger writes.
type Config struct {
	// Out takes the lines; each line is one Write.
	Out io.Writer
	// Level is debug, info, warn or error; anything else means info.
	Level string
	// Text chooses text lines for people over JSON lines for machines.
	Text bool
	// Keys extends the allow-list with keys of the service's own.
	Keys []string
	// Attrs are on every line, such as the service's name. Their keys are
	// allowed.
	Attrs []slog.Attr
}

// Logger is a slog.Logger that also says how much it has refused to write.
type Logger struct {
	*slog.Logger
	dropped *atomic.Int64
}

// New makes a logger. It never touches slog's default logger.
func New(cfg Config) Logger {
	f := &filter{allowed: allowList(cfg), dropped: new(atomic.Int64)}
	f.next = inner(cfg)
	return Logger{slog.New(f.WithAttrs(cfg.Attrs)), f.dropped}
}

// Dropped returns how many attributes and values were kept out of the lines.
func (l Logger) Dropped() int64 { return l.dropped.Load() }

// Discard returns a logger that writes nothing, for tests and tools.
func Discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func inner(cfg Config) slog.Handler {
	options := &slog.HandlerOptions{Level: level(cfg.Level)}
	if cfg.Text {
		return slog.NewTextHandler(cfg.Out, options)
	}
	return slog.NewJSONHandler(cfg.Out, options)
}

func level(name string) slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo
	}
	return l
}

// filter is the handler that keeps both rules and adds the trace's ids.
type filter struct {
	next    slog.Handler
	allowed map[string]bool
	dropped *atomic.Int64
}

// Enabled reports whether lines of this level are written.
func (f *filter) Enabled(ctx context.Context, l slog.Level) bool { return f.next.Enabled(ctx, l) }

// Handle writes one line with what the rules leave of it.
func (f *filter) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(f.clean(a)...)
		return true
	})
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		clean.AddAttrs(
			slog.String("trace_id", span.TraceID().String()),
			slog.String("span_id", span.SpanID().String()),
		)
	}
	return f.next.Handle(ctx, clean)
}

// WithAttrs keeps the rules for attributes that are set once.
func (f *filter) WithAttrs(attrs []slog.Attr) slog.Handler {
	var clean []slog.Attr
	for _, a := range attrs {
		clean = append(clean, f.clean(a)...)
	}
	return &filter{f.next.WithAttrs(clean), f.allowed, f.dropped}
}

// WithGroup opens a group; the keys inside it obey the same list.
func (f *filter) WithGroup(name string) slog.Handler {
	return &filter{f.next.WithGroup(name), f.allowed, f.dropped}
}

// clean returns what may be written of a: itself, a replacement, or nothing.
func (f *filter) clean(a slog.Attr) []slog.Attr {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		return f.group(a.Key, value.Group())
	}
	if !f.allowed[a.Key] {
		f.dropped.Add(1)
		return nil
	}
	return []slog.Attr{{Key: a.Key, Value: f.scalar(value)}}
}

func (f *filter) group(key string, members []slog.Attr) []slog.Attr {
	var clean []slog.Attr
	for _, m := range members {
		clean = append(clean, f.clean(m)...)
	}
	if len(clean) == 0 {
		return nil
	}
	return []slog.Attr{{Key: key, Value: slog.GroupValue(clean...)}}
}

func (f *filter) scalar(v slog.Value) slog.Value {
	if v.Kind() != slog.KindAny {
		return v
	}
	if err, ok := v.Any().(error); ok && err != nil {
		return slog.StringValue(fmt.Sprint(err)) // unlike err.Error(), survives a nil pointer inside
	}
	f.dropped.Add(1)
	return slog.StringValue("[dropped]")
}

func allowList(cfg Config) map[string]bool {
	allowed := map[string]bool{}
	for _, key := range slices.Concat(BaseKeys(), cfg.Keys) {
		allowed[key] = true
	}
	for _, a := range cfg.Attrs {
		allowed[a.Key] = true
	}
	return allowed
}

// BaseKeys returns the keys that every daemon may write. None of them may ever
// name a person: they hold codes, opaque ids, counts and times.
func BaseKeys() []string {
	return []string{
		"service", "instance", "version", "part", "check", "signal", "addr", "file",
		"tenant", "caller", "method", "command", "event", "code", "reason", "status",
		"error", "panic", "stack", "duration", "count", "size", "attempt", "limit",
		"stream", "shard", "epoch", "sequence", "position", "consumer", "aggregate",
		"request", "system", "key_id", "trace_id", "span_id",
		"process", "projection", "delivery", "missing", "purpose",
	}
}
