// Package wire is the stored form of retention's events: to protobuf and back.
// Nothing in them is personal, so nothing is sealed.
package wire

import (
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/retention/person"
	"habeas.internal/services/retention/schedule"
)

// Schedule is the codec of a schedule's events.
func Schedule() (eventpb.Codec[schedule.Event], error) {
	return eventpb.New(
		eventpb.Of[schedule.Event](packReplaced, unpackReplaced),
		eventpb.Of[schedule.Event](packReplacementRefused, unpackReplacementRefused),
		eventpb.Of[schedule.Event](packPolicyListed, unpackPolicyListed),
	)
}

// Person is the codec of a person's events.
func Person() (eventpb.Codec[person.Event], error) {
	return eventpb.New(append(clocks(),
		eventpb.Of[person.Event](packHoldPlaced, unpackHoldPlaced),
		eventpb.Of[person.Event](packHoldReviewed, unpackHoldReviewed),
		eventpb.Of[person.Event](packHoldReviewDue, unpackHoldReviewDue),
		eventpb.Of[person.Event](packHoldReleased, unpackHoldReleased),
		eventpb.Of[person.Event](packPermitGiven, unpackPermitGiven),
		eventpb.Of[person.Event](packPermitRefused, unpackPermitRefused),
		eventpb.Of[person.Event](packPermitEnded, unpackPermitEnded),
	)...)
}

func packReplaced(_ *eventpb.Writer, e schedule.Replaced) *retentionv1.ScheduleReplaced {
	m := &retentionv1.ScheduleReplaced{
		Policy: e.Policy, Version: e.Number, PolicyVersion: e.PolicyVersion, From: eventpb.Stamp(e.From), Limits: packLimits(e.Limits),
	}
	for _, r := range e.Rules {
		m.Rules = append(m.Rules, &retentionv1.ScheduleRule{
			Rule: r.ID, Category: r.Category, Systems: r.Systems, Period: r.Period.String(), Ground: r.Ground, Authority: r.Authority,
		})
	}
	return m
}

func unpackReplaced(in *eventpb.Reader, m *retentionv1.ScheduleReplaced) schedule.Replaced {
	e := schedule.Replaced{Policy: m.GetPolicy(), Version: schedule.Version{
		Number: m.GetVersion(), PolicyVersion: m.GetPolicyVersion(), From: eventpb.Moment(m.GetFrom()), Limits: unpackLimits(in, m.GetLimits()),
	}}
	for _, r := range m.GetRules() {
		period, err := schedule.ParsePeriod(r.GetPeriod())
		if err != nil {
			in.Fail(err)
		}
		e.Rules = append(e.Rules, schedule.Rule{
			ID: r.GetRule(), Category: r.GetCategory(), Systems: r.GetSystems(), Period: period,
			Ground: r.GetGround(), Authority: r.GetAuthority(),
		})
	}
	return e
}

func packReplacementRefused(_ *eventpb.Writer, e schedule.ReplacementRefused) *retentionv1.ReplacementRefused {
	return &retentionv1.ReplacementRefused{PolicyVersion: e.PolicyVersion, Reason: e.Reason}
}

func unpackReplacementRefused(_ *eventpb.Reader, m *retentionv1.ReplacementRefused) schedule.ReplacementRefused {
	return schedule.ReplacementRefused{PolicyVersion: m.GetPolicyVersion(), Reason: m.GetReason()}
}

func packPolicyListed(_ *eventpb.Writer, e schedule.PolicyListed) *retentionv1.PolicyListed {
	return &retentionv1.PolicyListed{Policy: e.Policy}
}

func unpackPolicyListed(_ *eventpb.Reader, m *retentionv1.PolicyListed) schedule.PolicyListed {
	return schedule.PolicyListed{Policy: m.GetPolicy()}
}

func packHoldPlaced(_ *eventpb.Writer, e person.HoldPlaced) *retentionv1.HoldPlaced {
	return &retentionv1.HoldPlaced{
		Hold: e.Hold, Ground: e.Ground, Authority: e.Authority, OpenPermits: e.OpenPermits,
		PlacedAt: eventpb.Stamp(e.PlacedAt), ReviewAt: eventpb.Stamp(e.ReviewAt), EffectiveBy: eventpb.Stamp(e.EffectiveBy),
	}
}

func unpackHoldPlaced(_ *eventpb.Reader, m *retentionv1.HoldPlaced) person.HoldPlaced {
	return person.HoldPlaced{
		Hold: m.GetHold(), Ground: m.GetGround(), Authority: m.GetAuthority(), OpenPermits: m.GetOpenPermits(),
		PlacedAt: eventpb.Moment(m.GetPlacedAt()), ReviewAt: eventpb.Moment(m.GetReviewAt()), EffectiveBy: eventpb.Moment(m.GetEffectiveBy()),
	}
}

func packHoldReviewed(_ *eventpb.Writer, e person.HoldReviewed) *retentionv1.HoldReviewed {
	return &retentionv1.HoldReviewed{Hold: e.Hold, ReviewedAt: eventpb.Stamp(e.ReviewedAt), ReviewAt: eventpb.Stamp(e.ReviewAt)}
}

func unpackHoldReviewed(_ *eventpb.Reader, m *retentionv1.HoldReviewed) person.HoldReviewed {
	return person.HoldReviewed{
		Hold: m.GetHold(), ReviewedAt: eventpb.Moment(m.GetReviewedAt()), ReviewAt: eventpb.Moment(m.GetReviewAt()),
	}
}

func packHoldReviewDue(_ *eventpb.Writer, e person.HoldReviewDue) *retentionv1.HoldReviewDue {
	return &retentionv1.HoldReviewDue{Hold: e.Hold, ReviewAt: eventpb.Stamp(e.ReviewAt)}
}

func unpackHoldReviewDue(_ *eventpb.Reader, m *retentionv1.HoldReviewDue) person.HoldReviewDue {
	return person.HoldReviewDue{Hold: m.GetHold(), ReviewAt: eventpb.Moment(m.GetReviewAt())}
}

func packHoldReleased(_ *eventpb.Writer, e person.HoldReleased) *retentionv1.HoldReleased {
	return &retentionv1.HoldReleased{Hold: e.Hold, ReleasedAt: eventpb.Stamp(e.ReleasedAt), Free: e.Free}
}

func unpackHoldReleased(_ *eventpb.Reader, m *retentionv1.HoldReleased) person.HoldReleased {
	return person.HoldReleased{Hold: m.GetHold(), ReleasedAt: eventpb.Moment(m.GetReleasedAt()), Free: m.GetFree()}
}

func packPermitGiven(_ *eventpb.Writer, e person.PermitGiven) *retentionv1.PermitGiven {
	return &retentionv1.PermitGiven{
		Permit: e.Permit, Request: e.Request, System: e.System, Policy: e.Policy, ScheduleVersion: e.ScheduleVersion,
		GivenAt: eventpb.Stamp(e.GivenAt), ExpiresAt: eventpb.Stamp(e.ExpiresAt), Others: e.Others,
	}
}

func unpackPermitGiven(_ *eventpb.Reader, m *retentionv1.PermitGiven) person.PermitGiven {
	return person.PermitGiven{
		Permit: m.GetPermit(), Request: m.GetRequest(), System: m.GetSystem(), Policy: m.GetPolicy(),
		ScheduleVersion: m.GetScheduleVersion(),
		GivenAt:         eventpb.Moment(m.GetGivenAt()), ExpiresAt: eventpb.Moment(m.GetExpiresAt()),
		Others: m.GetOthers(),
	}
}

func packPermitRefused(_ *eventpb.Writer, e person.PermitRefused) *retentionv1.PermitRefused {
	return &retentionv1.PermitRefused{Request: e.Request, System: e.System, Reason: e.Reason}
}

func unpackPermitRefused(_ *eventpb.Reader, m *retentionv1.PermitRefused) person.PermitRefused {
	return person.PermitRefused{Request: m.GetRequest(), System: m.GetSystem(), Reason: m.GetReason()}
}

func packPermitEnded(_ *eventpb.Writer, e person.PermitEnded) *retentionv1.PermitEnded {
	return &retentionv1.PermitEnded{
		Permit: e.Permit, RowsDestroyed: e.RowsDestroyed, EndedAt: eventpb.Stamp(e.EndedAt), Late: e.Late,
	}
}

func unpackPermitEnded(_ *eventpb.Reader, m *retentionv1.PermitEnded) person.PermitEnded {
	return person.PermitEnded{
		Permit: m.GetPermit(), RowsDestroyed: m.GetRowsDestroyed(), EndedAt: eventpb.Moment(m.GetEndedAt()), Late: m.GetLate(),
	}
}
