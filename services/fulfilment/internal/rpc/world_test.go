package rpc_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/internal/rpc"
	"habeas.internal/services/fulfilment/internal/rulepack"
	"habeas.internal/services/fulfilment/internal/terms"
	"habeas.internal/services/fulfilment/internal/view"
	"habeas.internal/services/fulfilment/internal/vocabulary"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/rpctest"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// service is fulfilment behind its door, with everything around it stood in.
type service struct {
	*fake.World
	place  *rpctest.Place
	addr   string
	lines  []view.Line
	agents *directory
	impl   *rpc.Server
	reads  *rpctest.Reads
	grown  atomic.Bool // the databases have a column more than described
	front  *rpc.Agents
}

// List gives the lines that a test has set.
func (s *service) List(_ context.Context, tenant string, stage request.Stage, after string, size int, _ es.Token) ([]view.Line, string, error) {
	if after != "" && len(after) != 43 {
		return nil, "", view.ErrBadPage
	}
	if tenant != fake.Tenant {
		return nil, "", nil
	}
	lines := slices.DeleteFunc(slices.Clone(s.lines), func(l view.Line) bool { return stage != 0 && l.Stage != stage })
	return lines[:min(size, len(lines))], "", nil
}

// checker parses as the service does and asks no database.
type checker struct{ grown *atomic.Bool }

func (c checker) Check(_ context.Context, _ string, d system.Description) (uint32, []string, error) {
	if d.Connection == "unknown" {
		return 0, nil, connector.Error("CONNECTION_NOT_CONFIGURED")
	}
	if (d.Connection == "grown" || c.grown.Load()) && !strings.Contains(d.Waivers, "customer.phone: ") {
		return 0, nil, connector.Unannotated{{Path: "customer.phone", Text: "column customer.phone looks personal"}}
	}
	set, err := dataset.Parse([]byte(d.Dataset))
	if err != nil {
		return 0, nil, err
	}
	return uint32(len(set.Collections)), []string{"customer.note"}, nil
}

func serve(t *testing.T) *service {
	t.Helper()
	return serveEven(t, kit.Even{})
}

// serveEven serves with answers at even times.
func serveEven(t *testing.T, even kit.Even) *service {
	t.Helper()
	s := &service{World: fake.NewWorld(t), place: rpctest.NewPlace(t), agents: &directory{used: map[string]*identityv1.UseMandateRequest{}}, reads: &rpctest.Reads{}}
	packs, err := rulepack.Load("gdpr", "ccpa")
	if err != nil {
		t.Fatal(err)
	}
	impl := &rpc.Server{
		Handlers: s.Handlers, Carrier: s.Carrier, Lister: s, Checker: checker{&s.grown}, Words: vocabulary.New(s.Peers, s.Peers), Packages: s.Packages, Verifications: s.Peers, Tenants: s.Peers, Checks: s.Peers,
		Pinner: terms.Pinner{Tenants: s.Peers, Policies: s.Peers, Packs: packs, Known: packs},
		Random: rand.Reader, Now: s.Clock.Now, Poll: time.Millisecond,
	}
	s.impl, s.front = impl, &rpc.Agents{Server: impl, Directory: s.agents}
	_, s.addr = s.place.Serve(t, "fulfilment", kit.Config{
		Services: []kit.Service{
			{Desc: &fulfilmentv1.RequestService_ServiceDesc, Impl: impl},
			{Desc: &fulfilmentv1.SystemService_ServiceDesc, Impl: impl},
			{Desc: &fulfilmentv1.CaseService_ServiceDesc, Impl: impl},
			{Desc: &fulfilmentv1.ControllerService_ServiceDesc, Impl: impl},
			{Desc: &fulfilmentv1.AgentRequestService_ServiceDesc, Impl: s.front},
		},
		Errors: rpc.Errors(), Reads: s.reads, Even: even,
	})
	return s
}

type api struct {
	fulfilmentv1.RequestServiceClient
	fulfilmentv1.SystemServiceClient
	fulfilmentv1.CaseServiceClient
	conn *grpc.ClientConn
}

// as calls as somebody with roles in a tenant, after a step-up; no role is nobody.
func (s *service) as(t *testing.T, tenant, subject string, roles ...string) *api {
	t.Helper()
	if len(roles) == 0 {
		return s.tokened(t, nil)
	}
	return s.tokened(t, rpctest.With(rpctest.With(s.claims(tenant, subject, roles...), "acr", "phr"), "auth_time", time.Now().Unix()))
}

func (s *service) claims(tenant, subject string, roles ...string) jwt.MapClaims {
	return rpctest.With(rpctest.With(rpctest.Claims(time.Now(), roles...), "tenant", tenant), "sub", subject)
}

// tokened calls with a token of these claims, or with none.
func (s *service) tokened(t *testing.T, claims jwt.MapClaims) *api {
	t.Helper()
	tlsConfig := s.place.TLS(t, "tester").ClientTLS("fulfilment")
	tlsConfig.Certificates, tlsConfig.GetClientCertificate = nil, func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &tls.Certificate{}, nil
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(tlsConfig))}
	if claims != nil {
		options = append(options, grpc.WithPerRPCCredentials(bearer(s.place.Issuer.Sign(claims))))
	}
	conn, err := grpc.NewClient(s.addr, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &api{fulfilmentv1.NewRequestServiceClient(conn), fulfilmentv1.NewSystemServiceClient(conn), fulfilmentv1.NewCaseServiceClient(conn), conn}
}

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return true }

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func withPurpose(ctx context.Context) context.Context {
	return client.WithPurpose(ctx, "case-handling")
}

// answer is the code, reason and fields of an error.
func answer(err error) (code codes.Code, reason string, fields []string) {
	s := status.Convert(err)
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.BadRequest:
			for _, f := range d.GetFieldViolations() {
				fields = append(fields, f.GetField())
			}
		}
	}
	return s.Code(), reason, fields
}

func hasField(fields []string, want string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return strings.HasPrefix(f, want) })
}

const (
	key1  = "00000000-0000-4000-8000-000000000001"
	key2  = "00000000-0000-4000-8000-000000000002"
	key3  = "00000000-0000-4000-8000-000000000003"
	actor = "actor-1"
)

func submission(key string, right fulfilmentv1.Right) *fulfilmentv1.SubmitRequestRequest {
	return &fulfilmentv1.SubmitRequestRequest{
		RequestId: key, Right: right, Channel: fulfilmentv1.RequestChannel_REQUEST_CHANNEL_WEB,
		Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: fake.Jane},
	}
}

func submit(t *testing.T, c *api, key string, right fulfilmentv1.Right) string {
	t.Helper()
	got, err := c.SubmitRequest(deadline(t), submission(key, right))
	if err != nil {
		t.Fatal(err)
	}
	return got.GetRequest()
}

func purposed() metadata.MD { return metadata.Pairs("habeas-purpose", "case-handling") }
