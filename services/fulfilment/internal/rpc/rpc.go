// Package rpc answers fulfilment's calls: decode, handle, encode. What is asked
// about one request is read from the log, by way of a leader; only the list
// comes from the read model.
package rpc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/fulfilment/internal/terms"
	"habeas.internal/services/fulfilment/internal/view"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"

	"google.golang.org/protobuf/proto"
)

// Lister gives pages of the list of requests.
type Lister interface {
	List(ctx context.Context, tenant string, stage request.Stage, after string, size int, want es.Token) ([]view.Line, string, error)
}

// Pinner fixes the terms that a request is answered by.
type Pinner interface {
	Pin(ctx context.Context, tenant string, asked terms.Asked) (request.Terms, error)
	// Ground says on what a rejection rests, or refuses it.
	Ground(ctx context.Context, tenant string, t request.Terms, j terms.Judged) (request.Rejection, error)
}

// Checker compares a tenant's description with the system itself.
type Checker interface {
	Check(ctx context.Context, tenant string, d system.Description) (collections uint32, remarks []string, err error)
}

// Packages gives archives out.
type Packages interface {
	Read(ctx context.Context, n pack.Name, yield func([]byte) error) error
}

// Server implements RequestService, SystemService, CaseService and ControllerService.
type Server struct {
	fulfilmentv1.UnimplementedRequestServiceServer
	fulfilmentv1.UnimplementedSystemServiceServer
	fulfilmentv1.UnimplementedCaseServiceServer
	fulfilmentv1.UnimplementedControllerServiceServer
	carry.Handlers
	Carrier *carry.Carrier
	Lister  Lister
	// Open is how many requests of a tenant are not finished, as of now.
	Open          func(ctx context.Context, tenant string) (uint32, error)
	Words         carry.Words
	Pinner        Pinner
	Checker       Checker
	Packages      Packages
	Verifications identityv1.VerificationServiceClient
	Tenants       identityv1.TenantServiceClient
	Checks        identityv1.CheckServiceClient
	Velocity      Velocity
	Random        io.Reader
	Now           func() time.Time
	// Poll is how often a watched request is looked at.
	Poll time.Duration
}

func tenantOf(ctx context.Context) string { return kit.PrincipalFrom(ctx).Tenant }

// command wraps what a client asks for. The body is the request itself.
func command[C any](s *Server, id string, r proto.Message, data C) (es.Command[C], error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		return es.Command[C]{}, fmt.Errorf("encode command body: %w", err)
	}
	return es.Command[C]{ID: id, Client: true, Body: body, At: s.Now(), Meta: es.Meta{Correlation: id}, Data: data}, nil
}

// mark is how a request remembers a person who acts for themselves: comparable by
// who has its key.
func mark(key, subject string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(subject))
	return hex.EncodeToString(mac.Sum(nil))
}

// submitted reports whether somebody has submitted a request for themselves. Once
// the key of its mark is destroyed nobody has.
func (s *Server) submitted(ctx context.Context, agg es.Aggregate, state request.Request, subject string) (bool, error) {
	if state.Submitter == "" || subject == "" {
		return false, nil
	}
	key, err := s.Carrier.SubmitterKey(client.WithTenant(ctx, agg.Tenant), agg, state)
	if err != nil || key == "" {
		return false, err
	}
	return subtle.ConstantTimeCompare([]byte(state.Submitter), []byte(mark(key, subject))) == 1, nil
}

// alone reports whether the caller may be here only as the person concerned.
func alone(ctx context.Context) bool {
	_, rule := kit.MethodFrom(ctx)
	others := slices.DeleteFunc(slices.Clone(rule.GetRoles()), func(r optionsv1.Role) bool { return r == optionsv1.Role_ROLE_SUBJECT })
	return !slices.ContainsFunc(others, kit.PrincipalFrom(ctx).Roles.Has)
}

// roles names those of the caller's roles that the method asks for.
func roles(ctx context.Context) string {
	_, rule := kit.MethodFrom(ctx)
	var out []string
	for _, r := range rule.GetRoles() {
		if kit.PrincipalFrom(ctx).Roles.Has(r) {
			out = append(out, strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_")))
		}
	}
	return strings.Join(out, ".")
}

// load is a request that the caller may see. One that is not theirs does not
// exist.
func (s *Server) load(ctx context.Context, id string) (es.Aggregate, request.Request, error) {
	agg := carry.RequestOf(tenantOf(ctx), id)
	state, _, err := s.Requests.Load(ctx, agg, es.Leader)
	if err != nil {
		return agg, state, err
	}
	return agg, state, s.theirs(ctx, agg, state)
}

func (s *Server) theirs(ctx context.Context, agg es.Aggregate, state request.Request) error {
	if !state.Submitted {
		return request.ErrNoRequest
	}
	if !alone(ctx) {
		return nil
	}
	own, err := s.submitted(ctx, agg, state, kit.PrincipalFrom(ctx).Subject)
	if err == nil && !own {
		err = request.ErrNoRequest
	}
	return err
}
