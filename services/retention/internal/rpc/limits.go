package rpc

import (
	"context"
	"errors"
	"slices"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/retention/person"
	"habeas.internal/services/retention/schedule"
)

// Limits knows when data of a tenant's people is over by itself. Its methods may be
// called from several goroutines.
type Limits struct {
	Schedules Schedules
	// Zone is the time zone of a tenant's establishment; its error is one of the table.
	Zone func(ctx context.Context, tenant string) (*time.Location, error)
}

// Limited is what the policies of a tenant limit at a moment.
type Limited struct {
	zone     *time.Location
	policies []string
	versions []schedule.Version
}

// At reads what decides at a moment. A tenant without any schedule is
// schedule.ErrNoSchedule.
func (l Limits) At(ctx context.Context, tenant string, at time.Time) (Limited, error) {
	zone, err := l.Zone(ctx, tenant)
	if err != nil {
		return Limited{}, err
	}
	list, _, err := l.Schedules.Load(ctx, ListOf(tenant), es.Leader)
	if err != nil {
		return Limited{}, err
	}
	out := Limited{zone: zone}
	for _, policy := range list.Policies {
		s, _, err := l.Schedules.Load(ctx, ScheduleOf(tenant, policy), es.Leader)
		if err != nil {
			return Limited{}, err
		}
		v, err := s.InForce(at)
		if errors.Is(err, schedule.ErrNoSchedule) {
			continue
		}
		if err != nil {
			return Limited{}, err
		}
		out.policies, out.versions = append(out.policies, policy), append(out.versions, v)
	}
	if len(out.policies) == 0 {
		return Limited{}, schedule.ErrNoSchedule
	}
	return out, nil
}

// Knows says that a policy has a schedule that decides.
func (l Limited) Knows(policy string) bool { return slices.Contains(l.policies, policy) }

// Limit is a limit of a policy.
type Limit struct {
	Policy string
	From   time.Time // it decides since then
	schedule.Limit
	version uint32
	zone    *time.Location
}

// Each lists the limits for which which says yes; of all policies, or of one.
func (l Limited) Each(policy string, which func(schedule.Limit) bool) []Limit {
	var out []Limit
	for i, v := range l.versions {
		if policy != "" && policy != l.policies[i] {
			continue
		}
		for _, limit := range v.Limits {
			if which(limit) {
				out = append(out, Limit{Policy: l.policies[i], From: v.From, Limit: limit, version: v.Number, zone: l.zone})
			}
		}
	}
	return out
}

// Name is the name of the clock for data of a category, the limit's or below it.
func (l Limit) Name(category, system string) person.Name {
	return person.Name{Policy: l.Policy, Category: category, System: system, StartsOn: l.StartsOn}
}

// Clock counts for data of a category from a moment on.
func (l Limit) Clock(category, system string, from time.Time) person.Clock {
	return person.Clock{
		Name: l.Name(category, system), ScheduleVersion: l.version, StartedAt: from, DueAt: l.Period.After(from, l.zone), Clause: l.Clause,
	}
}

// Purposeless says that nothing needs data of the category any more.
func Purposeless(l schedule.Limit) bool {
	return l.StartsOn == schedule.PurposeEnded && len(l.Purposes) == 0
}
