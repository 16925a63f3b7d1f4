package rpc_test

import (
	"bytes"
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/daemon/logs"
	"habeas.internal/services/internal/daemon/telemetry"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"
)

const (
	bookService = "habeas.sample.v1.BookService"
	bookID      = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	requestID   = "0b7e4a52-6a0c-4c0f-9d2c-3f0f5c1d2e3f"
)

// book is a service whose methods a test fills in; others answer nothing.
type book struct {
	samplev1.UnimplementedBookServiceServer
	sign func(context.Context, *samplev1.SignRequest) (*samplev1.SignResponse, error)
	list func(*samplev1.ListGuestsRequest, grpc.ServerStreamingServer[samplev1.ListGuestsResponse]) error
}

func (b *book) Sign(ctx context.Context, r *samplev1.SignRequest) (*samplev1.SignResponse, error) {
	if b.sign == nil {
		return &samplev1.SignResponse{Entry: 1}, nil
	}
	return b.sign(ctx, r)
}

func (b *book) ListGuests(
	r *samplev1.ListGuestsRequest, s grpc.ServerStreamingServer[samplev1.ListGuestsResponse],
) error {
	if b.list == nil {
		rpc.SawNobody(s.Context())
		return nil
	}
	return b.list(r, s)
}

// lines collects log lines from many goroutines.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// world is a server with everything around it: authority, token issuer, logs,
// telemetry, all real, on loopback.
type world struct {
	*rpctest.Place
	book   *book
	logs   *lines
	spans  string
	tel    *telemetry.Telemetry
	server *rpc.Server
	addr   string
	config rpc.Config
}

// newWorld starts a server; change may alter its configuration before.
func newWorld(t testing.TB, change func(*rpc.Config)) *world {
	t.Helper()
	w := prepare(t)
	if change != nil {
		change(&w.config)
	}
	w.server, w.addr = w.Serve(t, "bookd", w.config)
	return w
}

// prepare makes the configuration of a good server.
func prepare(t testing.TB) *world {
	t.Helper()
	w := &world{
		Place: rpctest.NewPlace(t), book: &book{}, logs: &lines{}, spans: filepath.Join(t.TempDir(), "spans"),
	}
	var err error
	w.tel, err = telemetry.New(t.Context(), telemetry.Config{
		Service: "bookd", File: w.spans, Ratio: 1, Report: func(_ context.Context, err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.tel.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w.config = w.Config(t, "bookd", rpc.Config{
		Services: []rpc.Service{{Desc: &samplev1.BookService_ServiceDesc, Impl: w.book}},
		Tokens:   w.Tokens(t, w.tel), Callers: map[string][]string{bookService: {"consentd"}},
		Tracers: w.tel.Tracers, Meters: w.tel.Meters, Propagator: w.tel.Propagator,
		Log: logs.New(logs.Config{Out: w.logs, Level: "debug"}).Logger,
	})
	return w
}

// dial connects as a service, or as a person if service is empty.
func (w *world) dial(t testing.TB, service string) *grpc.ClientConn {
	t.Helper()
	name := service
	if name == "" {
		name = "nobody"
	}
	config := w.TLS(t, name).ClientTLS("bookd")
	if service == "" {
		config.GetClientCertificate = nil
	}
	conn, err := grpc.NewClient(w.addr, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (w *world) client(t testing.TB, service string) samplev1.BookServiceClient {
	t.Helper()
	return samplev1.NewBookServiceClient(w.dial(t, service))
}

// with returns a context with a deadline and metadata in pairs.
func with(t testing.TB, pairs ...string) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

// as returns a context that carries a token with the given roles.
func (w *world) as(t testing.TB, roles ...string) context.Context {
	t.Helper()
	return with(t, "authorization", "Bearer "+w.Issuer.Sign(rpctest.Claims(time.Now(), roles...)))
}

func goodSign() *samplev1.SignRequest {
	return &samplev1.SignRequest{RequestId: requestID, Book: bookID, Name: "Jane"}
}

// wantFault checks code and reason of an error that a call returned.
func wantFault(t testing.TB, err error, code codes.Code, reason string) *status.Status {
	t.Helper()
	s, ok := status.FromError(err)
	if !ok || err == nil {
		t.Fatalf("got %v, want a status %s", err, code)
	}
	info := detail[*errdetails.ErrorInfo](s)
	if s.Code() != code || info.GetReason() != reason || info.GetDomain() != "habeas" {
		t.Errorf("got %s, reason %q of %q (%s), want %s, %q of habeas",
			s.Code(), info.GetReason(), info.GetDomain(), s.Message(), code, reason)
	}
	return s
}

func detail[T any](s *status.Status) T {
	var none T
	for _, d := range s.Details() {
		if found, ok := d.(T); ok {
			return found
		}
	}
	return none
}
