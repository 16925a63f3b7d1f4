package compliance

import (
	"slices"

	"habeas.internal/services/internal/calendar"
)

const (
	maxReviews = 200
	maxMonths  = 60
	maxDays    = 1830 // five years
)

// Decide returns the events that cmd causes.
func Decide(s Compliance, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Schedule:
		return schedule(s, c)
	case CallMissed:
		r, ok := s.of(c.Scope)
		if !ok || r.Missed || r.DueAt.After(c.At) {
			return nil, nil
		}
		return []Event{Missed{Scope: c.Scope, DueAt: r.DueAt, At: c.At}}, nil
	case Complete:
		r, ok := s.of(c.Scope)
		if !ok {
			return nil, ErrNoReview
		}
		next := calendar.DateOf(c.At, c.Zone).AddMonths(r.Period.Months).AddDays(r.Period.Days).Start(c.Zone)
		done := Completion{By: c.By, Findings: c.Findings, Report: c.Report, DueAt: r.DueAt, At: c.At}
		return []Event{Completed{Scope: c.Scope, Completion: done, NextDue: next.UTC()}}, nil
	}
	return nil, errUnknown
}

func schedule(s Compliance, c Schedule) ([]Event, error) {
	r, known := s.of(c.Scope)
	switch {
	case c.Period == Period{} || c.Period.Months > maxMonths || c.Period.Days > maxDays:
		return nil, ErrPeriod
	case !c.DueAt.After(c.At):
		return nil, ErrInPast
	case !known && len(s.Reviews) == maxReviews:
		return nil, ErrTooMany
	case known && !r.DueAt.After(c.At): // announced or not
		return []Event{Refused{Scope: c.Scope, Reason: ErrMissed.Reason()}}, ErrMissed
	case known && r.Period == c.Period && r.DueAt.Equal(c.DueAt):
		return nil, nil
	}
	return []Event{Scheduled(c)}, nil
}

func (s Compliance) of(scope string) (Review, bool) {
	i := s.at(scope)
	if i < 0 {
		return Review{}, false
	}
	return s.Reviews[i], true
}

func (s Compliance) at(scope string) int {
	return slices.IndexFunc(s.Reviews, func(r Review) bool { return r.Scope == scope })
}
