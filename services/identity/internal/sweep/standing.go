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

	held map[string]map[es.Aggregate]es.Recorded // by tenant, the newest commit that begins it
	done map[string]string                       // by tenant, the terms under which all was done
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
		whole := true
		for agg, r := range held {
			r.ID = es.DeriveID(tenant, terms, r.ID) // what is done now is not what was done then
			if err := react(ctx, r); err != nil {
				failed, whole = append(failed, fmt.Errorf("judge %s again: %w", agg.Type, err)), false
			}
		}
		if whole {
			s.done[tenant] = terms
		}
	}
	return errors.Join(failed...)
}
