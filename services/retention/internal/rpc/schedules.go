package rpc

import (
	"context"
	"errors"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/retention/schedule"
)

// ListOf is the aggregate that lists the policies of a tenant that have a
// schedule.
func ListOf(tenant string) es.Aggregate {
	return es.Aggregate{
		Context: Context, Tenant: tenant, Type: schedule.AggregateType, ID: es.DeriveID(tenant, "schedules", ""),
	}
}

// Put replaces the schedule of a policy; cmd says as whose command. The policy is
// listed first, so that whoever asks what the tenant must keep misses none.
func Put(
	ctx context.Context, h Schedules, tenant string, put schedule.Put, cmd es.Command[schedule.Command],
) (es.Result[schedule.Schedule, schedule.Event], error) {
	list := ListOf(tenant)
	_, err := h.Handle(ctx, list, es.Command[schedule.Command]{
		ID: es.StepID(list, "list-"+put.Policy, 1), At: cmd.At, Meta: cmd.Meta, Data: schedule.List{Policy: put.Policy},
	})
	if err != nil {
		return es.Result[schedule.Schedule, schedule.Event]{}, err
	}
	cmd.Data = put
	return h.Handle(ctx, ScheduleOf(tenant, put.Policy), cmd)
}

// inForce are the rules that decide at a moment, and the highest version that
// they come from: of one policy, or of all that the tenant has. A listed policy
// whose schedule is still to come has none yet.
func (s *Server) inForce(ctx context.Context, policy string, at time.Time) (rules []schedule.Rule, version uint32, err error) {
	policies := []string{policy}
	if policy == "" {
		list, _, err := s.Schedules.Load(ctx, ListOf(tenant(ctx)), es.Leader)
		if err != nil {
			return nil, 0, err
		}
		policies = list.Policies
	}
	for _, p := range policies {
		state, _, err := s.Schedules.Load(ctx, ScheduleOf(tenant(ctx), p), es.Leader)
		if err != nil {
			return nil, 0, err
		}
		v, err := state.InForce(at)
		if errors.Is(err, schedule.ErrNoSchedule) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		rules, version = append(rules, v.Rules...), max(version, v.Number)
	}
	if version == 0 {
		return nil, 0, schedule.ErrNoSchedule
	}
	return rules, version, nil
}
