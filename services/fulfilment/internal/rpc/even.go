package rpc

import (
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Even are the methods by which somebody who has not proven who they are can ask
// about a person. What is known costs a little more work than what is not: a
// longer history, a code to compare, a person to load. Their answers leave at even
// times, so that it does not show.
func Even() []string {
	return []string{
		fulfilmentv1.RequestService_SubmitRequest_FullMethodName,
		fulfilmentv1.RequestService_VerifyRequest_FullMethodName,
		fulfilmentv1.RequestService_RenewVerification_FullMethodName,
		fulfilmentv1.RequestService_CancelRequest_FullMethodName,
		fulfilmentv1.RequestService_RetryRequest_FullMethodName,
		fulfilmentv1.RequestService_GetRequest_FullMethodName,
		fulfilmentv1.RequestService_ExplainRequest_FullMethodName,
		fulfilmentv1.AgentRequestService_SubmitAgentRequest_FullMethodName,
		fulfilmentv1.AgentRequestService_GetAgentRequest_FullMethodName,
	}
}

// shown is how exactly times are told while nobody has proven who asks: between
// the steps of a request lies the work of finding somebody, or nobody.
const shown = time.Second

// coarse cuts a time. None stays none.
func coarse(t *timestamppb.Timestamp) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return timestamppb.New(t.AsTime().Truncate(shown))
}

// blurRequest cuts the times of a request that are of its steps.
func blurRequest(r *fulfilmentv1.Request) { r.ClosedAt = coarse(r.GetClosedAt()) }

// blur cuts the times of an explanation that are of its request's steps.
func blur(x *fulfilmentv1.ExplainRequestResponse) {
	blurRequest(x.GetRequest())
	x.Since, x.OverdueAt, x.NextTryAt = coarse(x.GetSince()), coarse(x.GetOverdueAt()), coarse(x.GetNextTryAt())
	if x.GetSignIn() != nil {
		x.SignIn.ExpiresAt = coarse(x.GetSignIn().GetExpiresAt())
	}
	for _, step := range x.GetHistory() {
		step.At = coarse(step.GetAt())
	}
}
