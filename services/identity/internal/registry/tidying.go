package registry

import (
	"context"
	"slices"

	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
)

// typeUnlinked is the stored name of the event after which a row has to go.
const typeUnlinked = "subject.identifier_unlinked"

// React removes rows that an unlinking left when its process died. It is part
// of a process on the log; other commits are passed over. Rows of a forgotten
// subject are removed by whoever forgets it, again until it succeeds.
func (r *Registry) React(ctx context.Context, rec es.Recorded) error {
	unlinked := slices.ContainsFunc(rec.Events, func(ev es.Event) bool { return ev.Type == typeUnlinked })
	if rec.Aggregate.Type != subject.AggregateType || !unlinked {
		return nil
	}
	return r.Tidy(ctx, rec.Aggregate.Tenant, rec.Aggregate.ID)
}
