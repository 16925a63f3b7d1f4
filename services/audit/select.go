package audit

import (
	"context"
	"fmt"

	"habeas.internal/services/internal/es"
)

// selection is what a filter comes to in this log: whole aggregates, and ids
// that a commit is shown for naming. Nil sets select everything.
type selection struct {
	filter Filter
	whole  map[es.Aggregate]bool
	ids    map[string]bool
}

// requestType is the aggregate type of a fulfilment request: one that names a
// person is a request of theirs.
const requestType = "request"

// selection reads the log, unverified, until it knows what belongs to the
// filter's person or request. What one reading finds, such as the requests of a
// person, the next looks for in turn.
func (a *Auditor) selection(ctx context.Context, f Filter) (*selection, error) {
	s := &selection{filter: f}
	if f.Subject == "" && f.Request == "" {
		return s, nil
	}
	s.whole, s.ids = map[es.Aggregate]bool{}, map[string]bool{}
	for _, id := range []string{f.Subject, f.Request} {
		if id != "" {
			s.ids[id] = true
		}
	}
	for before := -1; before != len(s.ids)+len(s.whole); {
		before = len(s.ids) + len(s.whole)
		for r, err := range a.merged(ctx) {
			if err != nil {
				return nil, fmt.Errorf("select: %w", err)
			}
			entry, err := a.entry(r)
			if err != nil {
				return nil, fmt.Errorf("select: %w", err)
			}
			s.learn(r, entry)
		}
	}
	return s, nil
}

// learn notes an aggregate that belongs to the selection with all its commits:
// one of a known id, one that began by naming one, and a request that names the
// person.
func (s *selection) learn(r es.Recorded, e Entry) {
	if s.whole[r.Aggregate] || !s.inTenant(r) {
		return
	}
	named := s.names(e)
	request := r.Aggregate.Type == requestType && named && s.filter.Request == ""
	if s.ids[r.Aggregate.ID] || named && r.FirstVersion == 1 || request {
		s.whole[r.Aggregate] = true
	}
	if request {
		s.ids[r.Aggregate.ID] = true
	}
}

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

// has reports whether a commit is to be shown.
func (s *selection) has(r es.Recorded, e Entry) bool {
	return s.inTenant(r) && (s.ids == nil || s.whole[r.Aggregate] || s.names(e))
}
