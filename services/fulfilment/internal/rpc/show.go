package rpc

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/law"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	kit "habeas.internal/services/internal/rpc"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// show is a request as the contract has it.
func show(id string, s request.Request) *fulfilmentv1.Request {
	m := &fulfilmentv1.Request{
		Request: id, Right: fulfilmentv1.Right(s.Right), State: fulfilmentv1.RequestState(s.Stage()),
		Outcome: fulfilmentv1.Outcome(s.Outcome), SubjectRef: s.SubjectRef, Policy: s.Terms.Policy,
		PolicyVersion: s.Terms.PolicyVersion, RulePack: s.Terms.Pack, DueBy: s.Terms.Rule, ReceivedAt: timestamppb.New(s.ReceivedAt),
		DueAt: timestamppb.New(s.Terms.DueAt), ClosedAt: eventpb.Stamp(s.ClosedAt), DuplicateOf: cmp.Or(s.DuplicateOf, s.After),
		DueOn: dueOn(s.Terms), Agent: s.Agent, Controller: s.Instruction.Controller,
	}
	if s.Package.Ready && !s.Package.Expired && s.Package.Revoked == "" {
		m.PackageUri, m.PackageExpiresAt = "package:"+s.Package.Name, eventpb.Stamp(s.Package.ExpiresAt)
	}
	for _, l := range s.Scope {
		m.Scope = append(m.Scope, &fulfilmentv1.ScopePart{Category: l.Category, System: l.System})
	}
	for _, l := range s.Leaves {
		m.Leaves = append(m.Leaves, showLeaf(s, l))
	}
	return m
}

// dueOn is the last day on which an answer is in time.
func dueOn(t request.Terms) string {
	zone, err := time.LoadLocation(t.Zone)
	if err != nil {
		return ""
	}
	return law.LastDay(t.DueAt, zone).String()
}

func showLeaf(s request.Request, l request.Leaf) *fulfilmentv1.Leaf {
	m := &fulfilmentv1.Leaf{
		Leaf: l.Leaf, System: l.System, Collection: l.Collection, Category: l.Category,
		RowsFound: max(l.Rows, l.RowsFound), Outcome: fulfilmentv1.LeafOutcome(l.Outcome), Attempts: s.SystemOf(l.System).Attempts,
		CardsMasked: l.Cards,
	}
	switch {
	case l.Outcome == request.Retained, l.Outcome == request.LeafRejected:
		why := l.Why()
		m.Reason, m.Authority, m.Until = why.Reason, why.Authority, eventpb.Stamp(why.Until)
	case l.Outcome == request.Lost:
		m.Reason = l.Because.Reason
	case !l.Ended():
		if y := s.SystemOf(l.System); y.Deferred != "" { // it waits, and nothing has failed
			m.Reason = y.Deferred
		} else if reason := s.WaitsFor(l.System); reason != "" {
			m.Outcome, m.Reason = fulfilmentv1.LeafOutcome_LEAF_OUTCOME_FAILED, reason
		}
	}
	return m
}

// WatchRequest sends the state now and whenever it has changed, until the
// request is closed.
func (s *Server) WatchRequest(r *fulfilmentv1.WatchRequestRequest, out grpc.ServerStreamingServer[fulfilmentv1.WatchRequestResponse]) error {
	ctx := out.Context()
	tick := time.NewTicker(s.Poll)
	defer tick.Stop()
	var seen *fulfilmentv1.Request
	for {
		agg, state, err := s.load(ctx, r.GetRequest())
		if err != nil {
			return err
		}
		now := show(agg.ID, state)
		if !state.Assured() {
			blurRequest(now)
		}
		if !proto.Equal(now, seen) { // what does not show may tell whether somebody is known
			seen = now
			if err := out.Send(&fulfilmentv1.WatchRequestResponse{Request: now}); err != nil {
				return err
			}
		}
		if state.Closed {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// ExplainRequest reads the whole history of a request.
func (s *Server) ExplainRequest(ctx context.Context, r *fulfilmentv1.ExplainRequestRequest) (*fulfilmentv1.ExplainRequestResponse, error) {
	agg := carry.RequestOf(tenantOf(ctx), r.GetRequest())
	var state request.Request
	var history []*fulfilmentv1.Step
	_, err := es.Fold(ctx, s.Requests.Verifier, es.Head{}, s.Requests.Store.Load(ctx, agg, 0, es.Leader), func(rec es.Recorded) error {
		events, err := s.Requests.Registry.DecodeAll(rec.Commit)
		if err != nil {
			return err
		}
		for i, ev := range events {
			state = request.Evolve(state, ev)
			history = append(history, steps(rec, rec.Events[i].Type, ev)...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.theirs(ctx, agg, state); err != nil {
		return nil, err
	}
	if !state.Assured() {
		history = uniform(history)
	}
	stopped, err := s.stopped(ctx, agg, state)
	if err != nil {
		return nil, err
	}
	x := request.Explain(state)
	if stopped {
		x = request.Stopped(state)
	}
	behind, err := s.blocker(ctx, agg, state)
	if err != nil {
		return nil, err
	}
	out := &fulfilmentv1.ExplainRequestResponse{
		Behind: behind, Request: show(agg.ID, state), NextActor: x.Actor, Awaited: x.Awaited, System: x.System, Since: eventpb.Stamp(x.Since),
		OverdueAt: eventpb.Stamp(x.OverdueAt), NextTryAt: eventpb.Stamp(x.NextTryAt), Reason: x.Reason, Category: x.Category, History: history,
		NeededLevel: state.Terms.Level, AssuranceLevel: state.Level, Controller: x.Controller, ByItself: x.ByItself,
	}
	if out.Owner, err = s.owner(ctx, agg.Tenant, x); err != nil {
		return nil, err
	}
	if !stopped {
		s.prove(ctx, out, agg.Tenant, state)
	}
	for _, t := range state.Told() {
		out.Told = append(out.Told, &fulfilmentv1.ToldChannel{Kind: t.Kind, State: t.State})
	}
	out.HeldUntil = eventpb.Stamp(state.DelayUntil)
	if state.Assured() {
		kit.AtOnce(ctx)
	} else {
		blur(out)
	}
	return out, nil
}

// uniform leaves out of a history, while nobody has proven who asks, what differs
// with whether an address is known to somebody: the notices, and what waits for
// their end once the request is closed.
func uniform(history []*fulfilmentv1.Step) []*fulfilmentv1.Step {
	if i := slices.IndexFunc(history, func(step *fulfilmentv1.Step) bool { return step.GetEvent() == "request.closed" }); i >= 0 {
		history = history[:i+1]
	}
	return slices.DeleteFunc(history, func(step *fulfilmentv1.Step) bool { return isNotice(step.GetEvent()) })
}

// isNotice reports whether an event of a request is about a notice.
func isNotice(event string) bool { return strings.HasPrefix(event, "request.notice_") }

// blocker is what a request waits for that waits for its turn.
func (s *Server) blocker(ctx context.Context, agg es.Aggregate, waits request.Request) (*fulfilmentv1.Blocker, error) {
	if waits.Stage() != request.Waiting {
		return nil, nil
	}
	d, _, err := s.Dockets.Load(ctx, carry.DocketOf(agg.Tenant, waits.SubjectRef), es.Leader)
	if err != nil {
		return nil, err
	}
	id := d.Current()
	if id == "" || id == agg.ID {
		return nil, nil // its turn comes in a moment
	}
	other, _, err := s.Requests.Load(ctx, carry.RequestOf(agg.Tenant, id), es.Leader)
	if err != nil {
		return nil, err
	}
	x := request.Explain(other)
	owner, err := s.owner(ctx, agg.Tenant, x)
	if err != nil {
		return nil, err
	}
	return &fulfilmentv1.Blocker{
		Owner: owner, Request: id, NextActor: x.Actor, Awaited: x.Awaited, System: x.System, Category: x.Category, Reason: x.Reason, Since: eventpb.Stamp(x.Since),
		OverdueAt: eventpb.Stamp(x.OverdueAt), NextTryAt: eventpb.Stamp(x.NextTryAt),
	}, nil
}

// owner is whoever looks after the system that is waited for, by its description as
// it is now; empty if nobody was named, or no system of the tenant's is waited for.
func (s *Server) owner(ctx context.Context, tenant string, x request.Explanation) (string, error) {
	if x.System == "" {
		return "", nil
	}
	state, _, err := s.Systems.Load(ctx, carry.SystemOf(tenant, x.System), es.Leader)
	latest, _ := state.Latest()
	return latest.Owner, err
}

// steps are the lines of the history that an event makes: one for each leaf
// that it is about, or one.
func steps(rec es.Recorded, name string, ev request.Event) []*fulfilmentv1.Step {
	line := func(leaf uint32, reason string) *fulfilmentv1.Step {
		return &fulfilmentv1.Step{
			At: timestamppb.New(rec.Time), Event: name, Leaf: leaf, Reason: reason,
			Causation: cause(rec), TraceId: trace(rec.Meta.Traceparent),
		}
	}
	switch e := ev.(type) { //nolint:gochecksumtype // the others are about no leaf and have no reason
	case request.LeavesStarted:
		var out []*fulfilmentv1.Step
		for _, l := range e.Leaves {
			out = append(out, line(l.Leaf, ""))
		}
		return out
	case request.ChangesAnnounced:
		var out []*fulfilmentv1.Step
		for _, l := range e.Leaves {
			out = append(out, line(l.Leaf, ""))
		}
		return out
	case request.LeavesCompleted:
		var out []*fulfilmentv1.Step
		for _, l := range e.Leaves {
			out = append(out, line(l.Leaf, strings.TrimPrefix(fulfilmentv1.LeafOutcome(l.Outcome).String(), "LEAF_OUTCOME_")))
		}
		return out
	case request.StepFailed:
		return []*fulfilmentv1.Step{line(0, e.Reason)}
	case request.LeavesDeferred:
		return []*fulfilmentv1.Step{line(0, e.Reason)}
	case request.VerificationFailed:
		return []*fulfilmentv1.Step{line(0, e.Reason)}
	case request.Declined:
		return []*fulfilmentv1.Step{line(0, e.Reason)}
	case request.Cancelled:
		return []*fulfilmentv1.Step{line(0, e.Reason)}
	case request.Rejected:
		if len(e.Leaves) == 0 {
			return []*fulfilmentv1.Step{line(0, e.Ground)}
		}
		var out []*fulfilmentv1.Step
		for _, l := range e.Leaves {
			out = append(out, line(l, e.Ground))
		}
		return out
	case request.Reopened:
		return []*fulfilmentv1.Step{line(0, e.Reason)}
	case request.Resumed:
		return []*fulfilmentv1.Step{line(0, e.Cause)}
	case request.NoticeOwed:
		return []*fulfilmentv1.Step{line(0, e.Template)}
	case request.NoticeEnded:
		return []*fulfilmentv1.Step{line(0, e.Reason)}
	case request.CommandRefused:
		return []*fulfilmentv1.Step{line(0, e.Reason)}
	case request.Closed:
		return []*fulfilmentv1.Step{line(0, strings.TrimPrefix(fulfilmentv1.Outcome(e.Outcome).String(), "OUTCOME_"))}
	}
	return []*fulfilmentv1.Step{line(0, "")}
}

func cause(rec es.Recorded) string {
	if rec.Meta.Causation != "" {
		return rec.Meta.Causation
	}
	return rec.CommandID
}

// trace is the trace id of a W3C traceparent: version-trace-span-flags.
func trace(parent string) string {
	parts := strings.Split(parent, "-")
	if len(parts) != 4 {
		return ""
	}
	return parts[1]
}
