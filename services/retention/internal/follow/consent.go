package follow

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/person"
	"habeas.internal/services/retention/schedule"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Answers is the part of consent that is asked whether somebody's consent stands.
type Answers interface {
	Check(ctx context.Context, in *consentv1.CheckRequest, opts ...grpc.CallOption) (*consentv1.CheckResponse, error)
	ApplyFact(ctx context.Context, in *consentv1.ApplyFactRequest, opts ...grpc.CallOption) (*consentv1.ApplyFactResponse, error)
}

// Clocks starts and stops the clocks of people.
type Clocks struct {
	Limits  rpc.Limits
	Persons rpc.Persons
	Answers Answers
	Now     func() time.Time
}

// change is what a person's consent has changed for: purposes of a policy, since a moment.
// Given: it was given, and not taken back.
type change struct {
	policy   string
	purposes []string
	since    time.Time
	given    bool
}

// about says that a limit depends on what has changed.
func (c change) about(l schedule.Limit) bool {
	return l.StartsOn == person.OnConsentWithdrawn &&
		slices.ContainsFunc(l.Purposes, func(p string) bool { return slices.Contains(c.purposes, p) })
}

// changesOf reads one event of consent's: a change for each policy that it concerns.
func changesOf(m proto.Message) []change {
	switch e := m.(type) {
	case *consentv1.DecisionRecorded:
		c := change{policy: e.GetPolicy(), purposes: []string{e.GetPurpose()}, since: eventpb.Moment(e.GetDecidedAt())}
		switch e.GetDecision() { //nolint:exhaustive // the others take nothing back and give nothing
		case consentv1.Decision_DECISION_GIVEN, consentv1.Decision_DECISION_RENEWED:
			c.given = true
		case consentv1.Decision_DECISION_WITHDRAWN, consentv1.Decision_DECISION_REFUSED:
		default:
			return nil
		}
		if c.purposes[0] == "" { // it is about a category
			return nil
		}
		return []change{c}
	case *consentv1.ConsentExpired:
		return []change{{policy: e.GetPolicy(), purposes: []string{e.GetPurpose()}, since: eventpb.Moment(e.GetExpiredAt())}}
	case *consentv1.ConsentInvalidated:
		return []change{{policy: e.GetPolicy(), purposes: e.GetPurposes(), since: eventpb.Moment(e.GetInvalidatedAt())}}
	case *consentv1.AllWithdrawn:
		return everything(e)
	}
	return nil
}

// everything is a change for each policy of which something was withdrawn.
func everything(e *consentv1.AllWithdrawn) []change {
	var out []change
	for _, both := range e.GetPurposes() {
		policy, purpose, _ := strings.Cut(both, "/")
		i := slices.IndexFunc(out, func(c change) bool { return c.policy == policy })
		if i < 0 {
			out, i = append(out, change{policy: policy, since: eventpb.Moment(e.GetDecidedAt())}), len(out)
		}
		out[i].purposes = append(out[i].purposes, purpose)
	}
	return out
}

// consented starts the clock of each category for which the last consent is gone, and
// stops it where one stands. What stands is asked of consent, as of now: so the order
// in which its events come is all one.
func (k Clocks) consented(ctx context.Context, r es.Recorded, i int, c change) error {
	tenant, ref := r.Aggregate.Tenant, r.Aggregate.ID
	limited, err := k.Limits.At(ctx, tenant, k.Now())
	if err == nil && !limited.Knows(c.policy) { // its schedule is still to come
		err = schedule.ErrNoSchedule
	}
	if err != nil {
		return fmt.Errorf("read limits: %w", err)
	}
	var start person.StartClocks
	stop := person.StopClocks{Cause: person.CauseConsented}
	for _, l := range limited.Each(c.policy, c.about) {
		switch live, err := k.live(client.WithTenant(ctx, tenant), ref, l); {
		case err != nil:
			return err
		case live:
			stop.Clocks = append(stop.Clocks, l.Name(l.Category, ""))
		case !c.given:
			start.Clocks = append(start.Clocks, l.Clock(l.Category, "", c.since))
		}
	}
	for step, cmd := range map[string]person.Command{"consent-gone": start, "consented": stop} {
		_, err := k.Persons.Handle(ctx, rpc.PersonOf(tenant, ref), es.Command[person.Command]{
			ID: es.StepID(r.Aggregate, step+"/"+c.policy+"/"+r.ID, i+1), At: k.Now(), Data: cmd,
			Meta: es.Meta{Correlation: r.Meta.Correlation, Causation: es.EventID(r.ID, i)},
		})
		if err != nil {
			return fmt.Errorf("move clocks: %w", err)
		}
	}
	return nil
}

// gone are the reasons by which consent says that a purpose has no consent any more. Any
// other no, such as a restriction, says nothing about that.
func gone() []string {
	return []string{
		"CONSENT_MISSING", "CONSENT_REFUSED", "CONSENT_WITHDRAWN", "CONSENT_EXPIRED", "CONSENT_INVALIDATED", "OPTED_OUT",
		"CONSENT_NOT_EXPLICIT", "CONSENT_WITHOUT_EVIDENCE", "CATEGORY_DECLINED", "PURPOSE_DECLINED",
	}
}

// otherAction is the reason of a question about what a purpose does not do anyway.
const otherAction = "ACTION_NOT_FOR_PURPOSE"

// live says whether a purpose of a category stands: asked is about the first thing that
// it does with data that is there.
func (k Clocks) live(ctx context.Context, ref string, l rpc.Limit) (bool, error) {
	for _, purpose := range l.Purposes {
		for _, action := range []consentv1.Action{consentv1.Action_ACTION_USE, consentv1.Action_ACTION_ACCESS, consentv1.Action_ACTION_PRESERVE} {
			got, err := k.Answers.Check(ctx, &consentv1.CheckRequest{
				Question: &consentv1.Question{
					SubjectRef: ref, Policy: l.Policy, Action: action, Purpose: purpose, Categories: []string{l.Category},
					Source: consentv1.Source(consentv1.Source_value["SOURCE_"+strings.ToUpper(l.Source)]),
				},
				Consistency: consentv1.Consistency_CONSISTENCY_FULL,
			})
			if err != nil {
				return false, fmt.Errorf("check consent: %w", err)
			}
			reason := got.GetAnswer().GetReason()
			if reason == otherAction {
				continue
			}
			if got.GetAnswer().GetAllowed() || !slices.Contains(gone(), reason) {
				return true, nil
			}
			break
		}
	}
	return false, nil
}
