// Package wire is fulfilment's stored form: events to protobuf and back, what
// is personal sealed on the way in and left sealed on the way out.
package wire

import (
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/fulfilment/catalogue"
	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/notice"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/seal"
)

const classRequest = sealv1.KeyClass_KEY_CLASS_REQUEST

// sealed seals a text under a request's own key.
func sealed(w *eventpb.Writer, request, path string, t personal.Text) *sealv1.Sealed {
	return w.Seal(seal.Request, request, classRequest, path, t)
}

// Systems is the codec of systems.
func Systems() (eventpb.Codec[system.Event], error) {
	return eventpb.New(
		eventpb.Of[system.Event](func(_ *eventpb.Writer, e system.Registered) *fulfilmentv1.SystemRegistered {
			return &fulfilmentv1.SystemRegistered{
				Version: e.Number, System: e.System, Connector: fulfilmentv1.ConnectorKind(e.Connector), Connection: e.Connection,
				Region: e.Region, BackupDays: e.BackupDays, Dataset: []byte(e.Dataset), Collections: e.Collections,
				At: eventpb.Stamp(e.RegisteredAt), Remarks: e.Remarks, Owner: e.Owner, Waivers: e.Waivers,
			}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.SystemRegistered) system.Registered {
			return system.Registered{Version: system.Version{
				Description: system.Description{
					System: m.GetSystem(), Connector: uint8(m.GetConnector()), Connection: m.GetConnection(), Region: m.GetRegion(),
					BackupDays: m.GetBackupDays(), Dataset: string(m.GetDataset()), Collections: m.GetCollections(),
					Owner: m.GetOwner(), Waivers: m.GetWaivers(),
				},
				Number: m.GetVersion(), RegisteredAt: eventpb.Moment(m.GetAt()),
			}, Remarks: m.GetRemarks()}
		}),
		eventpb.Of[system.Event](func(_ *eventpb.Writer, e system.Retired) *fulfilmentv1.SystemRetired {
			return &fulfilmentv1.SystemRetired{Reason: e.Reason, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.SystemRetired) system.Retired {
			return system.Retired{Reason: m.GetReason(), At: eventpb.Moment(m.GetAt())}
		}),
	)
}

// Catalogues is the codec of catalogues.
func Catalogues() (eventpb.Codec[catalogue.Event], error) {
	return eventpb.New(
		eventpb.Of[catalogue.Event](func(_ *eventpb.Writer, e catalogue.Listed) *fulfilmentv1.SystemListed {
			return &fulfilmentv1.SystemListed{
				System: e.System, Version: e.Version, Connector: fulfilmentv1.ConnectorKind(e.Connector), Region: e.Region,
				Collections: e.Collections,
			}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.SystemListed) catalogue.Listed {
			return catalogue.Listed{
				System: m.GetSystem(), Version: m.GetVersion(), Connector: uint8(m.GetConnector()), Region: m.GetRegion(),
				Collections: m.GetCollections(),
			}
		}),
		eventpb.Of[catalogue.Event](func(_ *eventpb.Writer, e catalogue.Delisted) *fulfilmentv1.SystemDelisted {
			return &fulfilmentv1.SystemDelisted{System: e.System}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.SystemDelisted) catalogue.Delisted {
			return catalogue.Delisted{System: m.GetSystem()}
		}),
	)
}

// Dockets is the codec of dockets.
func Dockets() (eventpb.Codec[docket.Event], error) {
	return eventpb.New(
		eventpb.Of[docket.Event](func(_ *eventpb.Writer, e docket.Entered) *fulfilmentv1.RequestEntered {
			return &fulfilmentv1.RequestEntered{
				Request: e.Request, Right: fulfilmentv1.Right(e.Right), Place: fulfilmentv1.DocketPlace(e.Place), Behind: e.Behind,
				Agent: e.Agent, AskedAt: eventpb.Stamp(e.Asked), Topic: e.Topic, Partial: e.Partial,
			}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestEntered) docket.Entered {
			return docket.Entered{
				Request: m.GetRequest(), Right: docket.Right(m.GetRight()), Place: docket.Place(m.GetPlace()), Behind: m.GetBehind(),
				Agent: m.GetAgent(), Asked: eventpb.Moment(m.GetAskedAt()), Topic: m.GetTopic(), Partial: m.GetPartial(),
			}
		}),
		eventpb.Of[docket.Event](func(_ *eventpb.Writer, e docket.AgentRevoked) *fulfilmentv1.AgentRevoked {
			return &fulfilmentv1.AgentRevoked{Agent: e.Agent, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.AgentRevoked) docket.AgentRevoked {
			return docket.AgentRevoked{Agent: m.GetAgent(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[docket.Event](func(_ *eventpb.Writer, e docket.Begun) *fulfilmentv1.ErasureBegun {
			return &fulfilmentv1.ErasureBegun{Request: e.Request}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.ErasureBegun) docket.Begun {
			return docket.Begun{Request: m.GetRequest()}
		}),
		eventpb.Of[docket.Event](func(_ *eventpb.Writer, e docket.Yielded) *fulfilmentv1.RequestYielded {
			return &fulfilmentv1.RequestYielded{Request: e.Request, To: e.To}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestYielded) docket.Yielded {
			return docket.Yielded{Request: m.GetRequest(), To: m.GetTo()}
		}),
		eventpb.Of[docket.Event](func(_ *eventpb.Writer, e docket.Promoted) *fulfilmentv1.RequestPromoted {
			return &fulfilmentv1.RequestPromoted{Request: e.Request}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestPromoted) docket.Promoted {
			return docket.Promoted{Request: m.GetRequest()}
		}),
		eventpb.Of[docket.Event](func(_ *eventpb.Writer, e docket.Answered) *fulfilmentv1.RequestAnswered {
			return &fulfilmentv1.RequestAnswered{Request: e.Request, With: e.With}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestAnswered) docket.Answered {
			return docket.Answered{Request: m.GetRequest(), With: m.GetWith()}
		}),
		eventpb.Of[docket.Event](func(_ *eventpb.Writer, e docket.Left) *fulfilmentv1.RequestLeft {
			return &fulfilmentv1.RequestLeft{Request: e.Request, Fulfilled: e.Fulfilled}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestLeft) docket.Left {
			return docket.Left{Request: m.GetRequest(), Fulfilled: m.GetFulfilled()}
		}),
	)
}

// Notices is the codec of notices.
func Notices() (eventpb.Codec[notice.Event], error) {
	return eventpb.New(
		eventpb.Of[notice.Event](func(w *eventpb.Writer, e notice.Drafted) *fulfilmentv1.NoticeDrafted {
			return &fulfilmentv1.NoticeDrafted{
				Request: e.Request, Template: e.Template, Address: sealed(w, e.Request, "address", e.Address), At: eventpb.Stamp(e.At),
			}
		}, func(r *eventpb.Reader, m *fulfilmentv1.NoticeDrafted) notice.Drafted {
			return notice.Drafted{
				Request: m.GetRequest(), Template: m.GetTemplate(), Address: r.Text(m.GetAddress(), "address"), At: eventpb.Moment(m.GetAt()),
			}
		}),
		eventpb.Of[notice.Event](func(_ *eventpb.Writer, e notice.Attempted) *fulfilmentv1.NoticeAttempted {
			return &fulfilmentv1.NoticeAttempted{Attempt: e.Attempt, MessageId: e.MessageID, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.NoticeAttempted) notice.Attempted {
			return notice.Attempted{Attempt: m.GetAttempt(), MessageID: m.GetMessageId(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[notice.Event](func(_ *eventpb.Writer, e notice.Sent) *fulfilmentv1.NoticeSent {
			return &fulfilmentv1.NoticeSent{Reply: e.Reply, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.NoticeSent) notice.Sent {
			return notice.Sent{Reply: m.GetReply(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[notice.Event](func(_ *eventpb.Writer, e notice.Failed) *fulfilmentv1.NoticeFailed {
			return &fulfilmentv1.NoticeFailed{
				Reason: e.Reason, Reply: e.Reply, NextTryAt: eventpb.Stamp(e.NextTryAt), At: eventpb.Stamp(e.At),
			}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.NoticeFailed) notice.Failed {
			return notice.Failed{
				Reason: m.GetReason(), Reply: m.GetReply(), NextTryAt: eventpb.Moment(m.GetNextTryAt()), At: eventpb.Moment(m.GetAt()),
			}
		}),
	)
}
