package telemetry_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	"habeas.internal/services/internal/daemon/telemetry"
)

const planted = "Jane Planted"

// sink is a collector that keeps what it is sent.
type sink struct {
	collector.UnimplementedTraceServiceServer
	got chan *collector.ExportTraceServiceRequest
}

// meterSink is a collector that takes metrics.
type meterSink struct {
	metrics.UnimplementedMetricsServiceServer
}

func (meterSink) Export(
	context.Context, *metrics.ExportMetricsServiceRequest,
) (*metrics.ExportMetricsServiceResponse, error) {
	return &metrics.ExportMetricsServiceResponse{}, nil
}

func (s *sink) Export(
	_ context.Context, r *collector.ExportTraceServiceRequest,
) (*collector.ExportTraceServiceResponse, error) {
	s.got <- r
	return &collector.ExportTraceServiceResponse{}, nil
}

func startSink(t *testing.T) (*sink, *url.URL) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{got: make(chan *collector.ExportTraceServiceRequest, 16)}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, s)
	metrics.RegisterMetricsServiceServer(server, meterSink{})
	done := make(chan error, 1)
	go func() { done <- server.Serve(lis) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, &url.URL{Scheme: "http", Host: lis.Addr().String()}
}

func start(t *testing.T, cfg telemetry.Config) *telemetry.Telemetry {
	t.Helper()
	cfg.Service, cfg.Instance, cfg.Version = "sampled", "one", "test"
	cfg.Report = func(_ context.Context, err error) { t.Error(err) }
	tel, err := telemetry.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tel
}

// observe makes a failed span with a planted value in every free place.
func observe(t *testing.T, tel *telemetry.Telemetry) trace.SpanContext {
	t.Helper()
	_, span := tel.Tracers.Tracer("test").Start(t.Context(), "Sign", trace.WithLinks(trace.Link{
		Attributes: []attribute.KeyValue{attribute.String("name", planted)},
	}))
	span.SetAttributes(
		attribute.String("habeas.reason", "BOOK_CLOSED"), attribute.String("user.name", planted),
		attribute.String("url.full", "https://x/?n="+planted),
	)
	span.RecordError(errors.New(planted))
	span.SetStatus(codes.Error, planted)
	span.End()
	return span.SpanContext()
}

func TestSpansReachTheCollectorWithoutWhatMayBePersonal(t *testing.T) {
	s, endpoint := startSink(t)
	tel := start(t, telemetry.Config{Endpoint: endpoint, Ratio: 1})
	observe(t, tel)
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := protojson.Marshal(<-s.got)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), planted) {
		t.Errorf("a planted value left the process: %s", text)
	}
	for _, want := range []string{"habeas.reason", "BOOK_CLOSED", "STATUS_CODE_ERROR", "service.instance.id", "exception.type"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q did not arrive: %s", want, text)
		}
	}
}

func TestSpansAreKeptInAFileAsOTLPLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spans.jsonl")
	var spans []trace.SpanContext
	for range 2 { // a second daemon appends
		tel := start(t, telemetry.Config{File: path, Ratio: 1})
		spans = append(spans, observe(t, tel))
		if err := tel.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i, line := range lines(t, path) {
		id, status := identify(t, line)
		if id != spans[i].TraceID().String() || status != 2 {
			t.Errorf("line %d: trace %s status %d, want %s status 2", i, id, status, spans[i].TraceID())
		}
		if strings.Contains(line, planted) {
			t.Errorf("a planted value is in the file: %s", line)
		}
	}
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	var all []string
	for scan := bufio.NewScanner(file); scan.Scan(); {
		all = append(all, scan.Text())
	}
	if len(all) != 2 {
		t.Fatalf("%d lines, want 2", len(all))
	}
	return all
}

func identify(t *testing.T, line string) (id string, status int) {
	t.Helper()
	type span struct {
		TraceID string `json:"traceId"`
		Status  struct{ Code int }
	}
	var batch struct {
		ResourceSpans []struct {
			ScopeSpans []struct{ Spans []span }
		}
	}
	if err := json.Unmarshal([]byte(line), &batch); err != nil {
		t.Fatal(err)
	}
	s := batch.ResourceSpans[0].ScopeSpans[0].Spans[0]
	return s.TraceID, s.Status.Code
}

func TestAnUnwritableFileStopsTheStart(t *testing.T) {
	_, err := telemetry.New(t.Context(), telemetry.Config{File: filepath.Join(t.TempDir(), "no", "such")})
	if err == nil {
		t.Error("started without its span file")
	}
}

func TestALostCollectorIsReportedToTheOwner(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := lis.Addr().String()
	if err := lis.Close(); err != nil {
		t.Fatal(err)
	}
	reported := make(chan error, 16)
	tel, err := telemetry.New(t.Context(), telemetry.Config{
		Endpoint: &url.URL{Scheme: "http", Host: gone}, Ratio: 1, Timeout: 50 * time.Millisecond,
		Report: func(_ context.Context, err error) { reported <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	observe(t, tel)
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Errorf("a lost collector fails the shutdown: %v", err)
	}
	if len(reported) == 0 {
		t.Error("the failure was not reported")
	}
}

func TestACallersDecisionToSampleIsKept(t *testing.T) {
	tel := start(t, telemetry.Config{Ratio: 0})
	header := propagation.MapCarrier{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	ctx := tel.Propagator.Extract(t.Context(), header)
	_, child := tel.Tracers.Tracer("test").Start(ctx, "child")
	_, fresh := tel.Tracers.Tracer("test").Start(t.Context(), "fresh")
	if !child.SpanContext().IsSampled() || fresh.SpanContext().IsSampled() {
		t.Error("want the caller's trace recorded and a new one not, at ratio 0")
	}
	if !fresh.SpanContext().IsValid() {
		t.Error("a trace that is not recorded has no id")
	}
}

func TestMetricsAnswerPrometheusWithoutTouchingGlobals(t *testing.T) {
	tracers, meters := otel.GetTracerProvider(), otel.GetMeterProvider()
	tel := start(t, telemetry.Config{})
	other := start(t, telemetry.Config{})
	count, err := tel.Meters.Meter("test").Int64Counter("habeas.sample.guests")
	if err != nil {
		t.Fatal(err)
	}
	count.Add(t.Context(), 3)
	answer, empty := scrape(tel), scrape(other)
	if want := "habeas_sample_guests_total 3"; !strings.Contains(answer, want) || strings.Contains(empty, want) {
		t.Errorf("want %q in the first daemon's metrics alone:\n%s", want, answer)
	}
	if !strings.Contains(answer, "go_goroutines") || !strings.Contains(answer, `service_name="sampled"`) {
		t.Errorf("process metrics or target_info missing:\n%s", answer)
	}
	if tracers != otel.GetTracerProvider() || meters != otel.GetMeterProvider() {
		t.Error("a global provider was replaced")
	}
}

func scrape(tel *telemetry.Telemetry) string {
	answer := httptest.NewRecorder()
	tel.Metrics.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	return answer.Body.String()
}

func TestOffObservesNothing(t *testing.T) {
	tel := telemetry.Off()
	_, span := tel.Tracers.Tracer("x").Start(t.Context(), "x")
	if span.IsRecording() || tel.Shutdown(t.Context()) != nil {
		t.Error("telemetry is not off")
	}
}
