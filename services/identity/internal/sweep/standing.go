package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"habeas.internal/services/internal/es"
)

// Standing is work whose outcome depends on terms that change without the person's
// doing, such as the ages from which a tenant's policies serve people. After a
// start, and whenever a tenant's terms change, it is done again for each of the
// tenant's aggregates that has begun it and not ended.
type Standing struct {
	Work
	// Terms is a tenant's, as a text that differs if they do; empty while they
	// can't be known.
	Terms func(ctx context.Context, tenant string) (string, error)
	// Kept is under which terms all was done before a start; nil: that is not kept.
	Kept Kept

	held map[string]map[es.Aggregate]es.Recorded // by tenant, the newest commit that begins it
	done map[string]string                       // by tenant, the terms under which all was done; empty while they are being done
}

// Kept keeps, by tenant, a digest of the terms under which all was done. Several
// processes may use the same.
type Kept interface {
	// Load returns what was kept; empty for nothing.
	Load(ctx context.Context, tenant string) (string, error)
	// Store keeps a digest in place of what was kept; empty removes it.
	Store(ctx context.Context, tenant, digest string) error
}

func (s *Standing) note(r es.Recorded) {
	tenant := r.Aggregate.Tenant
	switch {
	case happened(r, s.Ends):
		delete(s.held[tenant], r.Aggregate)
	case happened(r, s.Begins):
		if s.held == nil {
			s.held, s.done = map[string]map[es.Aggregate]es.Recorded{}, map[string]string{}
		}
		if s.held[tenant] == nil {
			s.held[tenant] = map[es.Aggregate]es.Recorded{}
		}
		s.held[tenant][r.Aggregate] = only(r, s.Begins)
	}
}

// only is what of a commit matters: what is held of everybody must be small.
// Nothing of it is believed; a reaction reads the aggregate, and verifies that.
func only(r es.Recorded, types []string) es.Recorded {
	var out es.Recorded
	out.ID, out.Aggregate = r.ID, r.Aggregate
	for _, ev := range r.Events {
		if slices.Contains(types, ev.Type) {
			out.Events = append(out.Events, es.Event{Type: ev.Type})
		}
	}
	return out
}

// sweep does what the terms ask for again. Under terms that were done for all but
// one, it is tried again for all: reactions are harmless to repeat.
func (s *Standing) sweep(ctx context.Context, react func(context.Context, es.Recorded) error) error {
	var failed []error
	for tenant, held := range s.held {
		terms, err := s.Terms(ctx, tenant)
		if err != nil {
			failed = append(failed, fmt.Errorf("read terms: %w", err))
			continue
		}
		if terms == "" || terms == s.done[tenant] {
			continue
		}
		failed = append(failed, s.judge(ctx, tenant, terms, held, react))
	}
	return errors.Join(failed...)
}

// judge does everybody of a tenant again, unless that was done under these terms
// before a start. What was done under others is forgotten first: whoever is
// interrupted begins anew, also when the terms of before are back.
func (s *Standing) judge(
	ctx context.Context, tenant, terms string, held map[es.Aggregate]es.Recorded, react func(context.Context, es.Recorded) error,
) error {
	digest := es.DeriveID(tenant, "terms", terms)
	_, begun := s.done[tenant]
	if s.Kept != nil && !begun {
		before, err := s.Kept.Load(ctx, tenant)
		if err != nil {
			return fmt.Errorf("read under which terms all was done: %w", err)
		}
		if before == digest {
			s.done[tenant] = terms
			return nil
		}
	}
	if s.Kept != nil {
		if err := s.Kept.Store(ctx, tenant, ""); err != nil {
			return fmt.Errorf("forget under which terms all was done: %w", err)
		}
	}
	s.done[tenant] = ""
	var failed []error
	for agg, r := range held {
		r.ID = es.DeriveID(tenant, terms, r.ID) // what is done now is not what was done then
		if err := react(ctx, r); err != nil {
			failed = append(failed, fmt.Errorf("judge %s again: %w", agg.Type, err))
		}
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	s.done[tenant] = terms
	if s.Kept == nil {
		return nil
	}
	if err := s.Kept.Store(ctx, tenant, digest); err != nil { // the next start judges once more
		return fmt.Errorf("keep under which terms all was done: %w", err)
	}
	return nil
}
