package rpc

import (
	"context"
	"fmt"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/refusals"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/internal/tenants"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/seal/suppression"

	"golang.org/x/sync/errgroup"
)

// Suppression implements SuppressionService.
type Suppression struct {
	identityv1.UnimplementedSuppressionServiceServer
	Set       *suppression.Set
	Refusals  refusals.Desk
	Directory *tenants.Directory
}

// workers is how many values of one call are looked after at a time.
const workers = 16

func entry(tenant string, v *identityv1.SuppressedValue) suppression.Entry {
	return suppression.Entry{Tenant: tenant, System: v.GetSystem(), Column: v.GetColumn(), Value: v.GetValue()}
}

// Suppress remembers values. After an error some may be remembered; the call
// may be repeated.
func (s *Suppression) Suppress(ctx context.Context, r *identityv1.SuppressRequest) (*identityv1.SuppressResponse, error) {
	if r.GetUntil().CheckValid() != nil {
		return nil, fault.FieldErrors{{Field: "until", Rule: "TIMESTAMP", Text: "must be a valid time"}}
	}
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for _, v := range r.GetValues() {
		g.Go(func() error {
			return s.Set.Add(within, entry(tenantOf(ctx), v), r.GetErasureRef(), r.GetUntil().AsTime())
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return &identityv1.SuppressResponse{}, nil
}

// KeepRefusals remembers refusals. After an error some may be remembered; the call
// may be repeated.
func (s *Suppression) KeepRefusals(ctx context.Context, r *identityv1.KeepRefusalsRequest) (*identityv1.KeepRefusalsResponse, error) {
	if r.GetUntil().CheckValid() != nil {
		return nil, fault.FieldErrors{{Field: "until", Rule: "TIMESTAMP", Text: "must be a valid time"}}
	}
	values := make([]registry.Value, len(r.GetIdentifiers()))
	for i, id := range r.GetIdentifiers() {
		field := fmt.Sprintf("identifiers[%d]", i)
		v, err := normal(field, id)
		if err == nil {
			v, err = declared(ctx, s.Directory, field, v)
		}
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	if err := s.Refusals.Keep(ctx, tenantOf(ctx), values, r.GetRefusals(), r.GetUntil().AsTime()); err != nil {
		return nil, err
	}
	return &identityv1.KeepRefusalsResponse{}, nil
}

// CheckSuppressed answers for each value.
func (s *Suppression) CheckSuppressed(ctx context.Context, r *identityv1.CheckSuppressedRequest) (*identityv1.CheckSuppressedResponse, error) {
	out := &identityv1.CheckSuppressedResponse{ErasureRefs: make([]string, len(r.GetValues()))}
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i, v := range r.GetValues() {
		g.Go(func() error {
			ref, _, err := s.Set.Contains(within, entry(tenantOf(ctx), v))
			out.ErasureRefs[i] = ref
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}
