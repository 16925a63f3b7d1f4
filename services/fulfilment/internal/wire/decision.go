package wire

import (
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/controllers"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"

	"google.golang.org/protobuf/types/known/timestamppb"
)

const pathStatement = "statement"

// deciding are the events of what is not carried out, and of the controller's word.
func deciding() []entry {
	return []entry{
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.ControllerNamed) *fulfilmentv1.ControllerNamed {
			return &fulfilmentv1.ControllerNamed{Controller: e.Controller, By: e.By, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.ControllerNamed) request.ControllerNamed {
			return request.ControllerNamed{Controller: m.GetController(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.InstructionAsked) *fulfilmentv1.InstructionAsked {
			m := &fulfilmentv1.InstructionAsked{Controller: e.Controller, DueAt: eventpb.Stamp(e.DueAt), At: eventpb.Stamp(e.At)}
			for _, at := range e.Reminders {
				m.Reminders = append(m.Reminders, timestamppb.New(at))
			}
			return m
		}, func(_ *eventpb.Reader, m *fulfilmentv1.InstructionAsked) request.InstructionAsked {
			e := request.InstructionAsked{Controller: m.GetController(), DueAt: eventpb.Moment(m.GetDueAt()), At: eventpb.Moment(m.GetAt())}
			for _, at := range m.GetReminders() {
				e.Reminders = append(e.Reminders, eventpb.Moment(at))
			}
			return e
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.InstructionGiven) *fulfilmentv1.InstructionGiven {
			return &fulfilmentv1.InstructionGiven{Controller: e.Controller, By: e.By, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.InstructionGiven) request.InstructionGiven {
			return request.InstructionGiven{Controller: m.GetController(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](packRejected, unpackRejected),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.ReopenProposed) *fulfilmentv1.ReopenProposed {
			return &fulfilmentv1.ReopenProposed{Reason: e.Reason, By: e.By, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.ReopenProposed) request.ReopenProposed {
			return request.ReopenProposed{Reason: m.GetReason(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Reopened) *fulfilmentv1.RequestReopened {
			return &fulfilmentv1.RequestReopened{Reason: e.Reason, By: e.By, ProposedBy: e.ProposedBy, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestReopened) request.Reopened {
			return request.Reopened{Reason: m.GetReason(), By: m.GetBy(), ProposedBy: m.GetProposedBy(), At: eventpb.Moment(m.GetAt())}
		}),
	}
}

func packRejected(w *eventpb.Writer, e request.Rejected) *fulfilmentv1.RequestRejected {
	return &fulfilmentv1.RequestRejected{
		Ground: e.Ground, Clause: e.Clause, Dpv: e.DPV, Rules: e.Rules, Leaves: e.Leaves, Evidence: e.Evidence, Text: e.Text,
		Statement:  sealed(w, w.Aggregate().ID, pathStatement, e.Statement),
		Complaints: e.Complaints, Authority: e.Authority, Controller: e.Controller, By: e.By,
		ReviewAt: eventpb.Stamp(e.ReviewAt), At: eventpb.Stamp(e.At),
	}
}

func unpackRejected(r *eventpb.Reader, m *fulfilmentv1.RequestRejected) request.Rejected {
	return request.Rejected{
		Ground: m.GetGround(), Clause: m.GetClause(), DPV: m.GetDpv(), Rules: m.GetRules(), Leaves: m.GetLeaves(), Evidence: m.GetEvidence(), Text: m.GetText(),
		Statement:  r.Text(m.GetStatement(), pathStatement),
		Complaints: m.GetComplaints(), Authority: m.GetAuthority(), Controller: m.GetController(), By: m.GetBy(),
		ReviewAt: eventpb.Moment(m.GetReviewAt()), At: eventpb.Moment(m.GetAt()),
	}
}

func packPinned(list []request.Pinned) []*fulfilmentv1.PinnedPack {
	var out []*fulfilmentv1.PinnedPack
	for _, p := range list {
		out = append(out, &fulfilmentv1.PinnedPack{Pack: p.Pack, Hash: p.Hash})
	}
	return out
}

func unpackPinned(list []*fulfilmentv1.PinnedPack) []request.Pinned {
	var out []request.Pinned
	for _, m := range list {
		out = append(out, request.Pinned{Pack: m.GetPack(), Hash: m.GetHash()})
	}
	return out
}

// Controllers is the codec of controllers.
func Controllers() (eventpb.Codec[controllers.Event], error) {
	return eventpb.New(
		eventpb.Of[controllers.Event](func(_ *eventpb.Writer, e controllers.Registered) *fulfilmentv1.ControllerRegistered {
			return &fulfilmentv1.ControllerRegistered{
				Controller: e.Controller, Title: e.Title, Contact: e.Contact, Staff: e.Staff, By: e.By, At: eventpb.Stamp(e.At),
			}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.ControllerRegistered) controllers.Registered {
			return controllers.Registered{
				Controller: m.GetController(), Title: m.GetTitle(), Contact: m.GetContact(), Staff: m.GetStaff(), By: m.GetBy(), At: eventpb.Moment(m.GetAt()),
			}
		}),
		eventpb.Of[controllers.Event](func(_ *eventpb.Writer, e controllers.Ended) *fulfilmentv1.ControllerEnded {
			return &fulfilmentv1.ControllerEnded{Controller: e.Controller, Reason: e.Reason, By: e.By, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.ControllerEnded) controllers.Ended {
			return controllers.Ended{Controller: m.GetController(), Reason: m.GetReason(), By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[controllers.Event](func(_ *eventpb.Writer, e controllers.CommandRefused) *fulfilmentv1.ControllerCommandRefused {
			return &fulfilmentv1.ControllerCommandRefused{Command: e.Command, Reason: e.Reason}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.ControllerCommandRefused) controllers.CommandRefused {
			return controllers.CommandRefused{Command: m.GetCommand(), Reason: m.GetReason()}
		}),
	)
}

// ControllersHandler runs the commands of controllers.
func (l Log) ControllersHandler() (es.Handler[controllers.Controllers, controllers.Command, controllers.Event], error) {
	codec, err := Controllers()
	return handler(l, codec, controllers.Decide, controllers.Evolve, func(reason string) error { return controllers.Refusal(reason) }), err
}
