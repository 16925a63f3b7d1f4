package carry

import (
	"context"
	"fmt"

	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

// endPackages ends the packages that were made of a person before they are
// forgotten: each holds what was erased. Their keys go first.
func (j *journey) endPackages(ctx context.Context) error {
	refs, err := j.References(ctx, j.s.SubjectRef)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		d, _, err := j.cfg.Dockets.Load(ctx, DocketOf(j.agg.Tenant, ref), es.Leader)
		if err != nil {
			return fmt.Errorf("load docket: %w", err)
		}
		for _, id := range d.Shown {
			if err := j.endPackage(ctx, RequestOf(j.agg.Tenant, id)); err != nil {
				return err
			}
		}
	}
	return nil
}

// endPackage ends another request's package. That request's own process does the
// same once it is revoked; it is done here, so that it is done when the person is
// forgotten.
func (j *journey) endPackage(ctx context.Context, agg es.Aggregate) error {
	s, _, err := j.cfg.Requests.Load(ctx, agg, es.Leader)
	if err != nil {
		return fmt.Errorf("load access: %w", err)
	}
	if !s.Package.Ready || s.Package.Expired {
		return nil
	}
	if s.Package.Revoked == "" {
		res, err := j.cfg.Requests.Handle(ctx, agg, es.Command[request.Command]{
			ID: es.StepID(agg, "revoke-package", s.Events), At: j.cfg.Now(), Meta: es.Meta{Correlation: j.agg.ID},
			Data: request.RevokePackage{Reason: request.PackageErased, At: j.cfg.Now()},
		})
		if err != nil {
			return fmt.Errorf("revoke package: %w", err)
		}
		s = res.State
	}
	other := &journey{Carrier: j.Carrier, agg: agg, s: s}
	return other.expire(ctx)
}
