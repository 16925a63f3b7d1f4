// Package rpc answers retention's calls: decode, handle, encode. Answers are
// read from the aggregates themselves, by way of the leader: there is no read
// model to be behind.
package rpc

import (
	"context"
	"errors"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/retention/person"
	"habeas.internal/services/retention/schedule"
)

// ErrZoneUnknown says that the time zone of the tenant couldn't be learnt, so
// that no period can be counted.
var ErrZoneUnknown = errors.New("time zone of the tenant is not known")

// Server implements RetentionService.
type Server struct {
	retentionv1.UnimplementedRetentionServiceServer
	Schedules Schedules
	Persons   Persons
	// Zone is the time zone of a tenant's establishment; its error is one of
	// the table.
	Zone func(ctx context.Context, tenant string) (*time.Location, error)
	// Subjects says whether a person for whom a hold is asked is known.
	Subjects Subjects
	// Standing is how many holds of a tenant bind, as of now.
	Standing func(ctx context.Context, tenant string) (uint32, error)
	Now      func() time.Time
}

// PutSchedule replaces the schedule of a policy.
func (s *Server) PutSchedule(ctx context.Context, r *retentionv1.PutScheduleRequest) (*retentionv1.PutScheduleResponse, error) {
	now := s.Now()
	put := schedule.Put{Policy: r.GetPolicy(), PolicyVersion: r.GetPolicyVersion(), From: eventpb.Moment(r.GetFrom()), KeepLimits: true, At: now}
	for _, m := range r.GetRules() {
		period, err := schedule.ParsePeriod(m.GetPeriod())
		if err != nil {
			return nil, err
		}
		put.Rules = append(put.Rules, schedule.Rule{
			ID: m.GetRule(), Category: m.GetCategory(), Systems: m.GetSystems(), Period: period,
			Ground: m.GetGround(), Authority: m.GetAuthority(),
		})
	}
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	res, err := Put(ctx, s.Schedules, tenant(ctx), put, es.Command[schedule.Command]{
		ID: r.GetRequestId(), Client: true, Body: body, At: now, Meta: es.Meta{Correlation: r.GetRequestId()},
	})
	if err != nil {
		return nil, err
	}
	number := uint32(len(res.State.Versions))
	for _, ev := range res.Events { // a repeat is answered with the first call's version
		if e, ok := ev.(schedule.Replaced); ok {
			number = e.Number
		}
	}
	return &retentionv1.PutScheduleResponse{Version: number, ConsistencyToken: res.Token().Encode()}, nil
}

// GetSchedule returns a version of a schedule.
func (s *Server) GetSchedule(ctx context.Context, r *retentionv1.GetScheduleRequest) (*retentionv1.GetScheduleResponse, error) {
	state, _, err := s.Schedules.Load(ctx, ScheduleOf(tenant(ctx), r.GetPolicy()), es.Leader)
	if err != nil {
		return nil, err
	}
	v, err := state.InForce(s.Now())
	if r.GetVersion() != 0 {
		v, err = state.Version(r.GetVersion())
	}
	if err != nil {
		return nil, err
	}
	out := &retentionv1.GetScheduleResponse{Version: v.Number, PolicyVersion: v.PolicyVersion, From: eventpb.Stamp(v.From)}
	for _, rule := range v.Rules {
		out.Rules = append(out.Rules, &retentionv1.Rule{
			Rule: rule.ID, Category: rule.Category, Systems: rule.Systems, Period: rule.Period.String(),
			Ground: rule.Ground, Authority: rule.Authority,
		})
	}
	return out, nil
}

// CountHolds says how many legal holds stand in the tenant.
func (s *Server) CountHolds(ctx context.Context, _ *retentionv1.CountHoldsRequest) (*retentionv1.CountHoldsResponse, error) {
	n, err := s.Standing(ctx, tenant(ctx))
	if err != nil {
		return nil, err
	}
	return &retentionv1.CountHoldsResponse{Holds: n}, nil
}

// Evaluate says of each item whether it may be erased.
func (s *Server) Evaluate(ctx context.Context, r *retentionv1.EvaluateRequest) (*retentionv1.EvaluateResponse, error) {
	at := s.Now()
	if r.GetAt() != nil {
		at = r.GetAt().AsTime()
	}
	zone, err := s.Zone(ctx, tenant(ctx))
	if err != nil {
		return nil, err
	}
	rules, version, err := s.inForce(ctx, r.GetPolicy(), at)
	if err != nil {
		return nil, err
	}
	who, err := s.together(ctx, r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	q := schedule.Question{Rules: rules, At: at, Zone: zone}
	for _, h := range who.Holds {
		if h.Binds() {
			q.Holds = append(q.Holds, schedule.Hold{ID: h.ID, Ground: h.Ground, Authority: h.Authority})
		}
	}
	for _, i := range r.GetItems() {
		q.Items = append(q.Items, schedule.Item{
			System: i.GetSystem(), Collection: i.GetCollection(), Category: i.GetCategory(), StartedAt: eventpb.Moment(i.GetStartedAt()),
		})
	}
	out := &retentionv1.EvaluateResponse{ScheduleVersion: version}
	for _, j := range schedule.Evaluate(q) {
		out.Verdicts = append(out.Verdicts, &retentionv1.ItemVerdict{
			Verdict: verdict(j.Verdict), Until: eventpb.Stamp(j.Until), Ground: j.Ground, Authority: j.Authority, By: j.By,
			Beneath: beneath(j.Beneath),
		})
	}
	return out, nil
}

func beneath(j *schedule.Judgement) *retentionv1.RulesVerdict {
	if j == nil {
		return nil
	}
	return &retentionv1.RulesVerdict{
		Verdict: verdict(j.Verdict), Until: eventpb.Stamp(j.Until), Ground: j.Ground, Authority: j.Authority, By: j.By,
	}
}

func verdict(v schedule.Verdict) retentionv1.Verdict {
	switch v {
	case schedule.Erase:
		return retentionv1.Verdict_VERDICT_ERASE
	case schedule.Keep:
		return retentionv1.Verdict_VERDICT_KEEP
	case schedule.Wait:
		return retentionv1.Verdict_VERDICT_HOLD
	case schedule.None:
	}
	return retentionv1.Verdict_VERDICT_UNSPECIFIED
}

// tenant is whose call it is, or for whom retention itself does something.
func tenant(ctx context.Context) string {
	if own, ok := ctx.Value(ownStep{}).(string); ok {
		return own
	}
	return kit.PrincipalFrom(ctx).Tenant
}

type ownStep struct{}

// asTenant is the context of what retention does by itself, which no call asked for.
func asTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, ownStep{}, tenant)
}

// GetPerson returns what binds a person; of one that nothing is known of,
// nothing does.
func (s *Server) GetPerson(ctx context.Context, r *retentionv1.GetPersonRequest) (*retentionv1.GetPersonResponse, error) {
	who, err := s.together(ctx, r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	out := &retentionv1.GetPersonResponse{}
	for _, h := range who.Holds {
		out.Holds = append(out.Holds, &retentionv1.Hold{
			Hold: h.ID, Ground: h.Ground, Authority: h.Authority, PlacedAt: eventpb.Stamp(h.PlacedAt),
			ReviewAt: eventpb.Stamp(h.ReviewAt), ReleasedAt: eventpb.Stamp(h.ReleasedAt), ReviewDue: h.ReviewDue,
		})
	}
	for _, p := range who.Permits {
		out.Permits = append(out.Permits, &retentionv1.Permit{
			Permit: p.ID, System: p.System, Request: p.Request, ExpiresAt: eventpb.Stamp(p.ExpiresAt),
			RowsDestroyed: p.RowsDestroyed, Ended: p.Ended,
		})
	}
	return out, nil
}

// together is what binds a person by all of their references.
func (s *Server) together(ctx context.Context, ref string) (person.Person, error) {
	refs, err := s.references(ctx, ref)
	if err != nil {
		return person.Person{}, err
	}
	states, err := s.everything(ctx, refs)
	return person.Together(states), err
}

// handle runs a client's command on a person.
func (s *Server) handle(ctx context.Context, subject string, cmd es.Command[person.Command]) (es.Result[person.Person, person.Event], error) {
	cmd.Meta.Correlation = cmd.ID
	return s.Persons.Handle(ctx, PersonOf(tenant(ctx), subject), cmd)
}
