package rpc

import (
	"context"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/retention/conversation"
	"habeas.internal/services/retention/messageplan"
	"habeas.internal/services/retention/schedule"
)

// PutMessagePlan replaces a plan.
func (s *ConversationServer) PutMessagePlan(
	ctx context.Context, r *retentionv1.PutMessagePlanRequest,
) (*retentionv1.PutMessagePlanResponse, error) {
	m := r.GetPlan()
	if _, err := schedule.ParsePeriod(m.GetKeep()); err != nil {
		return nil, err
	}
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	res, err := s.Plans.Handle(ctx, PlanOf(tenant(ctx), m.GetPlan()), es.Command[messageplan.Command]{
		ID: r.GetRequestId(), Client: true, Body: body, At: s.People.Now(), Meta: es.Meta{Correlation: r.GetRequestId()},
		Data: messageplan.Put{Plan: messageplan.Plan{
			ID: m.GetPlan(), Archive: archives()[m.GetArchive()], Length: lengths()[m.GetLength()], Keep: m.GetKeep(),
			Authority: m.GetAuthority(), ReceiptKey: m.GetReceiptKey(),
		}},
	})
	if err != nil {
		return nil, err
	}
	return &retentionv1.PutMessagePlanResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// GetMessagePlan returns a plan.
func (s *ConversationServer) GetMessagePlan(
	ctx context.Context, r *retentionv1.GetMessagePlanRequest,
) (*retentionv1.GetMessagePlanResponse, error) {
	p, err := s.plan(ctx, r.GetPlan())
	if err != nil {
		return nil, err
	}
	return &retentionv1.GetMessagePlanResponse{Plan: &retentionv1.MessagePlan{
		Plan: p.ID, Archive: archive(string(p.Archive)), Length: length(p.Length), Keep: p.Keep, Authority: p.Authority, ReceiptKey: p.ReceiptKey,
	}}, nil
}

// GetConversation returns a conversation.
func (s *ConversationServer) GetConversation(
	ctx context.Context, r *retentionv1.GetConversationRequest,
) (*retentionv1.GetConversationResponse, error) {
	state, err := s.load(ctx, r.GetConversation())
	if err != nil {
		return nil, err
	}
	out := &retentionv1.GetConversationResponse{Plan: state.Plan, Participants: state.Participants, ClosedAt: eventpb.Stamp(state.ClosedAt)}
	now := s.People.Now()
	for _, p := range state.Periods {
		out.Periods = append(out.Periods, shown(p, now))
	}
	return out, nil
}

// ListConversations lists what is there of a person's conversations.
func (s *ConversationServer) ListConversations(
	ctx context.Context, r *retentionv1.ListConversationsRequest,
) (*retentionv1.ListConversationsResponse, error) {
	refs, err := s.People.references(ctx, r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	found, err := s.TakenPartIn(ctx, tenant(ctx), refs)
	if err != nil {
		return nil, err
	}
	out := &retentionv1.ListConversationsResponse{}
	now := s.People.Now()
	for _, ref := range found {
		state, err := s.load(ctx, ref)
		if err != nil {
			return nil, err
		}
		for _, p := range state.Periods {
			if p.Live() {
				one := shown(p, now)
				one.Conversation = ref
				out.Periods = append(out.Periods, one)
			}
		}
	}
	return out, nil
}

// shown is a period as the contract has it.
func shown(p conversation.Period, at time.Time) *retentionv1.ConversationPeriod {
	out := &retentionv1.ConversationPeriod{
		Period: p.Number, State: stages()[p.Stage(at)], BeginsAt: eventpb.Stamp(p.Begins), EndsAt: eventpb.Stamp(p.Ends),
		Archive: archive(p.Archive), Ground: grounds()[messageplan.Archive(p.Archive)], Authority: p.Authority, HeldFor: p.HeldFor,
		HandedOverAt: eventpb.Stamp(p.HandedOverAt), Digest: p.Digest, ReceiptedAt: eventpb.Stamp(p.ReceiptedAt),
		DestroyedAt: eventpb.Stamp(p.DestroyedAt), ResidueEndsAt: eventpb.Stamp(p.ResidueEnds),
	}
	if due, known := p.Due(); known {
		out.DueAt = eventpb.Stamp(due)
	}
	return out
}

// grounds are why messages are kept until they are due.
func grounds() map[messageplan.Archive]string {
	return map[messageplan.Archive]string{
		messageplan.Nowhere: "transient", messageplan.Paid: "client_archive", messageplan.ClientServers: "client_servers",
	}
}

func stages() map[conversation.Stage]retentionv1.PeriodState {
	return map[conversation.Stage]retentionv1.PeriodState{
		conversation.Open:            retentionv1.PeriodState_PERIOD_STATE_OPEN,
		conversation.Kept:            retentionv1.PeriodState_PERIOD_STATE_KEPT,
		conversation.AwaitingReceipt: retentionv1.PeriodState_PERIOD_STATE_AWAITING_RECEIPT,
		conversation.OnHold:          retentionv1.PeriodState_PERIOD_STATE_ON_HOLD,
		conversation.DueNow:          retentionv1.PeriodState_PERIOD_STATE_DUE,
		conversation.Destroyed:       retentionv1.PeriodState_PERIOD_STATE_DESTROYED,
	}
}

func archives() map[retentionv1.Archive]messageplan.Archive {
	return map[retentionv1.Archive]messageplan.Archive{
		retentionv1.Archive_ARCHIVE_NONE:           messageplan.Nowhere,
		retentionv1.Archive_ARCHIVE_PAID:           messageplan.Paid,
		retentionv1.Archive_ARCHIVE_CLIENT_SERVERS: messageplan.ClientServers,
	}
}

func archive(stored string) retentionv1.Archive {
	for number, name := range archives() {
		if string(name) == stored {
			return number
		}
	}
	return retentionv1.Archive_ARCHIVE_UNSPECIFIED
}

func lengths() map[retentionv1.PeriodLength]messageplan.Length {
	return map[retentionv1.PeriodLength]messageplan.Length{
		retentionv1.PeriodLength_PERIOD_LENGTH_DAY:   messageplan.Day,
		retentionv1.PeriodLength_PERIOD_LENGTH_WEEK:  messageplan.Week,
		retentionv1.PeriodLength_PERIOD_LENGTH_MONTH: messageplan.Month,
	}
}

func length(stored messageplan.Length) retentionv1.PeriodLength {
	for number, name := range lengths() {
		if name == stored {
			return number
		}
	}
	return retentionv1.PeriodLength_PERIOD_LENGTH_UNSPECIFIED
}
