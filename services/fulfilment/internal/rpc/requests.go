package rpc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/fulfilment/internal/terms"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/personal"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// SubmitRequest takes a request in. Nothing is looked up about the person, so
// the answer says nothing about them.
func (s *Server) SubmitRequest(ctx context.Context, r *fulfilmentv1.SubmitRequestRequest) (*fulfilmentv1.SubmitRequestResponse, error) {
	tenant := tenantOf(ctx)
	agg := carry.RequestOf(tenant, es.DeriveID(tenant, fulfilmentv1.RequestService_SubmitRequest_FullMethodName, r.GetRequestId()))
	now := s.Now()
	received := eventpb.Moment(r.GetReceivedAt())
	if received.IsZero() {
		received = now
	}
	if received.After(now) {
		return nil, fault.FieldErrors{{Field: "received_at", Rule: "IN_FUTURE", Text: "a request is received before it is recorded"}}
	}
	who, err := spelled(r.GetIdentifier())
	if err != nil {
		return nil, err
	}
	service := itself(ctx)
	if reserved(r.GetChannel(), service) {
		return nil, fault.FieldErrors{{Field: "channel", Rule: "RESERVED", Text: "is for what services ask for by themselves"}}
	}
	if err := s.counted(ctx, agg, r.GetIdentifier().GetKind().String()+"/"+who); err != nil {
		return nil, err
	}
	right := request.Right(r.GetRight())
	pinned, err := s.Pinner.Pin(ctx, tenant, terms.Asked{
		Right: right, Policy: r.GetPolicy(), Theirs: alone(ctx), Channel: channelCode(r.GetChannel()), Service: service != "", ReceivedAt: received,
		ArrivedAt: r.GetArrivedAt(),
	})
	if err != nil {
		return nil, err
	}
	if pinned.Controller, err = s.controllerFor(ctx, pinned, r.GetController()); err != nil {
		return nil, err
	}
	submit := request.Submit{
		Right: right, Kind: uint8(r.GetIdentifier().GetKind()), Identifier: personal.Clear(who),
		Channel: channelCode(r.GetChannel()), Terms: pinned, Service: service, ReceivedAt: received, At: now,
	}
	if alone(ctx) {
		key, err := es.NewID(s.Random)
		if err != nil {
			return nil, err
		}
		submit.Submitter, submit.SubmitterKey = mark(key, kit.PrincipalFrom(ctx).Subject), personal.Clear(key)
	} else {
		submit.TakenBy = staff(ctx)
	}
	cmd, err := command[request.Command](s, r.GetRequestId(), r, submit)
	if err != nil {
		return nil, err
	}
	res, err := s.Requests.Handle(ctx, agg, cmd)
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.SubmitRequestResponse{
		Request: agg.ID, DueAt: timestamppb.New(res.State.Terms.DueAt), DueOn: dueOn(res.State.Terms), ConsistencyToken: res.Token().Encode(),
	}, nil
}

// reserved reports whether a channel is not for whoever calls: a service is none of
// the person's own, and what retention announces comes by its events.
func reserved(c fulfilmentv1.RequestChannel, service string) bool {
	return c == fulfilmentv1.RequestChannel_REQUEST_CHANNEL_SYSTEM_RETENTION ||
		c == fulfilmentv1.RequestChannel_REQUEST_CHANNEL_SYSTEM_AGE && service == ""
}

// channelCode is a channel's name in the log.
func channelCode(c fulfilmentv1.RequestChannel) string {
	name := strings.ToLower(strings.TrimPrefix(c.String(), "REQUEST_CHANNEL_"))
	if service, ok := strings.CutPrefix(name, "system_"); ok {
		return "system." + service
	}
	return name
}

// itself is the service that calls, for nobody else; empty if somebody else does.
func itself(ctx context.Context) string {
	if p := kit.PrincipalFrom(ctx); p.Subject == "" {
		return p.Service
	}
	return ""
}

// codeShaped reports whether a text may be a code, as people type it, or the secret of
// a link. One that can't be either takes no attempt.
func codeShaped(typed string) bool {
	const code, secret = 8, 26
	typed = strings.NewReplacer(" ", "", "-", "", "\t", "").Replace(typed)
	switch len(typed) {
	case code:
		return strings.Trim(typed, "0123456789") == ""
	case secret:
		return strings.Trim(strings.ToLower(typed), "abcdefghijklmnopqrstuvwxyz234567") == ""
	}
	return false
}

// VerifyRequest hands a code or an ID token on to identity and records what it
// decided.
func (s *Server) VerifyRequest(ctx context.Context, r *fulfilmentv1.VerifyRequestRequest) (*fulfilmentv1.VerifyRequestResponse, error) {
	if (r.GetCode() == "") == (r.GetIdToken() == "") {
		return nil, fault.FieldErrors{{Field: "code", Rule: "ONE_PROOF", Text: "either a code or an ID token is needed"}}
	}
	if r.GetIdToken() == "" && !codeShaped(r.GetCode()) {
		return nil, fault.FieldErrors{{Field: "code", Rule: "CODE_SHAPE", Text: "a code has eight digits, the secret of a link 26 signs"}}
	}
	agg, _, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	if err := s.Velocity.attempts(ctx, agg.ID); err != nil {
		return nil, err
	}
	cmd, err := command[request.Command](s, r.GetRequestId(), r, request.CheckOpen{})
	if err != nil {
		return nil, err
	}
	res, err := s.Requests.Handle(ctx, agg, cmd)
	if err != nil {
		return nil, err
	}
	state := res.State // later than what was loaded: the verification may have started in between
	ctx = client.WithTenant(ctx, agg.Tenant)
	got, err := s.Verifications.CheckCode(ctx, &identityv1.CheckCodeRequest{
		RequestId: r.GetRequestId(), Verification: state.Verification, Code: r.GetCode(), IdToken: r.GetIdToken(),
	})
	if err != nil {
		return nil, checked(err)
	}
	out := &fulfilmentv1.VerifyRequestResponse{State: got.GetState(), AttemptsLeft: got.GetAttemptsLeft()}
	s.rate(ctx, out, state, got.GetAssuranceLevel())
	if got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_OPEN && !state.Assured() {
		token, err := s.Carrier.FollowUp(ctx, agg, state)
		if err != nil {
			return nil, err
		}
		out.ConsistencyToken = token.Encode()
	}
	if got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED {
		if err := s.Velocity.wrongProof(ctx); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// WithdrawRequest ends a request at the person's wish.
func (s *Server) WithdrawRequest(ctx context.Context, r *fulfilmentv1.WithdrawRequestRequest) (*fulfilmentv1.WithdrawRequestResponse, error) {
	agg, _, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	cmd, err := command[request.Command](s, r.GetRequestId(), r, request.Withdraw{At: s.Now()})
	if err != nil {
		return nil, err
	}
	res, err := s.Requests.Handle(ctx, agg, cmd)
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.WithdrawRequestResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// RetryRequest tries at once what has failed.
func (s *Server) RetryRequest(ctx context.Context, r *fulfilmentv1.RetryRequestRequest) (*fulfilmentv1.RetryRequestResponse, error) {
	agg, _, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	cmd, err := command[request.Command](s, r.GetRequestId(), r, request.Retry{At: s.Now()})
	if err != nil {
		return nil, err
	}
	res, err := s.Requests.Handle(ctx, agg, cmd)
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.RetryRequestResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// GetRequest reads a request from the log. A leader's answer is never behind a
// token.
func (s *Server) GetRequest(ctx context.Context, r *fulfilmentv1.GetRequestRequest) (*fulfilmentv1.GetRequestResponse, error) {
	if _, err := es.ParseToken(r.GetConsistencyToken()); err != nil {
		return nil, err
	}
	agg, state, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	out := show(agg.ID, state)
	if state.Assured() {
		kit.AtOnce(ctx)
	} else {
		blurRequest(out)
	}
	return &fulfilmentv1.GetRequestResponse{Request: out}, nil
}

const defaultPage = 100

// ListRequests reads the list.
func (s *Server) ListRequests(ctx context.Context, r *fulfilmentv1.ListRequestsRequest) (*fulfilmentv1.ListRequestsResponse, error) {
	want, err := es.ParseToken(r.GetConsistencyToken())
	if err != nil {
		return nil, err
	}
	size := int(r.GetPageSize())
	if size == 0 {
		size = defaultPage
	}
	stage := request.Stage(r.GetState())
	if roles(ctx) == "verifier" { // their queue: who asks is yet to be proven
		if stage != 0 && stage != request.Received {
			return nil, fault.FieldErrors{{Field: "state", Rule: "NOT_FOR_VERIFIER", Text: "a verifier is shown what waits for a proof alone"}}
		}
		stage = request.Received
	}
	lines, next, err := s.Lister.List(ctx, tenantOf(ctx), stage, r.GetPageToken(), size, want)
	if err != nil {
		return nil, err
	}
	out := &fulfilmentv1.ListRequestsResponse{NextPageToken: next}
	for _, l := range lines {
		out.Requests = append(out.Requests, &fulfilmentv1.RequestSummary{
			Request: l.ID, Right: fulfilmentv1.Right(l.Right), State: fulfilmentv1.RequestState(l.Stage),
			Outcome: fulfilmentv1.Outcome(l.Outcome), ReceivedAt: timestamppb.New(l.ReceivedAt), DueAt: timestamppb.New(l.DueAt),
			DueOn: dueOn(request.Terms{DueAt: l.DueAt, Zone: l.Zone}),
		})
	}
	return out, nil
}

// CountOpenRequests says how many requests of the tenant are not finished.
func (s *Server) CountOpenRequests(ctx context.Context, _ *fulfilmentv1.CountOpenRequestsRequest) (*fulfilmentv1.CountOpenRequestsResponse, error) {
	n, err := s.Open(ctx, tenantOf(ctx))
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.CountOpenRequestsResponse{Requests: n}, nil
}

// DownloadPackage records the read and then gives the archive out, chunk by
// chunk.
func (s *Server) DownloadPackage(r *fulfilmentv1.DownloadPackageRequest, out grpc.ServerStreamingServer[fulfilmentv1.DownloadPackageResponse]) error {
	ctx := out.Context()
	agg, state, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return err
	}
	if err := kit.OnCase(ctx, agg.ID); err != nil {
		return err
	}
	kit.SawMerged(ctx, state.SubjectRef, state.Holders()...)
	fulfils := state.Case.Fulfils(kit.ActorID(agg.Tenant, kit.PrincipalFrom(ctx).Subject))
	kit.Holds(ctx, state.Terms.Policy, state.Categories(), fulfils && state.Package.Live(s.Now()))
	if err := kit.MayShow(ctx); err != nil {
		return err
	}
	separated, err := s.separated(ctx, agg.Tenant, state)
	if err != nil {
		return err
	}
	if state.Package.Live(s.Now()) && !separated {
		if err := kit.Show(ctx); err != nil {
			return err
		}
	}
	id, err := es.NewID(s.Random)
	if err != nil {
		return err
	}
	reader := ""
	if !alone(ctx) {
		reader = staff(ctx)
	}
	_, err = s.Requests.Handle(ctx, agg, es.Command[request.Command]{
		ID: id, At: s.Now(), Meta: es.Meta{Correlation: agg.ID}, Data: request.ReadPackage{
			Purpose: kit.PurposeFrom(ctx), Roles: roles(ctx), Reader: reader,
			Separated: separated, At: s.Now(),
		},
	})
	if err != nil {
		return fmt.Errorf("record read: %w", err)
	}
	name := pack.Name{Tenant: agg.Tenant, Request: agg.ID, Package: state.Package.Name}
	return s.Packages.Read(ctx, name, func(data []byte) error {
		return out.Send(&fulfilmentv1.DownloadPackageResponse{Data: data})
	})
}

// separated reports whether the package holds data of somebody who is not the
// person any more: they were taken for one when it was made.
func (s *Server) separated(ctx context.Context, tenant string, r request.Request) (bool, error) {
	if !r.Package.Live(s.Now()) {
		return false, nil
	}
	now, err := s.Carrier.References(client.WithTenant(ctx, tenant), r.SubjectRef)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(r.Holders(), func(ref string) bool { return !slices.Contains(now, ref) }), nil
}
