package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/statistic"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/protobuf/proto"
)

// StatisticServer implements StatisticService.
type StatisticServer struct {
	consentv1.UnimplementedStatisticServiceServer
	log *log
}

// do runs a command on a statistic.
func (s *StatisticServer) do(ctx context.Context, id, request string, body proto.Message, data func(at time.Time) statistic.Command) (es.Result[statistic.Statistic, statistic.Event], error) {
	now := s.log.Now()
	cmd, err := command(request, body, now, data(now))
	if err != nil {
		return es.Result[statistic.Statistic, statistic.Event]{}, err
	}
	res, err := s.log.statistics.Handle(ctx, statisticAggregate(ctx, id), cmd)
	switch {
	case errors.Is(err, statistic.ErrInFuture):
		return res, inFuture("counts.counted_at")
	case errors.Is(err, statistic.ErrPeriod):
		return res, badPeriod("determination.until")
	}
	return res, err
}

// RecordCounts takes the figures of a system that holds the data.
func (s *StatisticServer) RecordCounts(ctx context.Context, r *consentv1.RecordCountsRequest) (*consentv1.RecordCountsResponse, error) {
	c, who := r.GetCounts(), kit.PrincipalFrom(ctx)
	cells, err := tally(c.GetCells())
	if err != nil {
		return nil, err
	}
	res, err := s.do(ctx, r.GetStatistic(), r.GetRequestId(), r, func(at time.Time) statistic.Command {
		return statistic.Count{At: at, Counts: statistic.Counts{
			Cells: cells, Categories: c.GetCategories(), Identifiers: wire.Identifiers(c.GetIdentifiers()), Examined: c.GetExamined(),
			CountedAt: c.GetCountedAt().AsTime(), By: kit.ActorID(who.Tenant, who.Subject),
		}}
	})
	if err != nil {
		return nil, err
	}
	out := &consentv1.RecordCountsResponse{Number: res.State.Counts.Number, ConsistencyToken: res.Token().Encode()}
	for _, ev := range res.Events { // of the first time, if it was recorded before
		if e, ok := ev.(statistic.Counted); ok {
			out.Number = e.Number
		}
	}
	return out, nil
}

// tally are the cells of a table, each of which has its name once.
func tally(cells []*consentv1.Cell) ([]statistic.Cell, error) {
	var out []statistic.Cell
	seen := map[string]bool{}
	for i, c := range cells {
		if seen[c.GetName()] {
			return nil, fault.FieldErrors{{Field: fmt.Sprintf("counts.cells[%d].name", i), Rule: "UNIQUE", Text: "must be there once"}}
		}
		seen[c.GetName()] = true
		out = append(out, statistic.Cell{Name: c.GetName(), Figure: statistic.Figure{Count: c.GetCount(), Complement: c.GetComplement()}})
	}
	return out, nil
}

// RecordDetermination records what an expert has found.
func (s *StatisticServer) RecordDetermination(ctx context.Context, r *consentv1.RecordDeterminationRequest) (*consentv1.RecordDeterminationResponse, error) {
	d := r.GetDetermination()
	res, err := s.do(ctx, r.GetStatistic(), r.GetRequestId(), r, func(at time.Time) statistic.Command {
		return statistic.Determine{At: at, Determination: statistic.Determination{
			Document: d.GetDocument(), Expert: d.GetExpert(), From: d.GetFrom().AsTime(), Until: d.GetUntil().AsTime(),
		}}
	})
	if err != nil {
		return nil, err
	}
	return &consentv1.RecordDeterminationResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// ReleaseStatistic lets figures leave, if they tell of nobody.
func (s *StatisticServer) ReleaseStatistic(ctx context.Context, r *consentv1.ReleaseStatisticRequest) (*consentv1.ReleaseStatisticResponse, error) {
	rules, _, err := s.log.rules(ctx, policyAggregate(ctx, r.GetPolicy()))
	if err != nil {
		return nil, err
	}
	res, err := s.do(ctx, r.GetStatistic(), r.GetRequestId(), r, func(at time.Time) statistic.Command {
		policy := rules.at(r.GetPolicy(), at)
		terms, a := policy.Aggregates(at), policy.Release(r.GetPurpose(), r.GetCategory(), at)
		return statistic.Release{
			Policy: r.GetPolicy(), Purpose: r.GetPurpose(), Recipient: r.GetRecipient(), Cells: r.GetCells(), At: at,
			Terms: statistic.Terms{
				Minimum: terms.Minimum, Deidentify: terms.Deidentify, Categories: terms.Categories, Purposes: terms.Purposes,
			},
			Verdict: statistic.Verdict{
				Allowed: a.Allowed, Reason: string(a.Reason), Basis: a.Basis, Clause: a.Clause, Version: a.Version,
			},
		}
	})
	if err != nil {
		return nil, err
	}
	out := &consentv1.ReleaseStatisticResponse{ConsistencyToken: res.Token().Encode()}
	for _, ev := range res.Events { // of the first time, if it was asked before
		if e, ok := ev.(statistic.Released); ok {
			out.Number, out.Counts, out.Clause, out.Version = e.Number, e.Counts, e.Verdict.Clause, e.Verdict.Version
			out.Cells = shown(e.Cells)
		}
	}
	return out, nil
}

// GetStatistic returns a statistic as it stands.
func (s *StatisticServer) GetStatistic(ctx context.Context, r *consentv1.GetStatisticRequest) (*consentv1.GetStatisticResponse, error) {
	agg := statisticAggregate(ctx, r.GetStatistic())
	if err := s.log.sameToken(ctx, agg); err != nil {
		return nil, err
	}
	state, err := s.log.statisticNow(ctx, agg)
	if err != nil {
		return nil, err
	}
	c, d := state.Counts, state.Determination
	if c.Number == 0 && d.Document == "" {
		return nil, statistic.ErrUnknown
	}
	out := &consentv1.GetStatisticResponse{CountedBy: c.By, Releases: state.Releases}
	if c.Number > 0 {
		out.Counts = &consentv1.Counts{
			Number: c.Number, Cells: shown(c.Cells), Categories: c.Categories, Identifiers: wire.Identifying(c.Identifiers),
			Examined: c.Examined, CountedAt: eventpb.Stamp(c.CountedAt),
		}
	}
	if d.Document != "" {
		out.Determination = &consentv1.Determination{
			Document: d.Document, Expert: d.Expert, From: eventpb.Stamp(d.From), Until: eventpb.Stamp(d.Until),
		}
	}
	return out, nil
}

func (l *log) statisticNow(ctx context.Context, agg es.Aggregate) (state statistic.Statistic, err error) {
	_, err = l.proven(ctx, agg, func() (es.Head, error) {
		state = statistic.Statistic{}
		return es.Fold(ctx, l.Verifier, es.Head{}, l.Store.Load(ctx, agg, 0, es.Leader), func(r es.Recorded) error {
			events, err := l.statistics.Registry.DecodeAll(r.Commit)
			for _, ev := range events {
				state = statistic.Evolve(state, ev)
			}
			return err
		})
	})
	return state, err
}

func shown(cells []statistic.Cell) []*consentv1.Cell {
	var out []*consentv1.Cell
	for _, c := range cells {
		out = append(out, &consentv1.Cell{Name: c.Name, Count: c.Count, Complement: c.Complement})
	}
	return out
}
