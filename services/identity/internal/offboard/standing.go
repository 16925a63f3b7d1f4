package offboard

import (
	"context"
	"errors"
	"fmt"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/rpc/client"
)

var (
	// ErrNotConnected says that one of those who know what stands in the way is not
	// configured.
	ErrNotConnected = errors.New("retention or fulfilment is not connected")
	// ErrUnknown says that one of them did not answer.
	ErrUnknown = errors.New("nobody knows whether a hold stands or a request is open")
)

// Witnesses know what stands in the way of a tenant's end. Either may be nil.
type Witnesses struct {
	Holds    retentionv1.RetentionServiceClient
	Requests fulfilmentv1.RequestServiceClient
}

// Standing asks them.
func (w Witnesses) Standing(ctx context.Context, id string) (tenant.Standing, error) {
	if w.Holds == nil || w.Requests == nil {
		return tenant.Standing{}, ErrNotConnected
	}
	ctx = client.WithTenant(ctx, id)
	holds, err := w.Holds.CountHolds(ctx, &retentionv1.CountHoldsRequest{})
	if err != nil {
		return tenant.Standing{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	requests, err := w.Requests.CountOpenRequests(ctx, &fulfilmentv1.CountOpenRequestsRequest{})
	if err != nil {
		return tenant.Standing{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return tenant.Standing{Holds: holds.GetHolds(), Requests: requests.GetRequests()}, nil
}
