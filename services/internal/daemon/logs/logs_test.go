package logs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"habeas.internal/services/internal/daemon/logs"
)

// person stands for anything with a name in it.
type person struct{ Name string }

func (p person) String() string { return p.Name }

func write(t *testing.T, cfg logs.Config, do func(*slog.Logger)) (map[string]any, logs.Logger) {
	t.Helper()
	var out bytes.Buffer
	cfg.Out = &out
	l := logs.New(cfg)
	do(l.Logger)
	var line map[string]any
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("line %q: %v", out.String(), err)
		}
		delete(line, "time")
	}
	return line, l
}

func TestAllowedScalarsAreWritten(t *testing.T) {
	cfg := logs.Config{Keys: []string{"own"}, Attrs: []slog.Attr{slog.String("zone", "a")}}
	got, l := write(t, cfg, func(log *slog.Logger) {
		log.With("part", "grpc").WithGroup("g").Warn("stopped",
			"count", 3, "own", true, slog.Group("sub", "code", "INTERNAL"), "error", fmt.Errorf("load: %w", errors.New("gone")))
	})
	want := map[string]any{
		"level": "WARN", "msg": "stopped", "zone": "a", "part": "grpc",
		"g": map[string]any{"count": 3.0, "own": true, "sub": map[string]any{"code": "INTERNAL"}, "error": "load: gone"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if l.Dropped() != 0 {
		t.Errorf("%d attributes dropped, want none", l.Dropped())
	}
}

func TestNothingElseIsWritten(t *testing.T) {
	const planted = "Jane Planted"
	p := person{planted}
	got, l := write(t, logs.Config{}, func(log *slog.Logger) {
		log.With("email", planted).With("command", &p).WithGroup("g").Info("x",
			"name", planted, "request", p, "event", []string{planted}, "status", map[string]string{"a": planted},
			slog.Group("sub", "who", planted, "reason", p), slog.Group("gone", "who", planted))
	})
	if text := fmt.Sprint(got); strings.Contains(text, planted) {
		t.Errorf("a planted value was written: %s", text)
	}
	if want := int64(9); l.Dropped() != want {
		t.Errorf("%d dropped, want %d", l.Dropped(), want)
	}
	if got["command"] != "[dropped]" {
		t.Errorf("a struct under an allowed key became %v", got["command"])
	}
}

func TestLinesCarryTheTrace(t *testing.T) {
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	got, _ := write(t, logs.Config{}, func(log *slog.Logger) {
		log.InfoContext(trace.ContextWithSpanContext(context.Background(), span), "x")
	})
	if got["trace_id"] != span.TraceID().String() || got["span_id"] != span.SpanID().String() {
		t.Errorf("line without its trace: %v", got)
	}
}

func TestTheLevelIsKept(t *testing.T) {
	got, _ := write(t, logs.Config{Level: "error"}, func(log *slog.Logger) { log.Warn("x") })
	if got != nil {
		t.Errorf("a warning was written at level error: %v", got)
	}
	got, _ = write(t, logs.Config{Level: "nonsense"}, func(log *slog.Logger) { log.Info("x") })
	if got["msg"] != "x" {
		t.Error("an unknown level is not info")
	}
}

func TestTextIsForPeople(t *testing.T) {
	var out bytes.Buffer
	logs.New(logs.Config{Out: &out, Text: true}).Info("started", "addr", "127.0.0.1:1", "name", "Jane")
	if text := out.String(); !strings.Contains(text, "msg=started addr=127.0.0.1:1\n") {
		t.Errorf("text line is %q", text)
	}
}
