package rpc

import (
	"context"
	"math"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/internal/parity"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"

	"google.golang.org/protobuf/proto"
)

// Parity reports what giving and withdrawing consent took.
type Parity interface {
	Report(ctx context.Context, tenant, policy string, want es.Token) ([]parity.Row, error)
}

// GetWithdrawalParity returns what was measured of a policy of the tenant.
func (s *ConsentServer) GetWithdrawalParity(ctx context.Context, r *consentv1.GetWithdrawalParityRequest) (*consentv1.GetWithdrawalParityResponse, error) {
	rules, _, err := s.log.rules(ctx, policyAggregate(ctx, r.GetPolicy()))
	if err != nil {
		return nil, err
	}
	if _, err := version(rules, 0); err != nil {
		return nil, err
	}
	want, err := es.ParseToken(kit.ConsistencyToken(ctx))
	if err != nil {
		return nil, err
	}
	rows, err := s.log.Parity.Report(ctx, kit.PrincipalFrom(ctx).Tenant, r.GetPolicy(), want)
	if err != nil {
		return nil, err
	}
	out := &consentv1.GetWithdrawalParityResponse{}
	for _, row := range rows {
		out.Rows = append(out.Rows, &consentv1.ParityRow{
			Notice: row.Notice, Channel: row.Channel, Giving: effort(row.Giving), Withdrawing: effort(row.Withdrawing),
			HarderToWithdraw: row.HarderToWithdraw, WithdrawalUnknown: row.WithdrawalUnknown,
		})
	}
	return out, nil
}

func effort(e parity.Effort) *consentv1.Effort {
	out := &consentv1.Effort{Acts: e.Acts}
	if !math.IsNaN(e.Steps) {
		out.Steps = proto.Float64(e.Steps)
	}
	if !math.IsNaN(e.Seconds) {
		out.Seconds = proto.Float64(e.Seconds)
	}
	return out
}
