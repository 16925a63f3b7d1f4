package client_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/daemon/telemetry"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/rpc/rpctest"
)

const (
	bookService = "habeas.sample.v1.BookService"
	bookID      = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	requestID   = "0b7e4a52-6a0c-4c0f-9d2c-3f0f5c1d2e3f"
)

var errAway = errors.New("log is away")

// book answers as its test says and keeps what it saw.
type book struct {
	samplev1.UnimplementedBookServiceServer
	sign func(context.Context) error
	get  func(context.Context) error
}

func (b *book) Sign(ctx context.Context, _ *samplev1.SignRequest) (*samplev1.SignResponse, error) {
	return &samplev1.SignResponse{}, b.sign(ctx)
}

func (b *book) GetBook(ctx context.Context, _ *samplev1.GetBookRequest) (*samplev1.GetBookResponse, error) {
	return &samplev1.GetBookResponse{}, b.get(ctx)
}

func serve(t *testing.T, b *book) (*rpctest.Place, string) {
	t.Helper()
	p := rpctest.NewPlace(t)
	_, addr := p.Serve(t, "bookd", rpc.Config{
		Services: []rpc.Service{{Desc: &samplev1.BookService_ServiceDesc, Impl: b}},
		Callers:  map[string][]string{bookService: {"consentd"}},
		Errors:   fault.Table{{Err: errAway, Code: codes.Unavailable, Reason: "LOG_AWAY"}},
	})
	return p, addr
}

func dial(t *testing.T, p *rpctest.Place, addr string, change func(*client.Config)) samplev1.BookServiceClient {
	t.Helper()
	off := telemetry.Off()
	cfg := client.Config{
		Target: addr, Server: "bookd", Services: []string{bookService}, TLS: p.TLS(t, "consentd"),
		Token: func(context.Context) (string, error) {
			return p.Issuer.Sign(rpctest.Claims(time.Now(), "product")), nil
		},
		Tracers: off.Tracers, Meters: off.Meters, Propagator: off.Propagator,
	}
	if change != nil {
		change(&cfg)
	}
	conn, err := client.Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return samplev1.NewBookServiceClient(conn)
}

func sign() *samplev1.SignRequest {
	return &samplev1.SignRequest{RequestId: requestID, Book: bookID, Name: "Jane"}
}

func TestACallCarriesIdentityTokenAndDeadline(t *testing.T) {
	var got rpc.Principal
	var left time.Duration
	p, addr := serve(t, &book{sign: func(ctx context.Context) error {
		end, _ := ctx.Deadline()
		got, left = rpc.PrincipalFrom(ctx), time.Until(end)
		return nil
	}})
	c := dial(t, p, addr, func(c *client.Config) { c.Timeout = 2 * time.Second })
	if _, err := c.Sign(t.Context(), sign()); err != nil {
		t.Fatal(err)
	}
	if got.Service != "consentd" || got.Subject != "actor-1" || got.Tenant != "acme" {
		t.Errorf("server saw %s, %s, %s", got.Service, got.Subject, got.Tenant)
	}
	if left > 2*time.Second || left < time.Second {
		t.Errorf("%s left, want a little less than 2 s", left)
	}
}

func TestAServiceCallsForItselfInATenant(t *testing.T) {
	p, addr := serve(t, &book{sign: func(context.Context) error { return nil }})
	c := dial(t, p, addr, func(c *client.Config) { c.Token = nil })
	_, err := c.Sign(t.Context(), sign())
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("without a tenant: got %v", err)
	}
	// The rule of Sign allows no service; to be refused for the role means that
	// certificate and tenant were accepted.
	_, err = c.Sign(client.WithTenant(t.Context(), "acme"), sign())
	if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "no role") {
		t.Errorf("with a tenant: got %v", err)
	}
}

func TestATokenIsPassedOnWithTheCallThatBroughtIt(t *testing.T) {
	var got rpc.Principal
	p, addr := serve(t, &book{sign: func(ctx context.Context) error {
		got = rpc.PrincipalFrom(ctx)
		return nil
	}})
	c := dial(t, p, addr, nil)
	theirs := p.Issuer.Sign(rpctest.With(rpctest.Claims(time.Now(), "product"), "sub", "actor-2"))
	answering := metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer "+theirs))
	if _, err := c.Sign(client.OnBehalf(answering), sign()); err != nil {
		t.Fatal(err)
	}
	if got.Subject != "actor-2" || got.Service != "consentd" {
		t.Errorf("server saw %s of %s, want actor-2 of consentd", got.Subject, got.Service)
	}
	if ctx := client.OnBehalf(t.Context()); ctx != t.Context() {
		t.Error("a context without a call was changed")
	}
}

func TestACallIsRepeatedOnlyWhereThatDoesNoHarm(t *testing.T) {
	var signs, gets atomic.Int64
	p, addr := serve(t, &book{
		sign: func(context.Context) error {
			if signs.Add(1) < 3 {
				return errAway
			}
			return nil
		},
		get: func(context.Context) error {
			gets.Add(1)
			return errAway
		},
	})
	c := dial(t, p, addr, nil)
	if _, err := c.Sign(t.Context(), sign()); err != nil || signs.Load() != 3 {
		t.Errorf("a command with a request id: %v after %d calls, want success after 3", err, signs.Load())
	}
	_, err := c.GetBook(t.Context(), &samplev1.GetBookRequest{Book: bookID})
	if repeated := gets.Load() > 1; status.Code(err) != codes.Unavailable || repeated != marked("GetBook") {
		t.Errorf("a method marked %t: %v after %d calls", marked("GetBook"), err, gets.Load())
	}
}

// marked reports whether the contract says that a method may be repeated.
func marked(method protoreflect.Name) bool {
	d := samplev1.File_habeas_sample_v1_book_service_proto.Services().ByName("BookService").Methods().ByName(method)
	options, _ := d.Options().(*descriptorpb.MethodOptions)
	return options.GetIdempotencyLevel() != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
}

func TestARefusalIsNotRepeated(t *testing.T) {
	var calls atomic.Int64
	p, addr := serve(t, &book{sign: func(context.Context) error {
		calls.Add(1)
		return errors.New("unexpected")
	}})
	if _, err := dial(t, p, addr, nil).Sign(t.Context(), sign()); status.Code(err) != codes.Internal || calls.Load() != 1 {
		t.Errorf("got %v after %d calls, want Internal after 1", err, calls.Load())
	}
}

func TestAnotherServerIsNotTrusted(t *testing.T) {
	p, addr := serve(t, &book{})
	c := dial(t, p, addr, func(c *client.Config) { c.Server = "identityd" })
	if _, err := c.Sign(t.Context(), sign()); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want Unavailable", err)
	}
}

func TestAMissingTokenStopsTheCall(t *testing.T) {
	p, addr := serve(t, &book{})
	c := dial(t, p, addr, func(c *client.Config) {
		c.Token = func(context.Context) (string, error) { return "", errors.New("no token today") }
	})
	if _, err := c.Sign(t.Context(), sign()); status.Code(err) != codes.Unauthenticated {
		t.Errorf("got %v, want Unauthenticated", err)
	}
}

func TestPurposeAndConsistencyTravelAsMetadata(t *testing.T) {
	ctx := client.WithConsistencyToken(client.WithPurpose(t.Context(), "access"), "tok")
	md, _ := metadata.FromOutgoingContext(ctx)
	if got := md.Get("habeas-purpose"); len(got) != 1 || got[0] != "access" {
		t.Errorf("purpose is %v", got)
	}
	if got := client.ConsistencyToken(md); got != "tok" {
		t.Errorf("token is %q", got)
	}
	if client.ConsistencyToken(metadata.MD{}) != "" {
		t.Error("a token out of nothing")
	}
}

func TestAServiceOutsideTheContractIsAMistake(t *testing.T) {
	p := rpctest.NewPlace(t)
	for _, name := range []string{"habeas.none.v1.None", "habeas.sample.v1.SignRequest"} {
		cfg := client.Config{Target: "127.0.0.1:1", Services: []string{name}, TLS: p.TLS(t, "consentd")}
		if conn, err := client.Dial(cfg); err == nil {
			_ = conn.Close()
			t.Errorf("%s was accepted", name)
		}
	}
}
