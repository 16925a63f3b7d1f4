package rpc

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strconv"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/retention/conversation"
	"habeas.internal/services/retention/messageplan"
	"habeas.internal/services/retention/schedule"
)

var (
	// ErrReceiptNotSigned says that the client's key has not signed this.
	ErrReceiptNotSigned = errors.New("receipt is not signed by the plan's key")
	// ErrPeriodDestroyed says that the key of a period is gone.
	ErrPeriodDestroyed = errors.New("key of the period is destroyed")
)

// ConversationServer implements ConversationService.
type ConversationServer struct {
	retentionv1.UnimplementedConversationServiceServer
	People        *Server // knows people, zones and the time
	Plans         Plans
	Conversations Conversations
	// TakenPartIn are the conversations in which somebody takes part by any of
	// these references, as of now.
	TakenPartIn func(ctx context.Context, tenant string, refs []string) ([]string, error)
}

// OpenConversation makes a conversation whose reference derives from the
// request's id.
func (s *ConversationServer) OpenConversation(
	ctx context.Context, r *retentionv1.OpenConversationRequest,
) (*retentionv1.OpenConversationResponse, error) {
	if _, err := s.plan(ctx, r.GetPlan()); err != nil {
		return nil, err
	}
	ref := es.DeriveID(tenant(ctx), retentionv1.ConversationService_OpenConversation_FullMethodName, r.GetRequestId())
	now := s.People.Now()
	if err := s.alive(ctx, r.GetParticipants()); err != nil {
		return nil, err
	}
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	res, err := s.handle(ctx, ref, es.Command[conversation.Command]{
		ID: r.GetRequestId(), Client: true, Body: body, At: now,
		Data: conversation.OpenConversation{Plan: r.GetPlan(), Participants: r.GetParticipants(), At: now},
	})
	if err != nil {
		return nil, err
	}
	return &retentionv1.OpenConversationResponse{Conversation: ref, ConsistencyToken: res.Token().Encode()}, nil
}

// AddParticipants adds people whom identity knows.
func (s *ConversationServer) AddParticipants(
	ctx context.Context, r *retentionv1.AddParticipantsRequest,
) (*retentionv1.AddParticipantsResponse, error) {
	if err := s.alive(ctx, r.GetParticipants()); err != nil {
		return nil, err
	}
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	now := s.People.Now()
	res, err := s.handle(ctx, r.GetConversation(), es.Command[conversation.Command]{
		ID: r.GetRequestId(), Client: true, Body: body, At: now, Data: conversation.Add{Participants: r.GetParticipants(), At: now},
	})
	if err != nil {
		return nil, err
	}
	return &retentionv1.AddParticipantsResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// CloseConversation ends the period that is current.
func (s *ConversationServer) CloseConversation(
	ctx context.Context, r *retentionv1.CloseConversationRequest,
) (*retentionv1.CloseConversationResponse, error) {
	state, err := s.load(ctx, r.GetConversation())
	if err != nil {
		return nil, err
	}
	now := s.People.Now()
	data := conversation.Close{KeepUntil: now, At: now}
	if p, ok := state.Current(now); ok {
		zone, err := s.People.Zone(ctx, tenant(ctx))
		if err != nil {
			return nil, err
		}
		keep, err := schedule.ParsePeriod(p.Keep)
		if err != nil {
			return nil, err
		}
		data.KeepUntil = keep.After(now, zone)
	}
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	res, err := s.handle(ctx, r.GetConversation(), es.Command[conversation.Command]{ID: r.GetRequestId(), Client: true, Body: body, At: now, Data: data})
	if err != nil {
		return nil, err
	}
	return &retentionv1.CloseConversationResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// alive is nil where identity knows each of them: a hold is only ever placed for
// somebody whom it knows.
func (s *ConversationServer) alive(ctx context.Context, refs []string) error {
	for _, ref := range refs {
		if err := s.People.alive(ctx, ref); err != nil {
			return err
		}
	}
	return nil
}

// EnterPeriod names a period whose key may be lent.
func (s *ConversationServer) EnterPeriod(ctx context.Context, r *retentionv1.EnterPeriodRequest) (*retentionv1.EnterPeriodResponse, error) {
	state, err := s.load(ctx, r.GetConversation())
	if err != nil {
		return nil, err
	}
	now := s.People.Now()
	p, ok := state.Current(now)
	switch {
	case r.GetPeriod() != 0:
		if p, ok = state.Period(r.GetPeriod()); !ok {
			return nil, conversation.ErrNoPeriod
		}
		if !p.Live() {
			return nil, ErrPeriodDestroyed
		}
	case !ok:
		if p, err = s.begin(ctx, r.GetConversation(), state, now); err != nil {
			return nil, err
		}
	}
	return &retentionv1.EnterPeriodResponse{Period: p.Number, EndsAt: eventpb.Stamp(p.Ends)}, nil
}

// begin begins a period by the plan as it stands now, in the controller's zone.
func (s *ConversationServer) begin(
	ctx context.Context, ref string, state conversation.Conversation, now time.Time,
) (conversation.Period, error) {
	plan, err := s.plan(ctx, state.Plan)
	if err != nil {
		return conversation.Period{}, err
	}
	zone, err := s.People.Zone(ctx, tenant(ctx))
	if err != nil {
		return conversation.Period{}, err
	}
	keep, err := schedule.ParsePeriod(plan.Keep)
	if err != nil {
		return conversation.Period{}, err
	}
	begins, ends := plan.Span(now, zone)
	agg := ConversationOf(tenant(ctx), ref)
	res, err := s.Conversations.Handle(ctx, agg, es.Command[conversation.Command]{
		ID: es.StepID(agg, "period", len(state.Periods)+1), At: now, Meta: es.Meta{Correlation: ref},
		Data: conversation.Enter{
			Begins: begins, Ends: ends, At: now,
			Terms: conversation.Terms{
				Archive: string(plan.Archive), Authority: plan.Authority, ReceiptKey: plan.ReceiptKey, Keep: plan.Keep,
				KeepUntil: keep.After(ends, zone),
			},
		},
	})
	if err != nil {
		return conversation.Period{}, err
	}
	p, ok := res.State.Current(now)
	if !ok {
		return p, conversation.ErrNoPeriod
	}
	return p, nil
}

// HandOverPeriod notes what the client was given.
func (s *ConversationServer) HandOverPeriod(
	ctx context.Context, r *retentionv1.HandOverPeriodRequest,
) (*retentionv1.HandOverPeriodResponse, error) {
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	now := s.People.Now()
	res, err := s.handle(ctx, r.GetConversation(), es.Command[conversation.Command]{
		ID: r.GetRequestId(), Client: true, Body: body, At: now,
		Data: conversation.HandOver{Period: r.GetPeriod(), Digest: r.GetDigest(), Messages: r.GetMessages(), At: now},
	})
	if err != nil {
		return nil, err
	}
	return &retentionv1.HandOverPeriodResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// RecordArchiveReceipt takes a receipt that the client's key has signed for this
// tenant, conversation, period and digest.
func (s *ConversationServer) RecordArchiveReceipt(
	ctx context.Context, r *retentionv1.RecordArchiveReceiptRequest,
) (*retentionv1.RecordArchiveReceiptResponse, error) {
	state, err := s.load(ctx, r.GetConversation())
	if err != nil {
		return nil, err
	}
	p, ok := state.Period(r.GetPeriod())
	if !ok {
		return nil, conversation.ErrNoPeriod
	}
	signed := Receipt(tenant(ctx), r.GetConversation(), r.GetPeriod(), r.GetDigest())
	if p.Archive == conversation.ClientServers && !verified(p.ReceiptKey, signed, r.GetSignature()) {
		return nil, ErrReceiptNotSigned
	}
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	now := s.People.Now()
	res, err := s.handle(ctx, r.GetConversation(), es.Command[conversation.Command]{
		ID: r.GetRequestId(), Client: true, Body: body, At: now,
		Data: conversation.Receive{Period: r.GetPeriod(), Digest: r.GetDigest(), Signature: r.GetSignature(), At: now},
	})
	if err != nil {
		return nil, err
	}
	out := &retentionv1.RecordArchiveReceiptResponse{ConsistencyToken: res.Token().Encode()}
	if p, ok = res.State.Period(r.GetPeriod()); ok {
		due, _ := p.Due()
		out.DueAt = eventpb.Stamp(due)
	}
	return out, nil
}

// Receipt is what a client signs.
func Receipt(tenant, conversation string, period uint32, digest string) []byte {
	return fmt.Appendf(nil, "habeas-archive-receipt/v1\n%s\n%s\n%s\n%s\n", tenant, conversation, strconv.FormatUint(uint64(period), 10), digest)
}

func verified(key, message, signature []byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, signature)
}

// handle runs a client's command on a conversation.
func (s *ConversationServer) handle(
	ctx context.Context, ref string, cmd es.Command[conversation.Command],
) (es.Result[conversation.Conversation, conversation.Event], error) {
	cmd.Meta.Correlation = cmd.ID
	return s.Conversations.Handle(ctx, ConversationOf(tenant(ctx), ref), cmd)
}

// load is a conversation that there is.
func (s *ConversationServer) load(ctx context.Context, ref string) (conversation.Conversation, error) {
	state, _, err := s.Conversations.Load(ctx, ConversationOf(tenant(ctx), ref), es.Leader)
	if err == nil && !state.Opened {
		err = conversation.ErrNoConversation
	}
	return state, err
}

// plan is a plan that there is.
func (s *ConversationServer) plan(ctx context.Context, id string) (messageplan.Plan, error) {
	plan, _, err := s.Plans.Load(ctx, PlanOf(tenant(ctx), id), es.Leader)
	if err == nil && plan.ID == "" {
		err = messageplan.ErrNoPlan
	}
	return plan, err
}
