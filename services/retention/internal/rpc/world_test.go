package rpc_test

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"testing"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/retention/internal/rpc"

	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// counted is a store that counts what is appended to it.
type counted struct {
	*es.MemoryStore
	appends atomic.Int64
}

func (c *counted) Append(ctx context.Context, head es.Head, commit es.Commit) (es.Recorded, error) {
	c.appends.Add(1)
	return c.MemoryStore.Append(ctx, head, commit)
}

// world is retention's server over a store in memory, with a clock of its own.
type world struct {
	*rpctest.Place
	store  *counted
	server *rpc.Server
	addr   string
	clock  atomic.Int64 // nanoseconds since the clock of tokens
	people people
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.clock.Load())) }

func (w *world) later(d time.Duration) { w.clock.Add(int64(d)) }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Place: rpctest.NewPlace(t)}
	store, ring := openMemory(t)
	w.store = &counted{MemoryStore: store}
	tracer := noop.NewTracerProvider().Tracer("")
	schedules, err := rpc.NewSchedules(rpc.Schedules{
		Store: w.store, Verifier: ring, Digester: es.KeyedDigester("key"), Tracer: tracer, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	persons, err := rpc.NewPersons(rpc.Persons{
		Store: w.store, Verifier: ring, Digester: es.KeyedDigester("key"), Tracer: tracer, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.server = &rpc.Server{
		Schedules: schedules, Persons: persons, Now: w.now,
		Subjects: &w.people,
		Standing: func(context.Context, string) (uint32, error) { return 0, nil },
		Zone:     func(context.Context, string) (*time.Location, error) { return time.UTC, nil },
	}
	_, w.addr = w.Serve(t, "retention", kit.Config{
		Services: []kit.Service{{Desc: &retentionv1.RetentionService_ServiceDesc, Impl: w.server}},
		Callers:  map[string][]string{retentionv1.RetentionService_ServiceDesc.ServiceName: {"fulfilment"}},
		Errors:   rpc.Errors(),
	})
	return w
}

func openMemory(t *testing.T) (*es.MemoryStore, *es.KeyRing) {
	t.Helper()
	signer := func() es.Signer {
		s, err := es.GenerateSigner(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	logKey, service, instance := signer(), signer(), signer()
	store := es.NewMemoryStore(instance)
	control := es.Control{Context: rpc.Context, Partition: "00"}
	for _, a := range []struct {
		by   es.Signer
		role logv1.KeyRole
		of   es.Signer
	}{{logKey, logv1.KeyRole_KEY_ROLE_SERVICE, service}, {service, logv1.KeyRole_KEY_ROLE_INSTANCE, instance}} {
		if err := es.Announce(t.Context(), store.As(a.by), rand.Reader, control, a.role, rpc.Context, a.of.Public(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return store, es.NewKeyRing(store, logKey.Public(), 1)
}

// caller is who makes a call: a person with roles, or a service.
type caller struct {
	tenant  string
	roles   []string
	service string
}

func person(roles ...string) caller { return caller{tenant: "acme", roles: roles} }

func service(name string) caller { return caller{tenant: "acme", service: name} }

func (w *world) dial(t *testing.T, c caller) *grpc.ClientConn {
	t.Helper()
	name := "nobody"
	if c.service != "" {
		name = c.service
	}
	config := w.TLS(t, name).ClientTLS("retention")
	var options []grpc.DialOption
	if c.service == "" {
		config.GetClientCertificate = nil
	} else {
		options = append(options, grpc.WithUnaryInterceptor(inTenant(c.tenant)))
	}
	if len(c.roles) > 0 {
		claims := rpctest.With(rpctest.Claims(time.Now(), c.roles...), "tenant", c.tenant)
		options = append(options, grpc.WithPerRPCCredentials(bearer(w.Issuer.Sign(claims))))
	}
	conn, err := grpc.NewClient(w.addr, append(options, grpc.WithTransportCredentials(credentials.NewTLS(config)))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// client calls as somebody.
func (w *world) client(t *testing.T, c caller) retentionv1.RetentionServiceClient {
	t.Helper()
	return retentionv1.NewRetentionServiceClient(w.dial(t, c))
}

func inTenant(tenant string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, o ...grpc.CallOption) error {
		return invoke(metadata.AppendToOutgoingContext(ctx, kit.MetadataTenant, tenant), method, req, reply, cc, o...)
	}
}

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return true }

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// answer is the code, reason and first field of an error.
func answer(err error) (code codes.Code, reason, field string) {
	s := status.Convert(err)
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.BadRequest:
			field = d.GetFieldViolations()[0].GetField()
		}
	}
	return s.Code(), reason, field
}

// expect holds an error against a code and a reason.
func expect(t *testing.T, what string, err error, code codes.Code, reason string) {
	t.Helper()
	if c, r, _ := answer(err); c != code || r != reason {
		t.Errorf("%s: answered %v %q, want %v %q", what, c, r, code, reason)
	}
}
