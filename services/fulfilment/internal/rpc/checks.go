package rpc

import (
	"context"
	"errors"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es"
)

func waivers(given []*fulfilmentv1.Waiver) string {
	var all []system.Waiver
	for _, w := range given {
		all = append(all, system.Waiver{Path: w.GetPath(), Reason: w.GetReason()})
	}
	return system.Waive(all)
}

func waived(d system.Description) (out []*fulfilmentv1.Waiver) {
	for _, w := range d.Waived() {
		out = append(out, &fulfilmentv1.Waiver{Path: w.Path, Reason: w.Reason})
	}
	return out
}

// CheckSystem compares the description in force with the system as it is now.
func (s *Server) CheckSystem(ctx context.Context, r *fulfilmentv1.CheckSystemRequest) (*fulfilmentv1.CheckSystemResponse, error) {
	tenant := tenantOf(ctx)
	state, _, err := s.Systems.Load(ctx, carry.SystemOf(tenant, r.GetSystem()), es.Leader)
	if err != nil {
		return nil, err
	}
	v, ok := state.Latest()
	if !ok {
		return nil, system.ErrNoSystem
	}
	out := &fulfilmentv1.CheckSystemResponse{Version: v.Number}
	_, out.Remarks, err = s.Checker.Check(ctx, tenant, v.Description)
	if err != nil {
		if out.Problems = problems(err); out.Problems == nil {
			return nil, err // it was not compared
		}
	}
	named, err := s.remarks(ctx, tenant, v.Description)
	if err != nil {
		return nil, err
	}
	out.Remarks = append(named, out.GetRemarks()...)
	return out, nil
}

// problems says where a description does not hold; none if it was not compared.
func problems(err error) (out []*fulfilmentv1.SystemProblem) {
	var mismatch connector.Mismatch
	var unnamed connector.Unannotated
	var own dataset.Problems
	switch {
	case errors.As(err, &mismatch):
		out = places(mismatch, connector.ErrMismatch)
	case errors.As(err, &unnamed):
		out = places(unnamed, connector.ErrUnnamed)
	case errors.As(err, &own):
		for _, p := range own {
			out = append(out, &fulfilmentv1.SystemProblem{Path: p.Path, Reason: string(p.Reason), Text: p.String()})
		}
	case errors.Is(err, connector.ErrMismatch):
		out = append(out, &fulfilmentv1.SystemProblem{Reason: connector.ErrMismatch.Reason(), Text: "the system is not as its description says"})
	}
	return out
}

func places(all []connector.Place, reason connector.Error) (out []*fulfilmentv1.SystemProblem) {
	for _, p := range all {
		out = append(out, &fulfilmentv1.SystemProblem{Path: p.Path, Reason: reason.Reason(), Text: p.Text})
	}
	return out
}
