package wire

import (
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es/eventpb"
)

// Signal is a signal of the contract in the domain's words; zero for none.
func Signal(s consentv1.Signal) person.Signal {
	switch s {
	case consentv1.Signal_SIGNAL_GPC:
		return person.GPC
	case consentv1.Signal_SIGNAL_DNT:
		return person.DNT
	case consentv1.Signal_SIGNAL_OPT_OUT:
		return person.OptOut
	case consentv1.Signal_SIGNAL_UNSPECIFIED:
	}
	return 0
}

func signalOf(s person.Signal) consentv1.Signal {
	switch s {
	case person.GPC:
		return consentv1.Signal_SIGNAL_GPC
	case person.DNT:
		return consentv1.Signal_SIGNAL_DNT
	case person.OptOut:
		return consentv1.Signal_SIGNAL_OPT_OUT
	}
	return consentv1.Signal_SIGNAL_UNSPECIFIED
}

func packSignal(_ *eventpb.Writer, e person.SignalReceived) *consentv1.SignalReceived {
	return &consentv1.SignalReceived{
		Policy: e.Policy, Signal: signalOf(e.Signal), Honoured: e.Honoured,
		ReceivedAt: eventpb.Stamp(e.ReceivedAt), RecordedAt: eventpb.Stamp(e.RecordedAt),
	}
}

func unpackSignal(r *eventpb.Reader, m *consentv1.SignalReceived) person.SignalReceived {
	signal := Signal(m.GetSignal())
	if signal == 0 {
		r.Fail(errStored)
	}
	return person.SignalReceived{
		Policy: m.GetPolicy(), Signal: signal, Honoured: m.GetHonoured(),
		ReceivedAt: eventpb.Moment(m.GetReceivedAt()), RecordedAt: eventpb.Moment(m.GetRecordedAt()),
	}
}
