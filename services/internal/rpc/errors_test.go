package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
)

func TestAHandlersErrorBecomesItsRow(t *testing.T) {
	w := newWorld(t, func(c *rpc.Config) {
		c.Errors = fault.Table{{Err: errBusy, Code: codes.Aborted, Reason: "BUSY", Retry: time.Minute}}
	})
	w.book.sign = func(context.Context, *samplev1.SignRequest) (*samplev1.SignResponse, error) {
		return nil, fmt.Errorf("append: %w", errBusy)
	}
	_, err := w.client(t, "").Sign(w.as(t, "product"), goodSign())
	s := wantFault(t, err, codes.Aborted, "BUSY")
	if s.Message() != "too many calls" || detail[*errdetails.RetryInfo](s).GetRetryDelay().AsDuration() != time.Minute {
		t.Errorf("got %q and %v", s.Message(), s.Details())
	}
	if w.logs.String() != "" {
		t.Errorf("an expected error was logged: %s", w.logs)
	}
}

func TestAnUnexpectedErrorIsLoggedOnceAndHidden(t *testing.T) {
	w := newWorld(t, nil)
	for name, err := range map[string]error{
		"an error without a row":         fmt.Errorf("load stream: %w", errClosed),
		"a status made by hand":          status.Error(codes.NotFound, "made by hand"),
		"another service's own mistake":  fmt.Errorf("get keys: %w", status.Error(codes.InvalidArgument, "made by hand")),
		"an unknown of another service":  status.Error(codes.Unknown, "made by hand"),
		"the end of a stream by mistake": io.EOF,
	} {
		t.Run(name, func(t *testing.T) {
			before := strings.Count(w.logs.String(), "\n")
			w.book.sign = func(context.Context, *samplev1.SignRequest) (*samplev1.SignResponse, error) { return nil, err }
			_, got := w.client(t, "").Sign(w.as(t, "product"), goodSign())
			s := wantFault(t, got, codes.Internal, "INTERNAL")
			id := detail[*errdetails.ErrorInfo](s).GetMetadata()["trace_id"]
			if s.Message() != "internal error" || len(id) != 32 {
				t.Errorf("caller reads %q and trace %q", s.Message(), id)
			}
			logged := w.logs.String()
			if n := strings.Count(logged, "\n") - before; n != 1 || !strings.Contains(logged, err.Error()) || !strings.Contains(logged, id) {
				t.Errorf("%d new lines, want one with the error and the trace: %s", n, logged)
			}
		})
	}
}

func TestAPanicIsCountedAndItsValueIsKeptSecret(t *testing.T) {
	w := newWorld(t, nil)
	w.book.sign = func(_ context.Context, r *samplev1.SignRequest) (*samplev1.SignResponse, error) { panic(r.GetName()) }
	w.book.list = func(*samplev1.ListGuestsRequest, grpc.ServerStreamingServer[samplev1.ListGuestsResponse]) error {
		var none []int
		_ = none[len(none)]
		return nil
	}
	client := w.client(t, "")
	request := goodSign()
	request.Name = "Planted Person"
	_, err := client.Sign(w.as(t, "product"), request)
	wantFault(t, err, codes.Internal, "INTERNAL")
	err = ask(metadata.AppendToOutgoingContext(w.as(t, "agent"), "habeas-purpose", "access"), client)
	wantFault(t, err, codes.Internal, "INTERNAL")
	logged := w.logs.String()
	for _, want := range []string{"value of type string", "index out of range", "errors_test.go"} {
		if !strings.Contains(logged, want) {
			t.Errorf("no %q in %s", want, logged)
		}
	}
	if strings.Contains(logged, "Planted") || strings.Count(logged, "\n") != 2 {
		t.Errorf("want two lines without the value: %s", logged)
	}
	if metrics := w.scrape(); !strings.Contains(metrics, `habeas_rpc_panics_total{rpc_method="habeas.sample.v1.BookService/Sign"} 1`) {
		t.Errorf("the panic was not counted:\n%s", metrics)
	}
}

func (w *world) scrape() string {
	answer := httptest.NewRecorder()
	w.tel.Metrics.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	return answer.Body.String()
}

func TestBrokenRulesAreNamedByFieldWithoutValues(t *testing.T) {
	w := newWorld(t, nil)
	_, err := w.client(t, "").Sign(w.as(t, "product"), &samplev1.SignRequest{RequestId: "planted-1", Book: "planted-2"})
	s := wantFault(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	want := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "request_id", Reason: "STRING_UUID", Description: "must be a valid UUID"},
		{Field: "book", Reason: "STRING_PATTERN", Description: "does not match regex pattern `^[a-z2-7]{25}[aeimquy4]$`"},
		{Field: "name", Reason: "STRING_MIN_LEN", Description: "must be at least 1 characters"},
	}}
	if diff := cmp.Diff(want, detail[*errdetails.BadRequest](s), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(fmt.Sprint(s.Proto()), "planted") {
		t.Errorf("the answer quotes the request: %v", s.Proto())
	}
}

func TestAHandlerMayNameBrokenFieldsItself(t *testing.T) {
	w := newWorld(t, nil)
	w.book.sign = func(context.Context, *samplev1.SignRequest) (*samplev1.SignResponse, error) {
		return nil, fmt.Errorf("decide: %w", fault.FieldErrors{{Field: "name", Rule: "NAME_TAKEN", Text: "stands in the book"}})
	}
	_, err := w.client(t, "").Sign(w.as(t, "product"), goodSign())
	s := wantFault(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	if got := detail[*errdetails.BadRequest](s).GetFieldViolations(); len(got) != 1 || got[0].GetReason() != "NAME_TAKEN" {
		t.Errorf("got %v", got)
	}
}

func TestABrokenTableStopsTheStart(t *testing.T) {
	w := prepare(t)
	w.config.Errors = fault.Table{{Err: errBusy, Code: codes.Unknown, Reason: "X"}}
	if _, err := rpc.NewServer(w.config); err == nil {
		t.Error("started")
	}
}

func TestCallsAreCountedByMethodAndOutcome(t *testing.T) {
	w := newWorld(t, nil)
	client := w.client(t, "")
	if _, err := client.Sign(w.as(t, "product"), goodSign()); err != nil {
		t.Fatal(err)
	}
	_, err := client.Sign(w.as(t, "dpo"), goodSign())
	wantFault(t, err, codes.PermissionDenied, "ROLE_REQUIRED")
	metrics := w.scrape()
	for _, want := range []string{
		`rpc_server_call_duration_seconds_count{rpc_method="habeas.sample.v1.BookService/Sign",rpc_response_status_code="OK",rpc_system_name="grpc"} 1`,
		`rpc_response_status_code="PermissionDenied",rpc_system_name="grpc"} 1`,
		`habeas_rpc_refusals_total{habeas_reason="ROLE_REQUIRED",rpc_method="habeas.sample.v1.BookService/Sign"} 1`,
		`habeas_auth_token_checks_total{outcome="good"} 2`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
}

// Values planted in every place that a caller can fill are found nowhere but
// in the handler.
func TestPlantedValuesAreFoundNowhere(t *testing.T) {
	const planted = "Planted.Person@example.org"
	w := newWorld(t, nil)
	client := w.client(t, "")
	w.book.list = func(*samplev1.ListGuestsRequest, grpc.ServerStreamingServer[samplev1.ListGuestsResponse]) error {
		panic(planted)
	}
	results := []error{nil}
	call := func(ctx context.Context, r *samplev1.SignRequest, answer error) {
		w.book.sign = func(_ context.Context, r *samplev1.SignRequest) (*samplev1.SignResponse, error) {
			if answer == nil && r.GetName() == "panic" {
				panic(planted)
			}
			return nil, answer
		}
		ctx = metadata.AppendToOutgoingContext(ctx, "habeas-purpose", planted, "x-other", planted, "habeas-consistency-token", planted)
		_, err := client.Sign(ctx, r)
		results = append(results, err)
	}
	call(w.as(t, "product"), &samplev1.SignRequest{RequestId: requestID, Book: bookID, Name: planted}, nil)
	call(w.as(t, "product"), &samplev1.SignRequest{RequestId: planted, Book: planted, Name: planted}, nil)
	call(w.as(t, "product"), &samplev1.SignRequest{RequestId: planted, Name: strings.Repeat(planted, 400)}, nil)
	call(w.as(t, "product"), goodSign(), fmt.Errorf("load: %w", errClosed))
	call(w.as(t, "product"), &samplev1.SignRequest{RequestId: requestID, Book: bookID, Name: "panic"}, nil)
	call(with(t, "authorization", "Bearer "+planted), goodSign(), nil)
	call(with(t, "authorization", planted), goodSign(), nil)
	call(with(t), goodSign(), nil)
	results = append(results, ask(metadata.AppendToOutgoingContext(w.as(t, "agent"), "habeas-purpose", planted), client),
		ask(metadata.AppendToOutgoingContext(w.as(t, "agent"), "habeas-purpose", "access"), client))
	if err := w.tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans, err := os.ReadFile(w.spans)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(spans, []byte("BookService")) < len(results)-1 {
		t.Errorf("only %d spans for %d calls", bytes.Count(spans, []byte("BookService")), len(results)-1)
	}
	for place, text := range map[string]string{
		"logs": w.logs.String(), "spans": string(spans), "metrics": w.scrape(), "answers": fmt.Sprintf("%+v", errors.Join(results...)),
	} {
		if strings.Contains(strings.ToLower(text), "planted.person") {
			t.Errorf("a planted value is in the %s:\n%s", place, text)
		}
	}
}

func TestACallsTraceIsTakenUp(t *testing.T) {
	w := newWorld(t, nil)
	const parent = "0af7651916cd43dd8448eb211c80319c"
	ctx := metadata.AppendToOutgoingContext(w.as(t, "dpo"), "traceparent", "00-"+parent+"-b7ad6b7169203331-01")
	_, err := w.client(t, "").Sign(ctx, goodSign())
	wantFault(t, err, codes.PermissionDenied, "ROLE_REQUIRED")
	if err := errors.Join(w.server.Stop(t.Context()), w.tel.Shutdown(t.Context())); err != nil { // an answer may be faster than the end of its span
		t.Fatal(err)
	}
	spans, err := os.ReadFile(w.spans)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{parent, "b7ad6b7169203331", "habeas.reason", "ROLE_REQUIRED"} {
		if !strings.Contains(string(spans), want) {
			t.Errorf("no %s in %s", want, spans)
		}
	}
}

func TestAConsistencyTokenTravelsBothWays(t *testing.T) {
	w := newWorld(t, nil)
	var got string
	w.book.sign = func(ctx context.Context, _ *samplev1.SignRequest) (*samplev1.SignResponse, error) {
		got = rpc.ConsistencyToken(ctx)
		return &samplev1.SignResponse{}, rpc.SetConsistencyToken(ctx, "after")
	}
	var header metadata.MD
	ctx := metadata.AppendToOutgoingContext(w.as(t, "product"), "habeas-consistency-token", "before")
	if _, err := w.client(t, "").Sign(ctx, goodSign(), grpc.Header(&header)); err != nil {
		t.Fatal(err)
	}
	if after := header.Get("habeas-consistency-token"); got != "before" || len(after) != 1 || after[0] != "after" {
		t.Errorf("handler got %q, caller got %v", got, after)
	}
	if rpc.ConsistencyToken(t.Context()) != "" || rpc.SetConsistencyToken(t.Context(), "x") == nil {
		t.Error("a context without a call has a token")
	}
}

func TestInterceptorsOfAServiceRunLast(t *testing.T) {
	var order []string
	w := newWorld(t, func(c *rpc.Config) {
		c.Unary = func(ctx context.Context, r any, i *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
			order = append(order, "unary "+rpc.PrincipalFrom(ctx).Tenant+" "+r.(*samplev1.SignRequest).GetName()+" "+i.FullMethod)
			return h(ctx, r)
		}
		c.Stream = func(srv any, s grpc.ServerStream, i *grpc.StreamServerInfo, h grpc.StreamHandler) error {
			order = append(order, "stream "+rpc.PurposeFrom(s.Context())+" "+i.FullMethod)
			return h(srv, s)
		}
	})
	client := w.client(t, "")
	if _, err := client.Sign(w.as(t, "product"), goodSign()); err != nil {
		t.Fatal(err)
	}
	_, err := client.Sign(w.as(t, "product"), &samplev1.SignRequest{})
	wantFault(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	ctx := metadata.AppendToOutgoingContext(w.as(t, "agent"), "habeas-purpose", "access")
	if err := ask(ctx, client); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	want := []string{"unary acme Jane /" + bookService + "/Sign", "stream access /" + bookService + "/ListGuests"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
}
