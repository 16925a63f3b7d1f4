package wire

import (
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/retention/conversation"
	"habeas.internal/services/retention/messageplan"
)

// MessagePlan is the codec of a message plan's events.
func MessagePlan() (eventpb.Codec[messageplan.Event], error) {
	return eventpb.New(eventpb.Of[messageplan.Event](packPlanPut, unpackPlanPut))
}

// Conversation is the codec of a conversation's events.
func Conversation() (eventpb.Codec[conversation.Event], error) {
	return eventpb.New(
		eventpb.Of[conversation.Event](packStarted, unpackStarted),
		eventpb.Of[conversation.Event](packAdded, unpackAdded),
		eventpb.Of[conversation.Event](packClosed, unpackClosed),
		eventpb.Of[conversation.Event](packPeriodBegun, unpackPeriodBegun),
		eventpb.Of[conversation.Event](packHandedOver, unpackHandedOver),
		eventpb.Of[conversation.Event](packReceived, unpackReceived),
		eventpb.Of[conversation.Event](packArchiveRefused, unpackArchiveRefused),
		eventpb.Of[conversation.Event](packDeferred, unpackDeferred),
		eventpb.Of[conversation.Event](packBegun, unpackBegun),
		eventpb.Of[conversation.Event](packEnded, unpackEnded),
	)
}

func packPlanPut(_ *eventpb.Writer, e messageplan.Replaced) *retentionv1.MessagePlanPut {
	return &retentionv1.MessagePlanPut{
		Plan: e.Plan.ID, Archive: string(e.Plan.Archive), Length: string(e.Plan.Length), Keep: e.Plan.Keep,
		Authority: e.Plan.Authority, ReceiptKey: e.Plan.ReceiptKey,
	}
}

func unpackPlanPut(_ *eventpb.Reader, m *retentionv1.MessagePlanPut) messageplan.Replaced {
	return messageplan.Replaced{Plan: messageplan.Plan{
		ID: m.GetPlan(), Archive: messageplan.Archive(m.GetArchive()), Length: messageplan.Length(m.GetLength()), Keep: m.GetKeep(),
		Authority: m.GetAuthority(), ReceiptKey: m.GetReceiptKey(),
	}}
}

func packStarted(_ *eventpb.Writer, e conversation.Started) *retentionv1.ConversationOpened {
	return &retentionv1.ConversationOpened{Plan: e.Plan, Participants: e.Participants, OpenedAt: eventpb.Stamp(e.At)}
}

func unpackStarted(_ *eventpb.Reader, m *retentionv1.ConversationOpened) conversation.Started {
	return conversation.Started{Plan: m.GetPlan(), Participants: m.GetParticipants(), At: eventpb.Moment(m.GetOpenedAt())}
}

func packAdded(_ *eventpb.Writer, e conversation.Added) *retentionv1.ParticipantsAdded {
	return &retentionv1.ParticipantsAdded{Participants: e.Participants, AddedAt: eventpb.Stamp(e.At)}
}

func unpackAdded(_ *eventpb.Reader, m *retentionv1.ParticipantsAdded) conversation.Added {
	return conversation.Added{Participants: m.GetParticipants(), At: eventpb.Moment(m.GetAddedAt())}
}

func packClosed(_ *eventpb.Writer, e conversation.Closed) *retentionv1.ConversationClosed {
	return &retentionv1.ConversationClosed{ClosedAt: eventpb.Stamp(e.At), KeepUntil: eventpb.Stamp(e.KeepUntil)}
}

func unpackClosed(_ *eventpb.Reader, m *retentionv1.ConversationClosed) conversation.Closed {
	return conversation.Closed{At: eventpb.Moment(m.GetClosedAt()), KeepUntil: eventpb.Moment(m.GetKeepUntil())}
}

func packPeriodBegun(_ *eventpb.Writer, e conversation.PeriodBegun) *retentionv1.PeriodBegun {
	return &retentionv1.PeriodBegun{
		Period: e.Number, BeginsAt: eventpb.Stamp(e.Begins), EndsAt: eventpb.Stamp(e.Ends), KeepUntil: eventpb.Stamp(e.KeepUntil),
		Archive: e.Archive, Authority: e.Authority, ReceiptKey: e.ReceiptKey, Keep: e.Keep,
	}
}

func unpackPeriodBegun(_ *eventpb.Reader, m *retentionv1.PeriodBegun) conversation.PeriodBegun {
	return conversation.PeriodBegun{
		Number: m.GetPeriod(), Begins: eventpb.Moment(m.GetBeginsAt()), Ends: eventpb.Moment(m.GetEndsAt()),
		Terms: conversation.Terms{
			KeepUntil: eventpb.Moment(m.GetKeepUntil()), Archive: m.GetArchive(), Authority: m.GetAuthority(), ReceiptKey: m.GetReceiptKey(),
			Keep: m.GetKeep(),
		},
	}
}

func packHandedOver(_ *eventpb.Writer, e conversation.HandedOver) *retentionv1.PeriodHandedOver {
	return &retentionv1.PeriodHandedOver{Period: e.Period, Digest: e.Digest, Messages: e.Messages, HandedOverAt: eventpb.Stamp(e.At)}
}

func unpackHandedOver(_ *eventpb.Reader, m *retentionv1.PeriodHandedOver) conversation.HandedOver {
	return conversation.HandedOver{
		Period: m.GetPeriod(), Digest: m.GetDigest(), Messages: m.GetMessages(), At: eventpb.Moment(m.GetHandedOverAt()),
	}
}

func packReceived(_ *eventpb.Writer, e conversation.Received) *retentionv1.ArchiveReceiptRecorded {
	return &retentionv1.ArchiveReceiptRecorded{Period: e.Period, Digest: e.Digest, Signature: e.Signature, RecordedAt: eventpb.Stamp(e.At)}
}

func unpackReceived(_ *eventpb.Reader, m *retentionv1.ArchiveReceiptRecorded) conversation.Received {
	return conversation.Received{
		Period: m.GetPeriod(), Digest: m.GetDigest(), Signature: m.GetSignature(), At: eventpb.Moment(m.GetRecordedAt()),
	}
}

func packArchiveRefused(_ *eventpb.Writer, e conversation.Refused) *retentionv1.ArchiveRefused {
	return &retentionv1.ArchiveRefused{Period: e.Period, Reason: e.Reason}
}

func unpackArchiveRefused(_ *eventpb.Reader, m *retentionv1.ArchiveRefused) conversation.Refused {
	return conversation.Refused{Period: m.GetPeriod(), Reason: m.GetReason()}
}

func packDeferred(_ *eventpb.Writer, e conversation.Deferred) *retentionv1.KeyDestructionDeferred {
	return &retentionv1.KeyDestructionDeferred{Periods: e.Periods, HeldFor: e.HeldFor, DeferredAt: eventpb.Stamp(e.At)}
}

func unpackDeferred(_ *eventpb.Reader, m *retentionv1.KeyDestructionDeferred) conversation.Deferred {
	return conversation.Deferred{Periods: m.GetPeriods(), HeldFor: m.GetHeldFor(), At: eventpb.Moment(m.GetDeferredAt())}
}

func packBegun(_ *eventpb.Writer, e conversation.Begun) *retentionv1.KeyDestructionBegun {
	return &retentionv1.KeyDestructionBegun{Periods: e.Periods, BegunAt: eventpb.Stamp(e.At)}
}

func unpackBegun(_ *eventpb.Reader, m *retentionv1.KeyDestructionBegun) conversation.Begun {
	return conversation.Begun{Periods: m.GetPeriods(), At: eventpb.Moment(m.GetBegunAt())}
}

func packEnded(_ *eventpb.Writer, e conversation.Ended) *retentionv1.ConversationKeysDestroyed {
	return &retentionv1.ConversationKeysDestroyed{
		Periods: e.Periods, DestroyedAt: eventpb.Stamp(e.At), ResidueEndsAt: eventpb.Stamp(e.ResidueEnds),
	}
}

func unpackEnded(_ *eventpb.Reader, m *retentionv1.ConversationKeysDestroyed) conversation.Ended {
	return conversation.Ended{
		Periods: m.GetPeriods(), ResidueEnds: eventpb.Moment(m.GetResidueEndsAt()), At: eventpb.Moment(m.GetDestroyedAt()),
	}
}
