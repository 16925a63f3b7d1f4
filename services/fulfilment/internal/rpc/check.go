package rpc

import (
	"context"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/terms"
	"habeas.internal/services/fulfilment/request"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/grpc/codes"
)

// refusedCheck is what identity said to a check, as this service's own answer.
func refusedCheck(err error) error {
	switch reason := terms.Reason(err); reason {
	case "UNDERTAKING_REQUIRED":
		return fault.New(codes.PermissionDenied, reason, "no undertaking of confidentiality is in force")
	case "NEED_REQUIRED":
		return fault.New(codes.PermissionDenied, reason, "neither a case nor a purpose of yours needs this")
	case "NOBODY_TO_COMPARE":
		return fault.New(codes.FailedPrecondition, reason, "nobody is known by what the request names")
	case "EVIDENCE_ENDED", "KEY_DESTROYED":
		return fault.New(codes.FailedPrecondition, "EVIDENCE_ENDED", "the time of this request's evidence is over")
	}
	return checked(err)
}

// said refuses a check that does not say what it must.
func said(c *identityv1.Check) error {
	const begun, scan = identityv1.CheckResult_CHECK_RESULT_BEGUN, identityv1.CheckMethod_CHECK_METHOD_DOCUMENT_COPY
	switch {
	case c.GetResult() == begun && (c.GetMethod() != 0 || len(c.GetEvidence()) > 0):
		return fault.FieldErrors{{Field: "check.method", Rule: "TOO_EARLY", Text: "a check that begins has neither method nor evidence"}}
	case c.GetResult() != begun && c.GetMethod() == 0:
		return fault.FieldErrors{{Field: "check.method", Rule: "REQUIRED", Text: "how was the person checked?"}}
	case c.GetMethod() == scan && c.GetDoubt() == "":
		return fault.FieldErrors{{Field: "check.doubt", Rule: "REQUIRED", Text: "a copy of a document is asked for on reasonable doubt alone; say which"}}
	}
	return nil
}

func denied(r *fulfilmentv1.CheckPersonRequest) bool {
	return r.GetCheck().GetResult() == identityv1.CheckResult_CHECK_RESULT_NOT_CONFIRMED
}

// CheckPerson has identity record what a member of staff did, and goes on with
// the request by it.
func (s *Server) CheckPerson(ctx context.Context, r *fulfilmentv1.CheckPersonRequest) (*fulfilmentv1.CheckPersonResponse, error) {
	agg, state, err := s.load(ctx, r.GetRequest())
	if err != nil {
		return nil, err
	}
	if err := said(r.GetCheck()); err != nil {
		return nil, err
	}
	by := staff(ctx)
	own, err := s.submitted(ctx, agg, state, kit.PrincipalFrom(ctx).Subject)
	if err != nil {
		return nil, err
	}
	cmd, err := command[request.Command](s, r.GetRequestId(), r, request.CheckPerson{
		By: by, Own: own,
	})
	if err != nil {
		return nil, err
	}
	res, err := s.Requests.Handle(ctx, agg, cmd)
	if err != nil {
		return nil, err
	}
	purpose := kit.PurposeFrom(ctx)
	ctx = client.WithTenant(ctx, agg.Tenant)
	got, err := s.Checks.RecordCheck(ctx, &identityv1.RecordCheckRequest{
		RequestId: r.GetRequestId(), Verification: res.State.Verification, By: by, Purpose: purpose, Check: r.GetCheck(),
	})
	if err != nil {
		return nil, refusedCheck(err)
	}
	out := &fulfilmentv1.VerifyRequestResponse{State: got.GetState()}
	s.rate(ctx, out, res.State, got.GetAssuranceLevel())
	answer := &fulfilmentv1.CheckPersonResponse{
		State: got.GetState(), AssuranceLevel: out.GetAssuranceLevel(), NeededLevel: out.GetNeededLevel(), Reason: out.GetReason(),
		Suffices: out.GetSuffices(), EvidenceEndsAt: got.GetEvidenceEndsAt(), ConsistencyToken: res.Token().Encode(),
	}
	begun := r.GetCheck().GetResult() == identityv1.CheckResult_CHECK_RESULT_BEGUN
	if got.GetState() == identityv1.VerificationState_VERIFICATION_STATE_OPEN && !begun || res.State.Assured() && !denied(r) {
		return answer, nil // nothing has changed
	}
	token, err := s.Carrier.FollowUp(ctx, agg, res.State)
	if err != nil {
		return nil, err
	}
	answer.ConsistencyToken = token.Encode()
	return answer, nil
}
