package registry

import (
	"context"
	"slices"

	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
)

// typeUnlinked is the stored name of the event after which a row has to go.
const typeUnlinked = "subject.identifier_unlinked"

// Tidying removes rows that an unlinking left when its process died. Those of a
// forgotten subject are removed by whoever forgets it, again until it succeeds.
func (r *Registry) Tidying() jetstream.Process {
	return jetstream.Process{
		Name: "lookup-rows", Context: Context, CodeVersion: "1",
		React: func(ctx context.Context, rec es.Recorded) error {
			unlinked := slices.ContainsFunc(rec.Events, func(ev es.Event) bool { return ev.Type == typeUnlinked })
			if rec.Aggregate.Type != subject.AggregateType || !unlinked {
				return nil
			}
			return r.Tidy(ctx, rec.Aggregate.Tenant, rec.Aggregate.ID)
		},
	}
}
