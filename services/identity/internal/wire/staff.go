package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/staff"
	"habeas.internal/services/internal/es/eventpb"
)

// Staff is the codec of the events of staff. Nothing in them is sealed: people
// are named by the ids of the read log.
func Staff() (eventpb.Codec[staff.Event], error) {
	return eventpb.New(
		eventpb.Of[staff.Event](packBound, unpackBound),
		eventpb.Of[staff.Event](packUnbound, unpackUnbound),
		eventpb.Of[staff.Event](packGranted, unpackGranted),
		eventpb.Of[staff.Event](packNeedEnded, unpackNeedEnded),
		eventpb.Of[staff.Event](packStaffRefused, unpackStaffRefused),
		eventpb.Of[staff.Event](packReviewOwed, unpackReviewOwed),
		eventpb.Of[staff.Event](packReviewSettled, unpackReviewSettled),
	)
}

func packBound(_ *eventpb.Writer, e staff.Bound) *identityv1.StaffUndertakingRecorded {
	return &identityv1.StaffUndertakingRecorded{Until: eventpb.Stamp(e.Until), Evidence: e.Evidence, By: e.By, At: eventpb.Stamp(e.At)}
}

func unpackBound(_ *eventpb.Reader, m *identityv1.StaffUndertakingRecorded) staff.Bound {
	return staff.Bound{Until: eventpb.Moment(m.GetUntil()), Evidence: m.GetEvidence(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
}

func packUnbound(_ *eventpb.Writer, e staff.Unbound) *identityv1.StaffUndertakingEnded {
	return &identityv1.StaffUndertakingEnded{By: e.By, At: eventpb.Stamp(e.At)}
}

func unpackUnbound(_ *eventpb.Reader, m *identityv1.StaffUndertakingEnded) staff.Unbound {
	return staff.Unbound{By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
}

func packGranted(_ *eventpb.Writer, e staff.Granted) *identityv1.StaffNeedGranted {
	return &identityv1.StaffNeedGranted{
		Purpose: e.Purpose, CaseId: e.Case, SubjectRef: e.Subject, Until: eventpb.Stamp(e.Until), By: e.By, At: eventpb.Stamp(e.At),
	}
}

func unpackGranted(_ *eventpb.Reader, m *identityv1.StaffNeedGranted) staff.Granted {
	return staff.Granted{
		Need: staff.Need{
			Purpose: m.GetPurpose(), Case: m.GetCaseId(), Subject: m.GetSubjectRef(), Until: eventpb.Moment(m.GetUntil()),
		},
		By: m.GetBy(), At: eventpb.Moment(m.GetAt()),
	}
}

func packNeedEnded(_ *eventpb.Writer, e staff.Ended) *identityv1.StaffNeedEnded {
	return &identityv1.StaffNeedEnded{Purpose: e.Purpose, CaseId: e.Case, By: e.By, At: eventpb.Stamp(e.At)}
}

func unpackNeedEnded(_ *eventpb.Reader, m *identityv1.StaffNeedEnded) staff.Ended {
	return staff.Ended{Purpose: m.GetPurpose(), Case: m.GetCaseId(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
}

func packStaffRefused(_ *eventpb.Writer, e staff.Refused) *identityv1.StaffChangeRefused {
	return &identityv1.StaffChangeRefused{Reason: e.Reason, By: e.By}
}

func unpackStaffRefused(_ *eventpb.Reader, m *identityv1.StaffChangeRefused) staff.Refused {
	return staff.Refused{Reason: m.GetReason(), By: m.GetBy()}
}

func packReviewOwed(_ *eventpb.Writer, e staff.ReviewOwed) *identityv1.StaffReviewOwed {
	return &identityv1.StaffReviewOwed{BreakGlass: e.Grant, Due: eventpb.Stamp(e.Due)}
}

func unpackReviewOwed(_ *eventpb.Reader, m *identityv1.StaffReviewOwed) staff.ReviewOwed {
	return staff.ReviewOwed{Owed: staff.Owed{Grant: m.GetBreakGlass(), Due: eventpb.Moment(m.GetDue())}}
}

func packReviewSettled(_ *eventpb.Writer, e staff.ReviewSettled) *identityv1.StaffReviewSettled {
	return &identityv1.StaffReviewSettled{BreakGlass: e.Grant}
}

func unpackReviewSettled(_ *eventpb.Reader, m *identityv1.StaffReviewSettled) staff.ReviewSettled {
	return staff.ReviewSettled{Grant: m.GetBreakGlass()}
}
