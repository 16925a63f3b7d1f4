package systemtest_test

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// spansOf reads the daemon's span file.
func spansOf(t *testing.T, path string) []*tracev1.Span {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var out []*tracev1.Span
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var data tracev1.TracesData
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(lines.Bytes(), &data); err != nil {
			t.Fatalf("span file: %v", err)
		}
		for _, r := range data.GetResourceSpans() {
			for _, s := range r.GetScopeSpans() {
				out = append(out, s.GetSpans()...)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOneTraceRunsFromTheCallThroughTheEventToWhatFollows(t *testing.T) {
	w := newWorld(t)
	d := w.start(t)
	product := w.client(t, d.Addr, "acme", "product")
	book := openBook(t, product, time.Now().Add(time.Hour)).GetBook()
	if _, err := product.CloseBook(deadline(t), &samplev1.CloseBookRequest{RequestId: request2, Book: book}); err != nil {
		t.Fatal(err)
	}
	w.awaitAnnounced(t, d, book)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	spans := spansOf(t, w.spans)
	i := slices.IndexFunc(spans, func(s *tracev1.Span) bool {
		return s.GetKind() == tracev1.Span_SPAN_KIND_SERVER && strings.HasSuffix(s.GetName(), "/CloseBook")
	})
	if i < 0 {
		t.Fatalf("the call left no span among %d", len(spans))
	}
	byID := map[string]*tracev1.Span{}
	names := map[string]*tracev1.Span{}
	for _, s := range spans {
		if string(s.GetTraceId()) == string(spans[i].GetTraceId()) {
			byID[string(s.GetSpanId())] = s
			names[s.GetName()] = s
		}
	}
	// The closing is appended, projected and announced; the announcement is
	// appended and projected in turn.
	for _, want := range []string{"handle identity book", "process books", "process announce"} {
		s := names[want]
		if s == nil {
			t.Errorf("the trace has no %q", want)
			continue
		}
		for s.GetParentSpanId() != nil && byID[string(s.GetParentSpanId())] != nil {
			s = byID[string(s.GetParentSpanId())]
		}
		if string(s.GetSpanId()) != string(spans[i].GetSpanId()) {
			t.Errorf("%q does not descend from the call but from %q", want, s.GetName())
		}
	}
	sends := 0
	for _, s := range byID {
		if strings.HasPrefix(s.GetName(), "send HABEAS_IDENTITY_") && s.GetKind() == tracev1.Span_SPAN_KIND_PRODUCER {
			sends++
		}
	}
	if sends != 2 {
		t.Errorf("%d appends in the trace, want the closing and its announcement", sends)
	}
}
