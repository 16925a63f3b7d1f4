package wire

import (
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es/eventpb"
)

// staffing are the events of who does what for a request.
func staffing() []entry {
	return []entry{
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Assigned) *fulfilmentv1.CaseAssigned {
			return &fulfilmentv1.CaseAssigned{Duty: fulfilmentv1.Duty(e.Duty), Staff: e.Staff, By: e.By, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.CaseAssigned) request.Assigned {
			return request.Assigned{Duty: request.Duty(m.GetDuty()), Staff: m.GetStaff(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Unassigned) *fulfilmentv1.CaseUnassigned {
			return &fulfilmentv1.CaseUnassigned{Duty: fulfilmentv1.Duty(e.Duty), Staff: e.Staff, By: e.By, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.CaseUnassigned) request.Unassigned {
			return request.Unassigned{Duty: request.Duty(m.GetDuty()), Staff: m.GetStaff(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.NeedGranted) *fulfilmentv1.CaseNeedGranted {
			return &fulfilmentv1.CaseNeedGranted{Staff: e.Staff, Until: eventpb.Stamp(e.Until), At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.CaseNeedGranted) request.NeedGranted {
			return request.NeedGranted{Staff: m.GetStaff(), Until: eventpb.Moment(m.GetUntil()), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.NeedEnded) *fulfilmentv1.CaseNeedEnded {
			return &fulfilmentv1.CaseNeedEnded{Staff: e.Staff, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.CaseNeedEnded) request.NeedEnded {
			return request.NeedEnded{Staff: m.GetStaff(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Approved) *fulfilmentv1.ManifestApproved {
			return &fulfilmentv1.ManifestApproved{Digest: e.Digest, By: e.By, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.ManifestApproved) request.Approved {
			return request.Approved{Digest: m.GetDigest(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Declined) *fulfilmentv1.ApprovalDeclined {
			return &fulfilmentv1.ApprovalDeclined{Reason: e.Reason, By: e.By, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.ApprovalDeclined) request.Declined {
			return request.Declined{Reason: m.GetReason(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Reviewed) *fulfilmentv1.ManifestReviewed {
			return &fulfilmentv1.ManifestReviewed{At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.ManifestReviewed) request.Reviewed {
			return request.Reviewed{At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.ManifestOutdated) *fulfilmentv1.ManifestOutdated {
			return &fulfilmentv1.ManifestOutdated{Sought: []byte(e.Sought), At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.ManifestOutdated) request.ManifestOutdated {
			return request.ManifestOutdated{Sought: string(m.GetSought()), At: eventpb.Moment(m.GetAt())}
		}),
	}
}
