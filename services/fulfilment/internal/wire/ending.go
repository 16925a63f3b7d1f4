package wire

import (
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es/eventpb"
)

func packaging() []entry {
	return []entry{
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.PackageBegun) *fulfilmentv1.PackageBegun {
			return &fulfilmentv1.PackageBegun{Package: e.Package, SubjectRefs: e.Refs}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.PackageBegun) request.PackageBegun {
			return request.PackageBegun{Package: m.GetPackage(), Refs: m.GetSubjectRefs()}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.PackageRevoked) *fulfilmentv1.PackageRevoked {
			return &fulfilmentv1.PackageRevoked{Reason: e.Reason, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.PackageRevoked) request.PackageRevoked {
			return request.PackageRevoked{Reason: m.GetReason(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.PackageReady) *fulfilmentv1.PackageReady {
			return &fulfilmentv1.PackageReady{Package: e.Package, Size: e.Size, ExpiresAt: eventpb.Stamp(e.ExpiresAt)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.PackageReady) request.PackageReady {
			return request.PackageReady{Package: m.GetPackage(), Size: m.GetSize(), ExpiresAt: eventpb.Moment(m.GetExpiresAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.PackageRead) *fulfilmentv1.PackageRead {
			return &fulfilmentv1.PackageRead{Purpose: e.Purpose, Roles: e.Roles, Reader: e.Reader, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.PackageRead) request.PackageRead {
			return request.PackageRead{Purpose: m.GetPurpose(), Roles: m.GetRoles(), Reader: m.GetReader(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.PackageExpired) *fulfilmentv1.PackageExpired {
			return &fulfilmentv1.PackageExpired{Package: e.Package, ResidueEndsAt: eventpb.Stamp(e.ResidueEndsAt)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.PackageExpired) request.PackageExpired {
			return request.PackageExpired{Package: m.GetPackage(), ResidueEndsAt: eventpb.Moment(m.GetResidueEndsAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.NoticeOwed) *fulfilmentv1.NoticeOwed {
			return &fulfilmentv1.NoticeOwed{Notice: e.Notice, Template: e.Template}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.NoticeOwed) request.NoticeOwed {
			return request.NoticeOwed{Notice: m.GetNotice(), Template: m.GetTemplate()}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.NoticeEnded) *fulfilmentv1.NoticeEnded {
			return &fulfilmentv1.NoticeEnded{Notice: e.Notice, Sent: e.Sent, Reason: e.Reason}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.NoticeEnded) request.NoticeEnded {
			return request.NoticeEnded{Notice: m.GetNotice(), Sent: m.GetSent(), Reason: m.GetReason()}
		}),
	}
}

func ending() []entry {
	return []entry{
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.RecipientsTold) *fulfilmentv1.RecipientsTold {
			return &fulfilmentv1.RecipientsTold{Recipients: e.Recipients}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RecipientsTold) request.RecipientsTold {
			return request.RecipientsTold{Recipients: m.GetRecipients()}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.SubjectForgotten) *fulfilmentv1.SubjectForgotten {
			return &fulfilmentv1.SubjectForgotten{KeysDestroyed: e.KeysDestroyed, ResidueEndsAt: eventpb.Stamp(e.ResidueEndsAt)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.SubjectForgotten) request.SubjectForgotten {
			return request.SubjectForgotten{KeysDestroyed: m.GetKeysDestroyed(), ResidueEndsAt: eventpb.Moment(m.GetResidueEndsAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.RestrictionEnded) *fulfilmentv1.RestrictionEnded {
			return &fulfilmentv1.RestrictionEnded{Erased: e.Erased}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RestrictionEnded) request.RestrictionEnded {
			return request.RestrictionEnded{Erased: m.GetErased()}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Withdrawn) *fulfilmentv1.RequestWithdrawn {
			return &fulfilmentv1.RequestWithdrawn{At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestWithdrawn) request.Withdrawn {
			return request.Withdrawn{At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Closed) *fulfilmentv1.RequestClosed {
			return &fulfilmentv1.RequestClosed{
				Outcome: fulfilmentv1.Outcome(e.Outcome), DuplicateOf: e.DuplicateOf, At: eventpb.Stamp(e.At),
			}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestClosed) request.Closed {
			return request.Closed{
				Outcome: request.Outcome(m.GetOutcome()), DuplicateOf: m.GetDuplicateOf(), At: eventpb.Moment(m.GetAt()),
			}
		}),
		eventpb.Of[request.Event](func(*eventpb.Writer, request.DocketLeft) *fulfilmentv1.DocketLeft {
			return &fulfilmentv1.DocketLeft{}
		}, func(*eventpb.Reader, *fulfilmentv1.DocketLeft) request.DocketLeft { return request.DocketLeft{} }),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.KeyDestroyed) *fulfilmentv1.RequestKeyDestroyed {
			return &fulfilmentv1.RequestKeyDestroyed{ResidueEndsAt: eventpb.Stamp(e.ResidueEndsAt)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestKeyDestroyed) request.KeyDestroyed {
			return request.KeyDestroyed{ResidueEndsAt: eventpb.Moment(m.GetResidueEndsAt())}
		}),
		eventpb.Of[request.Event](func(*eventpb.Writer, request.Finished) *fulfilmentv1.RequestFinished {
			return &fulfilmentv1.RequestFinished{}
		}, func(*eventpb.Reader, *fulfilmentv1.RequestFinished) request.Finished { return request.Finished{} }),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.CommandRefused) *fulfilmentv1.CommandRefused {
			return &fulfilmentv1.CommandRefused{Command: e.Command, Reason: e.Reason}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.CommandRefused) request.CommandRefused {
			return request.CommandRefused{Command: m.GetCommand(), Reason: m.GetReason()}
		}),
	}
}
