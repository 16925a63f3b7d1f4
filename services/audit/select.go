package audit

import (
	"context"
	"fmt"
	"slices"

	"habeas.internal/services/internal/es"
)

// selection is what a filter comes to in this log: ids that a commit is shown
// for naming, and aggregates that are shown whole. Nil ids select everything.
type selection struct {
	filter Filter
	ids    map[string]bool
	whole  map[es.Aggregate]bool
}

// A request that names a person is a request of theirs.
const (
	requestContext = "fulfilment"
	requestType    = "request"
)

// selection says what belongs to the filter's person or request. Of a request
// its own id is enough. Whose a request is, the log says only after its first
// commits, and what was made for it does not name the person: so of a person
// the requests are looked for first, in the one context that has any. It holds
// what is selected and no more, however long the log is.
func (a *Auditor) selection(ctx context.Context, f Filter, s *Summary) (*selection, error) {
	pick := &selection{filter: f}
	if f.Subject == "" && f.Request == "" {
		return pick, nil
	}
	pick.whole, pick.ids = map[es.Aggregate]bool{}, map[string]bool{}
	for _, id := range []string{f.Subject, f.Request} {
		if id != "" {
			pick.ids[id] = true
		}
	}
	if f.Subject == "" || !slices.Contains(a.contexts, requestContext) {
		return pick, nil
	}
	person := &selection{filter: f, ids: map[string]bool{f.Subject: true}}
	for r, err := range a.log.Scan(ctx, requestContext, nil) {
		if err != nil {
			return nil, fmt.Errorf("select: %w", err)
		}
		s.Searched++
		a.tell(s.Searched)
		if r.Aggregate.Type != requestType || pick.ids[r.Aggregate.ID] || !pick.inTime(r) || !pick.inTenant(r) {
			continue
		}
		entry, err := a.entry(r)
		if err != nil {
			return nil, fmt.Errorf("select: %w", err)
		}
		if person.names(entry) {
			pick.ids[r.Aggregate.ID] = true
		}
	}
	return pick, nil
}

// names reports whether a commit was caused by, or tells of, a known id.
func (s *selection) names(e Entry) bool {
	if s.ids[e.Correlation] {
		return true
	}
	for _, event := range e.Events {
		for id := range event.references() {
			if s.ids[id] {
				return true
			}
		}
	}
	return false
}

func (s *selection) inTenant(r es.Recorded) bool {
	return s.filter.Tenant == "" || r.Aggregate.Tenant == s.filter.Tenant
}

func (s *selection) inTime(r es.Recorded) bool {
	return s.filter.Until.IsZero() || !r.Stored.After(s.filter.Until)
}

// has reports whether a commit is to be shown. It is asked about the commits of
// an aggregate in their order: one of a known id, and one that began by naming
// one, is shown with all its commits.
func (s *selection) has(r es.Recorded, e Entry) bool {
	if !s.inTime(r) || !s.inTenant(r) {
		return false
	}
	if s.ids == nil || s.ids[r.Aggregate.ID] || s.whole[r.Aggregate] {
		return true
	}
	named := s.names(e)
	if named && r.FirstVersion == 1 {
		s.whole[r.Aggregate] = true
	}
	return named
}
