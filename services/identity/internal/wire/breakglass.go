package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/breakglass"
	"habeas.internal/services/internal/es/eventpb"

	"google.golang.org/protobuf/types/known/durationpb"
)

// BreakGlass is the codec of the events of grants. Nothing in them is sealed:
// people are named by the ids of the read log.
func BreakGlass() (eventpb.Codec[breakglass.Event], error) {
	return eventpb.New(
		eventpb.Of[breakglass.Event](packGlassAsked, unpackGlassAsked),
		eventpb.Of[breakglass.Event](packGlassGranted, unpackGlassGranted),
		eventpb.Of[breakglass.Event](packGlassRefused, unpackGlassRefused),
		eventpb.Of[breakglass.Event](packGlassDeclined, unpackGlassDeclined),
		eventpb.Of[breakglass.Event](packGlassUsed, unpackGlassUsed),
		eventpb.Of[breakglass.Event](packGlassClosed, unpackGlassClosed),
		eventpb.Of[breakglass.Event](packGlassExpired, unpackGlassExpired),
		eventpb.Of[breakglass.Event](packReviewMissed, unpackReviewMissed),
		eventpb.Of[breakglass.Event](packReviewed, unpackReviewed),
	)
}

func packGlassAsked(_ *eventpb.Writer, e breakglass.Asked) *identityv1.BreakGlassAsked {
	return &identityv1.BreakGlassAsked{
		SubjectRef: e.Subject, CaseId: e.Case, Policy: e.Policy, Ground: e.Ground, Reason: e.Reason, Document: e.Document,
		Imminent: e.Imminent, Categories: e.Categories, Period: durationpb.New(e.For), By: e.By, At: eventpb.Stamp(e.At),
	}
}

func unpackGlassAsked(_ *eventpb.Reader, m *identityv1.BreakGlassAsked) breakglass.Asked {
	return breakglass.Asked{
		Subject: m.GetSubjectRef(), Case: m.GetCaseId(), Policy: m.GetPolicy(), Ground: m.GetGround(), Reason: m.GetReason(),
		Document: m.GetDocument(), Imminent: m.GetImminent(), Categories: m.GetCategories(), For: m.GetPeriod().AsDuration(),
		By: m.GetBy(), At: eventpb.Moment(m.GetAt()),
	}
}

func packGlassGranted(_ *eventpb.Writer, e breakglass.Permitted) *identityv1.BreakGlassGranted {
	return &identityv1.BreakGlassGranted{By: e.By, Until: eventpb.Stamp(e.Until), ReviewBy: eventpb.Stamp(e.ReviewBy), At: eventpb.Stamp(e.At)}
}

func unpackGlassGranted(_ *eventpb.Reader, m *identityv1.BreakGlassGranted) breakglass.Permitted {
	return breakglass.Permitted{
		By: m.GetBy(), Until: eventpb.Moment(m.GetUntil()), ReviewBy: eventpb.Moment(m.GetReviewBy()), At: eventpb.Moment(m.GetAt()),
	}
}

func packGlassRefused(_ *eventpb.Writer, e breakglass.Refused) *identityv1.BreakGlassRefused {
	return &identityv1.BreakGlassRefused{Reason: e.Reason, By: e.By}
}

func unpackGlassRefused(_ *eventpb.Reader, m *identityv1.BreakGlassRefused) breakglass.Refused {
	return breakglass.Refused{Reason: m.GetReason(), By: m.GetBy()}
}

func packGlassDeclined(_ *eventpb.Writer, e breakglass.Denied) *identityv1.BreakGlassDeclined {
	return &identityv1.BreakGlassDeclined{By: e.By, Reason: e.Reason, At: eventpb.Stamp(e.At)}
}

func unpackGlassDeclined(_ *eventpb.Reader, m *identityv1.BreakGlassDeclined) breakglass.Denied {
	return breakglass.Denied{By: m.GetBy(), Reason: m.GetReason(), At: eventpb.Moment(m.GetAt())}
}

func packGlassUsed(_ *eventpb.Writer, e breakglass.Used) *identityv1.BreakGlassUsed {
	return &identityv1.BreakGlassUsed{By: e.By, Method: e.Method, At: eventpb.Stamp(e.At)}
}

func unpackGlassUsed(_ *eventpb.Reader, m *identityv1.BreakGlassUsed) breakglass.Used {
	return breakglass.Used{By: m.GetBy(), Method: m.GetMethod(), At: eventpb.Moment(m.GetAt())}
}

func packGlassClosed(_ *eventpb.Writer, e breakglass.Closed) *identityv1.BreakGlassClosed {
	return &identityv1.BreakGlassClosed{By: e.By, At: eventpb.Stamp(e.At)}
}

func unpackGlassClosed(_ *eventpb.Reader, m *identityv1.BreakGlassClosed) breakglass.Closed {
	return breakglass.Closed{By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
}

func packGlassExpired(_ *eventpb.Writer, e breakglass.Lapsed) *identityv1.BreakGlassExpired {
	return &identityv1.BreakGlassExpired{At: eventpb.Stamp(e.At)}
}

func unpackGlassExpired(_ *eventpb.Reader, m *identityv1.BreakGlassExpired) breakglass.Lapsed {
	return breakglass.Lapsed{At: eventpb.Moment(m.GetAt())}
}

func packReviewMissed(_ *eventpb.Writer, e breakglass.Missed) *identityv1.BreakGlassReviewMissed {
	return &identityv1.BreakGlassReviewMissed{At: eventpb.Stamp(e.At)}
}

func unpackReviewMissed(_ *eventpb.Reader, m *identityv1.BreakGlassReviewMissed) breakglass.Missed {
	return breakglass.Missed{At: eventpb.Moment(m.GetAt())}
}

func packReviewed(_ *eventpb.Writer, e breakglass.Judged) *identityv1.BreakGlassReviewed {
	return &identityv1.BreakGlassReviewed{By: e.By, Justified: e.Justified, Reason: e.Reason, At: eventpb.Stamp(e.At)}
}

func unpackReviewed(_ *eventpb.Reader, m *identityv1.BreakGlassReviewed) breakglass.Judged {
	return breakglass.Judged{By: m.GetBy(), Justified: m.GetJustified(), Reason: m.GetReason(), At: eventpb.Moment(m.GetAt())}
}
