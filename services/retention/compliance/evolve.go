package compliance

import "slices"

// remembered is how many completions of a scope the state has.
const remembered = 10

// Evolve folds one event into the state.
func Evolve(s Compliance, ev Event) Compliance {
	switch e := ev.(type) {
	case Scheduled:
		if s.at(e.Scope) < 0 {
			s.Reviews = append(slices.Clip(s.Reviews), Review{Scope: e.Scope})
		}
		return s.with(e.Scope, func(r *Review) { r.Period, r.DueAt = e.Period, e.DueAt })
	case Missed:
		return s.with(e.Scope, func(r *Review) { r.Missed = true })
	case Completed:
		return s.with(e.Scope, func(r *Review) {
			r.DueAt, r.Missed = e.NextDue, false
			r.Completed = append(slices.Clip(r.Completed), e.Completion)
			r.Completed = r.Completed[max(0, len(r.Completed)-remembered):]
		})
	case Refused:
	}
	return s
}

// with is the state with one review changed.
func (s Compliance) with(scope string, change func(*Review)) Compliance {
	s.Reviews = slices.Clone(s.Reviews)
	if i := s.at(scope); i >= 0 {
		change(&s.Reviews[i])
	}
	return s
}
