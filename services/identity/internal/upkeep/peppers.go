package upkeep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"habeas.internal/services/internal/seal/lookup"
)

// Peppers turns the peppers of one purpose when they are old enough: a row that
// outlived its erasure somewhere can then be linked to a value by nobody.
type Peppers struct {
	// Tenants runs do for each tenant that has a pepper of the purpose.
	Tenants func(ctx context.Context, do func(ctx context.Context, tenant string) error) error
	// Ended is when the tenant's last pepper ended; zero if none has.
	Ended func(ctx context.Context, tenant string) (time.Time, error)
	// Created is when the tenant was made, and its first pepper soon after.
	Created func(ctx context.Context, tenant string) (time.Time, error)
	// Rotate turns one tenant's, or finishes what was interrupted.
	Rotate func(ctx context.Context, tenant string) error
	Age    time.Duration
	Now    func() time.Time
}

// Turn turns the peppers of every tenant whose time has come. One that fails
// does not keep the others from it; one whose claims are not settled comes next
// time.
func (p Peppers) Turn(ctx context.Context) error {
	var failed []error
	err := p.Tenants(ctx, func(ctx context.Context, tenant string) error {
		due, err := p.due(ctx, tenant)
		if err == nil && due {
			err = p.Rotate(ctx, tenant)
		}
		if err != nil && !errors.Is(err, lookup.ErrUnsettled) {
			failed = append(failed, fmt.Errorf("turn pepper of %s: %w", tenant, err))
		}
		return ctx.Err()
	})
	return errors.Join(append(failed, err)...)
}

// Due lists the tenants whose time has come. One that can't be asked does not
// keep the others from it.
func (p Peppers) Due(ctx context.Context) (tenants []string, err error) {
	var failed []error
	err = p.Tenants(ctx, func(ctx context.Context, tenant string) error {
		due, err := p.due(ctx, tenant)
		if err != nil {
			failed = append(failed, fmt.Errorf("ask for the pepper of %s: %w", tenant, err))
		}
		if due {
			tenants = append(tenants, tenant)
		}
		return ctx.Err()
	})
	return tenants, errors.Join(append(failed, err)...)
}

func (p Peppers) due(ctx context.Context, tenant string) (bool, error) {
	since, err := p.Ended(ctx, tenant)
	if err == nil && since.IsZero() {
		since, err = p.Created(ctx, tenant)
	}
	return err == nil && p.Now().Sub(since) >= p.Age, err
}
