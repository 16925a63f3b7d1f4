package story_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"habeas.internal/services/systemtest/stack"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
)

// traced follows the trace of a submission through every service. The spans
// came by OTLP.
func (w *world) traced(t *testing.T, story told) {
	spans := w.Traces.Spans()
	trace := traceOf(t, spans, story.closed.GetRequest())
	count := map[string]int{}
	services := map[string]bool{}
	ids := map[string]bool{}
	for _, s := range spans {
		if string(s.GetTraceId()) == string(trace) {
			count[s.GetName()]++
			services[s.Service] = true
			ids[string(s.GetSpanId())] = true
		}
	}
	for _, s := range spans {
		parent := string(s.GetParentSpanId())
		if string(s.GetTraceId()) == string(trace) && parent != "" && !ids[parent] {
			t.Errorf("%s of %s hangs on a span that nobody made: %s", s.GetName(), s.Service, hex.EncodeToString(s.GetParentSpanId()))
		}
	}
	for _, want := range []string{"identity", "consent", "retention", "fulfilment"} {
		if !services[want] {
			t.Errorf("%s has no span in the trace", want)
		}
	}
	for _, want := range []string{"step plan", "step notify", "step close"} {
		if count[want] == 0 {
			t.Errorf("the trace lacks %q: %v", want, count)
		}
	}
	leaves := 0
	for name, n := range count {
		if strings.HasPrefix(name, "leaf ") {
			leaves += n
		}
	}
	if leaves < len(story.closed.GetLeaves()) {
		t.Errorf("%d spans of leaves for %d leaves: %v", leaves, len(story.closed.GetLeaves()), count)
	}
}

// traceOf is the trace in which a request was carried out, which has to be that
// of a submission.
func traceOf(t *testing.T, spans []stack.Span, request string) []byte {
	t.Helper()
	for _, s := range spans {
		if s.GetName() != "carry request" || !slices.ContainsFunc(s.GetAttributes(), func(a *commonv1.KeyValue) bool {
			return a.GetKey() == "habeas.request" && a.GetValue().GetStringValue() == request
		}) {
			continue
		}
		for _, other := range spans {
			if string(other.GetTraceId()) == string(s.GetTraceId()) && other.GetKind() == tracev1.Span_SPAN_KIND_SERVER &&
				strings.HasSuffix(other.GetName(), "/SubmitRequest") {
				return s.GetTraceId()
			}
		}
	}
	t.Fatalf("no submission's trace carries the request on, among %d spans", len(spans))
	return nil
}
