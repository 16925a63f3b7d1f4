package rpc

import (
	"habeas.internal/services/internal/es/esfault"
	"habeas.internal/services/internal/keyclient"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/retention/account"
	"habeas.internal/services/retention/compliance"
	"habeas.internal/services/retention/conversation"
	"habeas.internal/services/retention/messageplan"
	"habeas.internal/services/retention/person"
	"habeas.internal/services/retention/schedule"

	"google.golang.org/grpc/codes"
)

// Errors is the one table from retention's errors to what a caller is told.
// The rows of keys and of the event store follow.
func Errors() fault.Table {
	table := fault.Table{
		{Err: schedule.ErrNoSchedule, Code: codes.NotFound, Reason: "SCHEDULE_NOT_FOUND"},
		{Err: schedule.ErrPeriod, Code: codes.InvalidArgument, Reason: "PERIOD_MALFORMED"},
		{Err: fault.Type[schedule.Refusal](), Code: codes.FailedPrecondition},
		{Err: person.ErrNoHold, Code: codes.NotFound, Reason: "HOLD_NOT_FOUND"},
		{Err: person.ErrNoPermit, Code: codes.NotFound, Reason: "PERMIT_NOT_FOUND"},
		{Err: person.ErrPermitOver, Code: codes.FailedPrecondition, Reason: "PERMIT_OVER"},
		{Err: person.ErrReviewInPast, Code: codes.InvalidArgument, Reason: "REVIEW_IN_PAST"},
		{Err: fault.Type[person.Refusal](), Code: codes.FailedPrecondition},
		{Err: person.ErrClockWithoutEnd, Code: codes.FailedPrecondition, Reason: "CLOCK_WITHOUT_END"},
		{Err: person.ErrTooManyClocks, Code: codes.ResourceExhausted, Reason: "TOO_MANY_CLOCKS"},
		{Err: account.ErrNoAccount, Code: codes.NotFound, Reason: "ACCOUNT_NOT_FOUND"},
		{Err: account.ErrInFuture, Code: codes.InvalidArgument, Reason: "CLOSED_IN_FUTURE"},
		{Err: account.ErrFull, Code: codes.ResourceExhausted, Reason: "ACCOUNT_FULL"},
		{Err: fault.Type[account.Refusal](), Code: codes.FailedPrecondition},
		{Err: compliance.ErrNoReview, Code: codes.NotFound, Reason: "REVIEW_NOT_FOUND"},
		{Err: compliance.ErrInPast, Code: codes.InvalidArgument, Reason: "DUE_IN_PAST"},
		{Err: compliance.ErrPeriod, Code: codes.InvalidArgument, Reason: "REVIEW_PERIOD_INVALID"},
		{Err: compliance.ErrTooMany, Code: codes.ResourceExhausted, Reason: "TOO_MANY_REVIEWS"},
		{Err: fault.Type[compliance.Refusal](), Code: codes.FailedPrecondition},
		{Err: messageplan.ErrNoPlan, Code: codes.NotFound, Reason: "MESSAGE_PLAN_NOT_FOUND"},
		{Err: messageplan.ErrReceiptKey, Code: codes.InvalidArgument, Reason: "RECEIPT_KEY_INVALID"},
		{Err: conversation.ErrNoConversation, Code: codes.NotFound, Reason: "CONVERSATION_NOT_FOUND"},
		{Err: conversation.ErrNoPeriod, Code: codes.NotFound, Reason: "PERIOD_NOT_FOUND"},
		{Err: conversation.ErrClosed, Code: codes.FailedPrecondition, Reason: "CONVERSATION_CLOSED", Text: "the conversation is closed"},
		{Err: conversation.ErrNotDue, Code: codes.FailedPrecondition, Reason: "PERIOD_NOT_DUE"},
		{Err: fault.Type[conversation.Refusal](), Code: codes.FailedPrecondition},
		{Err: ErrReceiptNotSigned, Code: codes.InvalidArgument, Reason: "RECEIPT_NOT_SIGNED", Text: "the receipt is not signed by the plan's key, or for something else"},
		{Err: ErrPeriodDestroyed, Code: codes.FailedPrecondition, Reason: "KEY_DESTROYED", Text: "the key is destroyed"},
		{Err: ErrNoSubject, Code: codes.NotFound, Reason: "SUBJECT_NOT_FOUND"},
		{Err: ErrForgotten, Code: codes.FailedPrecondition, Reason: "SUBJECT_FORGOTTEN"},
		{Err: ErrSubjectUnchecked, Code: codes.Unavailable, Reason: "SUBJECT_NOT_CHECKED"},
		{Err: ErrMerged, Code: codes.Aborted, Reason: "PERSON_MERGED"},
		{Err: ErrZoneUnknown, Code: codes.Unavailable, Reason: "ZONE_UNKNOWN"},
	}
	return append(append(table, keyclient.Table()...), esfault.Table()...)
}
