package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/lookup"
)

// Holdings is what the lookup table asks of the log.
type Holdings struct {
	Subjects Subjects
	Opener   eventpb.Opener
	Now      func() time.Time
}

var _ lookup.Log = Holdings{}

// kindCommand is the kind of the row that a registration's own id has.
const kindCommand = "command"

// Holds is part of lookup.Log. A command that is not in the log is barred: its
// append, if one is under way, meets the bar and is refused.
func (h Holdings) Holds(ctx context.Context, tenant, subjectRef, kind, commandID string) ([]string, error) {
	agg := Aggregate(tenant, subjectRef)
	s, _, err := h.Subjects.Load(ctx, agg, es.Leader)
	if err != nil {
		return nil, fmt.Errorf("load subject: %w", err)
	}
	if !s.Linked(commandID) {
		res, err := h.Subjects.Handle(ctx, agg, es.Command[subject.Command]{
			ID: es.DeriveID(tenant, "bar-claim", subjectRef+"/"+commandID), At: h.Now(), Data: subject.Bar{Claim: commandID},
		})
		if err != nil {
			return nil, fmt.Errorf("bar claim: %w", err)
		}
		s = res.State
	}
	if kind == kindCommand {
		return slices.Clone(s.Claims), nil
	}
	var out []string
	for _, i := range s.Held {
		if i.Kind != kind {
			continue
		}
		text, err := eventpb.Open(ctx, h.Opener, purposeLookup, agg, i.Value)
		if errors.Is(err, seal.ErrErased) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open identifier: %w", err)
		}
		out = append(out, text)
	}
	return out, nil
}
