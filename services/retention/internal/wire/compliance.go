package wire

import (
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/retention/compliance"
	"habeas.internal/services/retention/schedule"
)

// Compliance is the codec of the events of a tenant's reviews.
func Compliance() (eventpb.Codec[compliance.Event], error) {
	return eventpb.New(
		eventpb.Of[compliance.Event](func(_ *eventpb.Writer, e compliance.Scheduled) *retentionv1.ReviewScheduled {
			return &retentionv1.ReviewScheduled{
				Scope: e.Scope, Period: schedule.Period(e.Period).String(), DueAt: eventpb.Stamp(e.DueAt), By: e.By, At: eventpb.Stamp(e.At),
			}
		}, func(in *eventpb.Reader, m *retentionv1.ReviewScheduled) compliance.Scheduled {
			period, err := schedule.ParsePeriod(m.GetPeriod())
			if err != nil {
				in.Fail(err)
			}
			return compliance.Scheduled{
				Scope: m.GetScope(), Period: compliance.Period(period), DueAt: eventpb.Moment(m.GetDueAt()), By: m.GetBy(),
				At: eventpb.Moment(m.GetAt()),
			}
		}),
		eventpb.Of[compliance.Event](func(_ *eventpb.Writer, e compliance.Refused) *retentionv1.SchedulingRefused {
			return &retentionv1.SchedulingRefused{Scope: e.Scope, Reason: e.Reason}
		}, func(_ *eventpb.Reader, m *retentionv1.SchedulingRefused) compliance.Refused {
			return compliance.Refused{Scope: m.GetScope(), Reason: m.GetReason()}
		}),
		eventpb.Of[compliance.Event](func(_ *eventpb.Writer, e compliance.Missed) *retentionv1.ReviewMissed {
			return &retentionv1.ReviewMissed{Scope: e.Scope, DueAt: eventpb.Stamp(e.DueAt), At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *retentionv1.ReviewMissed) compliance.Missed {
			return compliance.Missed{Scope: m.GetScope(), DueAt: eventpb.Moment(m.GetDueAt()), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[compliance.Event](packReviewed, unpackReviewed),
	)
}

func packReviewed(_ *eventpb.Writer, e compliance.Completed) *retentionv1.ReviewCompleted {
	return &retentionv1.ReviewCompleted{
		Scope: e.Scope, By: e.By, Findings: e.Findings, Report: e.Report, DueAt: eventpb.Stamp(e.DueAt), At: eventpb.Stamp(e.At),
		NextDueAt: eventpb.Stamp(e.NextDue),
	}
}

func unpackReviewed(_ *eventpb.Reader, m *retentionv1.ReviewCompleted) compliance.Completed {
	return compliance.Completed{
		Scope: m.GetScope(), NextDue: eventpb.Moment(m.GetNextDueAt()),
		Completion: compliance.Completion{
			By: m.GetBy(), Findings: m.GetFindings(), Report: m.GetReport(), DueAt: eventpb.Moment(m.GetDueAt()), At: eventpb.Moment(m.GetAt()),
		},
	}
}
