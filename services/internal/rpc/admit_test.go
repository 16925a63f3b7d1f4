package rpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/rpc/rpctest"
)

// seen keeps the principal of the last call.
func (w *world) seen() *rpc.Principal {
	var p rpc.Principal
	w.book.sign = func(ctx context.Context, _ *samplev1.SignRequest) (*samplev1.SignResponse, error) {
		p = rpc.PrincipalFrom(ctx)
		return &samplev1.SignResponse{}, nil
	}
	return &p
}

func TestTheHandlerKnowsWhoCalls(t *testing.T) {
	w := newWorld(t, nil)
	got := w.seen()
	token := w.Issuer.Sign(rpctest.Claims(time.Now(), "product"))
	const product, service = optionsv1.Role_ROLE_PRODUCT, optionsv1.Role_ROLE_SERVICE
	actor := func(through string, roles ...optionsv1.Role) rpc.Principal {
		return rpc.Principal{
			Tenant: "acme", Subject: "actor-1", TokenID: "token-1", Service: through, Roles: auth.RolesOf(roles...),
		}
	}
	for name, row := range map[string]struct {
		service string
		ctx     context.Context
		want    rpc.Principal
	}{
		"a person by their token": {"", with(t, "authorization", "Bearer "+token), actor("", product)},
		"a service calling for a person": {
			"consentd", with(t, "authorization", "bearer "+token), actor("consentd", product, service),
		},
		"a service that repeats the token's tenant": {
			"consentd", with(t, "authorization", "Bearer "+token, "habeas-tenant", "acme"), actor("consentd", product, service),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := w.client(t, row.service).Sign(row.ctx, goodSign()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, *got, cmpopts.IgnoreFields(rpc.Principal{}, "Expires")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOutsideACallThereIsNobody(t *testing.T) {
	name, rule := rpc.MethodFrom(t.Context())
	if rpc.PrincipalFrom(t.Context()) != (rpc.Principal{}) || rpc.PurposeFrom(t.Context()) != "" || name != "" || rule != nil {
		t.Error("a plain context has a caller")
	}
}

func TestCredentialsThatDoNotSufficeAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	w.book.sign = func(context.Context, *samplev1.SignRequest) (*samplev1.SignResponse, error) {
		t.Error("the handler was reached")
		return nil, errors.New("unreachable")
	}
	good := rpctest.Claims(time.Now(), "product")
	token := "Bearer " + w.Issuer.Sign(good)
	signed := func(claim string, value any) string {
		return "Bearer " + w.Issuer.Sign(rpctest.With(good, claim, value))
	}
	for name, row := range map[string]struct {
		service string
		pairs   []string
		code    codes.Code
		reason  string
	}{
		"nobody":                        {"", nil, codes.Unauthenticated, "CREDENTIALS_REQUIRED"},
		"another scheme":                {"", []string{"authorization", "Basic abc"}, codes.Unauthenticated, "CREDENTIALS_MALFORMED"},
		"a scheme alone":                {"", []string{"authorization", "Bearer "}, codes.Unauthenticated, "CREDENTIALS_MALFORMED"},
		"two tokens":                    {"", []string{"authorization", token, "authorization", token}, codes.Unauthenticated, "CREDENTIALS_MALFORMED"},
		"a broken token":                {"", []string{"authorization", token + "x"}, codes.Unauthenticated, "TOKEN_INVALID"},
		"an old token":                  {"", []string{"authorization", signed("exp", 1)}, codes.Unauthenticated, "TOKEN_EXPIRED"},
		"a token for another audience":  {"", []string{"authorization", signed("aud", "x")}, codes.Unauthenticated, "TOKEN_FOREIGN"},
		"a token without a tenant":      {"", []string{"authorization", signed("tenant", nil)}, codes.Unauthenticated, "TOKEN_WITHOUT_TENANT"},
		"a token with an address":       {"", []string{"authorization", signed("sub", "j@x.org")}, codes.Unauthenticated, "TOKEN_SUBJECT_INVALID"},
		"a person who names a tenant":   {"", []string{"authorization", token, "habeas-tenant", "other"}, codes.PermissionDenied, "TENANT_FORBIDDEN"},
		"a person who names theirs":     {"", []string{"authorization", token, "habeas-tenant", "acme"}, codes.PermissionDenied, "TENANT_FORBIDDEN"},
		"a person without the role":     {"", []string{"authorization", signed("roles", []string{"dpo"})}, codes.PermissionDenied, "ROLE_REQUIRED"},
		"a person who claims service":   {"", []string{"authorization", signed("roles", []string{"service"})}, codes.PermissionDenied, "ROLE_REQUIRED"},
		"a person without any role":     {"", []string{"authorization", signed("roles", nil)}, codes.PermissionDenied, "ROLE_REQUIRED"},
		"a service of another list":     {"auditd", []string{"habeas-tenant", "acme"}, codes.PermissionDenied, "SERVICE_FORBIDDEN"},
		"that service with a token":     {"auditd", []string{"authorization", token}, codes.PermissionDenied, "SERVICE_FORBIDDEN"},
		"a service with a broken token": {"consentd", []string{"authorization", token + "x", "habeas-tenant", "acme"}, codes.Unauthenticated, "TOKEN_INVALID"},
		"a service without a tenant":    {"consentd", nil, codes.InvalidArgument, "TENANT_REQUIRED"},
		"a service for the system":      {"consentd", []string{"habeas-tenant", "_system"}, codes.InvalidArgument, "TENANT_INVALID"},
		"a service for two tenants":     {"consentd", []string{"habeas-tenant", "a", "habeas-tenant", "b"}, codes.InvalidArgument, "TENANT_INVALID"},
		"a service for a foreign one":   {"consentd", []string{"authorization", token, "habeas-tenant", "other"}, codes.PermissionDenied, "TENANT_FORBIDDEN"},
		"a service on a person's rule":  {"consentd", []string{"habeas-tenant", "acme"}, codes.PermissionDenied, "ROLE_REQUIRED"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.client(t, row.service).Sign(with(t, row.pairs...), goodSign())
			wantFault(t, err, row.code, row.reason)
		})
	}
}

// A request that breaks every rule is refused for the first rule in the order
// of the steps; mending one fault after the other shows the next step.
func TestTheStepsComeInTheirOrder(t *testing.T) {
	limited := false
	w := newWorld(t, func(c *rpc.Config) {
		c.Limit = func(ctx context.Context, method string) error {
			if !limited && rpc.PrincipalFrom(ctx).Tenant == "acme" && method == "/"+bookService+"/Sign" {
				return errBusy
			}
			return nil
		}
		c.Errors = fault.Table{{Err: errBusy, Code: codes.ResourceExhausted, Reason: "TOO_MANY"}, {Err: errClosed, Code: codes.FailedPrecondition, Reason: "BOOK_CLOSED"}}
	})
	w.book.sign = func(context.Context, *samplev1.SignRequest) (*samplev1.SignResponse, error) { return nil, errClosed }
	client := w.client(t, "")
	wrong := &samplev1.SignRequest{Name: strings.Repeat("x", 5000)}
	sign := func(ctx context.Context, r *samplev1.SignRequest, code codes.Code, reason string) {
		t.Helper()
		_, err := client.Sign(ctx, r)
		wantFault(t, err, code, reason)
	}
	sign(t.Context(), wrong, codes.InvalidArgument, "DEADLINE_REQUIRED")
	sign(with(t), wrong, codes.Unauthenticated, "CREDENTIALS_REQUIRED")
	sign(w.as(t, "auditor"), wrong, codes.PermissionDenied, "ROLE_REQUIRED")
	sign(w.as(t, "product"), wrong, codes.ResourceExhausted, "TOO_MANY")
	limited = true
	sign(w.as(t, "product"), wrong, codes.ResourceExhausted, "REQUEST_TOO_LARGE")
	wrong.Name = strings.Repeat("x", 500)
	sign(w.as(t, "product"), wrong, codes.InvalidArgument, "INVALID_ARGUMENT")
	sign(w.as(t, "product"), goodSign(), codes.FailedPrecondition, "BOOK_CLOSED")
}

var (
	errBusy   = errors.New("too many calls")
	errClosed = errors.New("book is closed")
)

// ask opens the stream of guests and waits for its end.
func ask(ctx context.Context, client samplev1.BookServiceClient) error {
	stream, err := client.ListGuests(ctx, &samplev1.ListGuestsRequest{Book: bookID})
	for err == nil {
		_, err = stream.Recv()
	}
	return err
}

func TestAPurposeIsStatedWhereTheRuleDemandsIt(t *testing.T) {
	w := newWorld(t, nil)
	var purpose, method string
	var rule *optionsv1.Access
	w.book.list = func(_ *samplev1.ListGuestsRequest, s grpc.ServerStreamingServer[samplev1.ListGuestsResponse]) error {
		purpose = rpc.PurposeFrom(s.Context())
		method, rule = rpc.MethodFrom(s.Context())
		return errClosed
	}
	client := w.client(t, "")
	and := func(purposes ...string) context.Context {
		ctx := w.as(t, "agent")
		for _, p := range purposes {
			ctx = metadata.AppendToOutgoingContext(ctx, "habeas-purpose", p)
		}
		return ctx
	}
	wantFault(t, ask(and(), client), codes.InvalidArgument, "PURPOSE_REQUIRED")
	wantFault(t, ask(and("Jane Doe"), client), codes.InvalidArgument, "PURPOSE_INVALID")
	wantFault(t, ask(and(strings.Repeat("a", 129)), client), codes.InvalidArgument, "PURPOSE_INVALID")
	wantFault(t, ask(and("a", "b"), client), codes.InvalidArgument, "PURPOSE_INVALID")
	wantFault(t, ask(and("access.art15"), client), codes.Internal, "INTERNAL") // reached: errClosed has no row
	if purpose != "access.art15" || method != "/"+bookService+"/ListGuests" || rule.GetReads() != optionsv1.DataClass_DATA_CLASS_PERSONAL {
		t.Errorf("handler saw purpose %q, method %q, rule %s", purpose, method, rule.GetReads())
	}
}

func TestHealthNeedsNeitherCredentialsNorDeadline(t *testing.T) {
	w := newWorld(t, nil)
	answer, err := healthpb.NewHealthClient(w.dial(t, "")).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("got %s and %v, want SERVING", answer.GetStatus(), err)
	}
}
