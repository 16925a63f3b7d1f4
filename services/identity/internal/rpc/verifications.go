package rpc

import (
	"context"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/ages"
	"habeas.internal/services/identity/internal/otp"
	"habeas.internal/services/identity/internal/signin"
	"habeas.internal/services/identity/verification"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
)

// Verifications implements VerificationService.
type Verifications struct {
	identityv1.UnimplementedVerificationServiceServer
	Desk     *otp.Desk
	Delivery otp.Delivery
	SignIns  *signin.Desk
	Ages     ages.Desk
	Now      func() time.Time
}

// StartVerification opens a verification. Whether anybody is known plays no
// part here.
func (s *Verifications) StartVerification(
	ctx context.Context, r *identityv1.StartVerificationRequest,
) (*identityv1.StartVerificationResponse, error) {
	cmd, err := command[verification.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	vouched, own := false, r.GetSubmitter() == serviceOwn
	if vouches(kit.PrincipalFrom(ctx), r) {
		if vouched, err = s.Ages.Vouches(ctx, tenantOf(ctx), r.GetSubjectRef(), r.GetRequest()); err != nil {
			return nil, err
		}
	}
	ref := r.GetSubjectRef()
	if own && !vouched {
		ref = "" // nobody is sent a code for what the system asked
	}
	id, res, err := s.Desk.Start(ctx, tenantOf(ctx), cmd, r.GetRequest(), ref)
	if err == nil && vouched {
		res, err = s.Desk.Vouch(ctx, tenantOf(ctx), id)
	}
	if err != nil {
		return nil, err
	}
	return &identityv1.StartVerificationResponse{Verification: id, ExpiresAt: stamp(res.State.ExpiresAt), Nonce: res.State.Nonce}, nil
}

const (
	serviceOwn      = "identity"
	serviceVerifies = "fulfilment"
	rightErased     = "erasure"
)

// vouches reports whether identity may vouch for a request: an erasure that it has
// submitted itself, which fulfilment alone can tell. Then nobody has to prove who
// they are.
func vouches(p kit.Principal, r *identityv1.StartVerificationRequest) bool {
	return p.Service == serviceVerifies && p.Subject == "" && r.GetSubjectRef() != "" &&
		r.GetSubmitter() == serviceOwn && r.GetRight() == rightErased
}

// CheckCode takes one attempt. A repeat is answered as the first time.
func (s *Verifications) CheckCode(ctx context.Context, r *identityv1.CheckCodeRequest) (*identityv1.CheckCodeResponse, error) {
	cmd, err := command[verification.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	if (r.GetCode() == "") == (r.GetIdToken() == "") {
		return nil, fault.FieldErrors{{Field: "code", Rule: "ONE_PROOF", Text: "either a code or an ID token is needed"}}
	}
	var res otp.Result
	if r.GetIdToken() != "" {
		res, err = s.SignIns.Check(ctx, tenantOf(ctx), r.GetVerification(), cmd, r.GetIdToken())
	} else {
		res, err = s.Desk.Check(ctx, tenantOf(ctx), r.GetVerification(), cmd, r.GetCode())
	}
	if err != nil {
		return nil, err
	}
	return outcome(res.Events), nil
}

// outcome is what one attempt has done.
func outcome(events []verification.Event) *identityv1.CheckCodeResponse {
	out := &identityv1.CheckCodeResponse{State: identityv1.VerificationState_VERIFICATION_STATE_OPEN}
	for _, ev := range events {
		switch e := ev.(type) {
		case verification.AttemptFailed:
			out.AttemptsLeft = verification.MaxAttempts - e.Attempts
		case verification.Ended:
			out.State, out.AttemptsLeft = identityv1.VerificationState_VERIFICATION_STATE_FAILED, 0
		case verification.Succeeded:
			out.State, out.AssuranceLevel = identityv1.VerificationState_VERIFICATION_STATE_PASSED, e.Level
		case verification.Started, verification.CodeDispatched, verification.LinkIssued, verification.CodeSent, verification.CodeNotSent,
			verification.CheckRefused, verification.CheckBegun, verification.Checked: // no attempt's result
		}
	}
	return out
}

// GetVerification says how far a verification got. Who it is about, it says
// only when they have proved it.
func (s *Verifications) GetVerification(
	ctx context.Context, r *identityv1.GetVerificationRequest,
) (*identityv1.GetVerificationResponse, error) {
	v, err := s.Desk.Load(ctx, tenantOf(ctx), r.GetVerification())
	if err != nil {
		return nil, err
	}
	out := &identityv1.GetVerificationResponse{
		State: identityv1.VerificationState_VERIFICATION_STATE_OPEN, Request: v.Request, ExpiresAt: stamp(v.OpenUntil()),
		CheckedBy: v.CheckedBy,
	}
	phase := v.PhaseAt(s.Now())
	if phase == verification.Passed && v.Method == verification.MethodSystem {
		vouched, err := s.Ages.Vouches(ctx, tenantOf(ctx), v.Subject, v.Request)
		if err != nil {
			return nil, err
		}
		if !vouched { // what it was asked for has been corrected
			phase = verification.Failed
		}
	}
	switch phase {
	case verification.Failed:
		out.State = identityv1.VerificationState_VERIFICATION_STATE_FAILED
	case verification.Passed:
		out.State = identityv1.VerificationState_VERIFICATION_STATE_PASSED
		out.SubjectRef, out.AssuranceLevel, out.Method = v.Subject, v.Level, v.Method
		better, err := s.Delivery.BetterFrom(ctx, tenantOf(ctx), v)
		if err != nil {
			return nil, err
		}
		out.BetterFrom = stamp(better)
	case verification.Open:
		if s.Now().Before(v.ExpiresAt) { // else it is open for staff alone
			out.Nonce = v.Nonce
		}
	case verification.None:
	}
	return out, nil
}
