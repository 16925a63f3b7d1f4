// Package follow takes the schedule of each posted policy: a process over
// consent's events that asks consent for the document and puts what it says.
package follow

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/schedule"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Policies is the part of consent that is asked.
type Policies interface {
	GetPolicy(ctx context.Context, in *consentv1.GetPolicyRequest, opts ...grpc.CallOption) (*consentv1.GetPolicyResponse, error)
}

// errOtherVersion says that consent answered about something else.
var errOtherVersion = errors.New("consent answered with another policy version")

// Process puts the schedule of each policy version that was posted, and starts and stops
// the clocks of people whose consent has changed. What can't be read, or is refused, is
// tried again and parked in the end, where operators see it; the schedule before stays in
// force.
func Process(h rpc.Schedules, policies Policies, clocks Clocks, now func() time.Time) (jetstream.Process, error) {
	known, err := es.NewRegistry(widened[*consentv1.PolicyPosted](), widened[*consentv1.DecisionRecorded](),
		widened[*consentv1.ConsentExpired](), widened[*consentv1.ConsentInvalidated](), widened[*consentv1.AllWithdrawn]())
	return jetstream.Process{
		Name: "schedules", Context: "consent", CodeVersion: "2",
		React: func(ctx context.Context, r es.Recorded) error {
			for i, ev := range r.Events {
				events, err := known.DecodeForeign(ev)
				if err != nil {
					return fmt.Errorf("follow consent: %w", err)
				}
				for _, m := range events {
					if err := react(ctx, h, policies, clocks, r, i, m, now()); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}, err
}

func react(
	ctx context.Context, h rpc.Schedules, policies Policies, clocks Clocks, r es.Recorded, i int, m proto.Message, now time.Time,
) error {
	if posted, ok := m.(*consentv1.PolicyPosted); ok {
		return put(ctx, h, policies, r, posted, now)
	}
	for _, c := range changesOf(m) {
		if err := clocks.consented(ctx, r, i, c); err != nil {
			return err
		}
	}
	return nil
}

func put(ctx context.Context, h rpc.Schedules, policies Policies, r es.Recorded, m *consentv1.PolicyPosted, now time.Time) error {
	got, err := policies.GetPolicy(client.WithTenant(ctx, r.Aggregate.Tenant), &consentv1.GetPolicyRequest{
		Policy: m.GetPolicy(), Version: m.GetVersion(),
	})
	if err != nil {
		return fmt.Errorf("get posted policy: %w", err)
	}
	if got.GetPolicy() != m.GetPolicy() || got.GetVersion() != m.GetVersion() {
		return errOtherVersion
	}
	p, err := parse(got.GetDocument())
	if err != nil {
		return fmt.Errorf("read posted policy: %w", err)
	}
	next := schedule.Put{Policy: m.GetPolicy(), PolicyVersion: m.GetVersion(), From: p.from, Rules: p.rules, Limits: p.limits, At: now}
	_, err = rpc.Put(ctx, h, r.Aggregate.Tenant, next, es.Command[schedule.Command]{
		ID: es.StepID(r.Aggregate, "schedule-"+strconv.FormatUint(uint64(m.GetVersion()), 10), 1), At: now,
		Meta: es.Meta{Correlation: r.Meta.Correlation, Causation: es.EventID(r.ID, 0)},
	})
	if errors.Is(err, schedule.ErrPolicyVersionOld) {
		return nil // a newer one came first and decides already; the refusal is on record
	}
	if err != nil {
		return fmt.Errorf("put schedule: %w", err)
	}
	return nil
}
