package story_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/internal/devmail"
	"habeas.internal/services/systemtest/stack"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
)

// TestOneTraceRunsFromSubmissionToCompletion collects spans by OTLP and follows
// the trace of the submission through every service.
func TestOneTraceRunsFromSubmissionToCompletion(t *testing.T) {
	w := newWorld(t)
	c := helena(w)
	w.Register(tenant, c.email)
	request := w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, policy, c.email)
	closed := w.Closed(tenant, request)
	w.Mail.Wait(t, c.email, func(l devmail.Message) bool {
		return strings.Contains(l.Text, request) && strings.Contains(l.Text, "tax")
	})
	if err := w.Stop(); err != nil { // flushes
		t.Fatal(err)
	}
	spans := w.Traces.Spans()
	i := slices.IndexFunc(spans, func(s stack.Span) bool {
		return s.GetKind() == tracev1.Span_SPAN_KIND_SERVER && strings.HasSuffix(s.GetName(), "/SubmitRequest")
	})
	if i < 0 {
		t.Fatalf("the submission left no span among %d", len(spans))
	}
	trace := spans[i].GetTraceId()
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
	leaves := 0
	for name, n := range count {
		if strings.HasPrefix(name, "leaf ") {
			leaves += n
		}
	}
	if leaves < len(closed.GetLeaves()) {
		t.Errorf("%d spans of leaves for %d leaves: %v", leaves, len(closed.GetLeaves()), count)
	}
	if took := time.Since(closed.GetReceivedAt().AsTime()); took > time.Minute {
		t.Errorf("the story took %v", took)
	}
}
