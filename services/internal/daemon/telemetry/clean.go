package telemetry

import (
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// maxValue is the longest text that an attribute keeps, in bytes.
const maxValue = 256

// cleanExporter lets out of a span only what the allow-list knows, and reports
// failures to its owner instead of to a global handler.
type cleanExporter struct {
	next   sdktrace.SpanExporter
	report func(context.Context, error)
}

// ExportSpans delivers one batch, or reports that it could not.
func (e *cleanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	clean := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		clean[i] = cleanSpan{s}
	}
	if err := e.next.ExportSpans(ctx, clean); err != nil {
		e.report(ctx, fmt.Errorf("export spans: %w", err))
	}
	return nil
}

// Shutdown stops the exporter behind.
func (e *cleanExporter) Shutdown(ctx context.Context) error { return e.next.Shutdown(ctx) }

// cleanSpan is a span with its free parts removed.
type cleanSpan struct{ sdktrace.ReadOnlySpan }

// Attributes returns those that are allowed.
func (s cleanSpan) Attributes() []attribute.KeyValue { return allowed(s.ReadOnlySpan.Attributes()) }

// Status returns the code alone: a description may quote an error.
func (s cleanSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}

// Events returns the events with the attributes that are allowed.
func (s cleanSpan) Events() []sdktrace.Event {
	events := make([]sdktrace.Event, len(s.ReadOnlySpan.Events()))
	for i, ev := range s.ReadOnlySpan.Events() {
		ev.Attributes = allowed(ev.Attributes)
		events[i] = ev
	}
	return events
}

// Links returns the links with the attributes that are allowed.
func (s cleanSpan) Links() []sdktrace.Link {
	links := make([]sdktrace.Link, len(s.ReadOnlySpan.Links()))
	for i, l := range s.ReadOnlySpan.Links() {
		l.Attributes = allowed(l.Attributes)
		links[i] = l
	}
	return links
}

func allowed(attrs []attribute.KeyValue) []attribute.KeyValue {
	var kept []attribute.KeyValue
	for _, a := range attrs {
		if allowedKey(string(a.Key)) {
			kept = append(kept, a)
		}
	}
	return kept
}

// allowedKey knows the keys whose values never name a person. Addresses of
// peers, URLs, statements and exception texts are not among them.
func allowedKey(key string) bool {
	switch key {
	case "error.type", "exception.type", "server.address", "server.port",
		"db.system.name", "db.operation.name", "db.collection.name",
		"http.request.method", "http.response.status_code", "http.route":
		return true
	}
	for _, prefix := range []string{"habeas.", "rpc.", "messaging.", "service."} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
