package rpc

import (
	"context"
	"slices"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/retention/compliance"
	"habeas.internal/services/retention/internal/wire"
	"habeas.internal/services/retention/schedule"

	"google.golang.org/protobuf/proto"
)

// Reviews runs the commands of reviews.
type Reviews = es.Handler[compliance.Compliance, compliance.Command, compliance.Event]

// NewReviews makes the handler of reviews on a log, as NewSchedules does.
func NewReviews(h Reviews) (Reviews, error) {
	codec, err := wire.Compliance()
	if err != nil {
		return h, err
	}
	h.Registry, h.Encode = codec.Registry(), codec.Encode(nil)
	h.Decide, h.Evolve = compliance.Decide, compliance.Evolve
	h.Refuse = func(reason string) error { return compliance.Refusal(reason) }
	return h, nil
}

// ReviewsOf is the aggregate of a tenant's reviews.
func ReviewsOf(tenant string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: compliance.AggregateType, ID: es.DeriveID(tenant, compliance.AggregateType, "reviews")}
}

// Compliance implements ComplianceService.
type Compliance struct {
	retentionv1.UnimplementedComplianceServiceServer
	Reviews Reviews
	// Zone is the time zone of a tenant's establishment; its error is one of the table.
	Zone func(ctx context.Context, tenant string) (*time.Location, error)
	Now  func() time.Time
}

// ScheduleReview gives a scope its date.
func (s *Compliance) ScheduleReview(ctx context.Context, r *retentionv1.ScheduleReviewRequest) (*retentionv1.ScheduleReviewResponse, error) {
	period, err := schedule.ParsePeriod(r.GetPeriod())
	if err != nil {
		return nil, err
	}
	res, err := s.handle(ctx, r, r.GetRequestId(), compliance.Schedule{
		Scope: r.GetScope(), Period: compliance.Period(period), By: kit.PrincipalFrom(ctx).Subject, DueAt: eventpb.Moment(r.GetDueAt()), At: s.Now(),
	})
	if err != nil {
		return nil, err
	}
	return &retentionv1.ScheduleReviewResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// CompleteReview signs a review as the caller.
func (s *Compliance) CompleteReview(ctx context.Context, r *retentionv1.CompleteReviewRequest) (*retentionv1.CompleteReviewResponse, error) {
	zone, err := s.Zone(ctx, tenant(ctx))
	if err != nil {
		return nil, err
	}
	res, err := s.handle(ctx, r, r.GetRequestId(), compliance.Complete{
		Scope: r.GetScope(), By: kit.PrincipalFrom(ctx).Subject, Findings: r.GetFindings(), Report: r.GetReport(), Zone: zone, At: s.Now(),
	})
	if err != nil {
		return nil, err
	}
	out := &retentionv1.CompleteReviewResponse{ConsistencyToken: res.Token().Encode()}
	for _, ev := range res.Events {
		if done, ok := ev.(compliance.Completed); ok {
			out.NextDueAt = eventpb.Stamp(done.NextDue)
		}
	}
	return out, nil
}

// ListReviews lists all scopes.
func (s *Compliance) ListReviews(ctx context.Context, _ *retentionv1.ListReviewsRequest) (*retentionv1.ListReviewsResponse, error) {
	state, _, err := s.Reviews.Load(ctx, ReviewsOf(tenant(ctx)), es.Leader)
	if err != nil {
		return nil, err
	}
	reviews := slices.Clone(state.Reviews)
	slices.SortStableFunc(reviews, func(a, b compliance.Review) int { return a.DueAt.Compare(b.DueAt) })
	out := &retentionv1.ListReviewsResponse{}
	for _, r := range reviews {
		m := &retentionv1.Review{Scope: r.Scope, Period: schedule.Period(r.Period).String(), DueAt: eventpb.Stamp(r.DueAt), Missed: r.Missed}
		for _, c := range r.Completed {
			m.Completed = append(m.Completed, &retentionv1.CompletedReview{
				DueAt: eventpb.Stamp(c.DueAt), At: eventpb.Stamp(c.At), By: c.By, Findings: c.Findings, Report: c.Report,
			})
		}
		out.Reviews = append(out.Reviews, m)
	}
	return out, nil
}

func (s *Compliance) handle(
	ctx context.Context, r proto.Message, id string, data compliance.Command,
) (es.Result[compliance.Compliance, compliance.Event], error) {
	body, err := bodyOf(r)
	if err != nil {
		return es.Result[compliance.Compliance, compliance.Event]{}, err
	}
	return s.Reviews.Handle(ctx, ReviewsOf(tenant(ctx)), es.Command[compliance.Command]{
		ID: id, Client: true, Body: body, At: s.Now(), Meta: es.Meta{Correlation: id}, Data: data,
	})
}
