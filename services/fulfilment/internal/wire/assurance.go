package wire

import (
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es/eventpb"

	"google.golang.org/protobuf/types/known/durationpb"
)

// pathCode is the path of what cancels a request in its event.
const pathCode = "code"

// pathAddresses is the path of who is told of a hold in its event.
const pathAddresses = "addresses"

func assurance() []entry {
	return []entry{
		eventpb.Of[request.Event](func(w *eventpb.Writer, e request.DelayBegun) *fulfilmentv1.DelayBegun {
			return &fulfilmentv1.DelayBegun{
				Until: eventpb.Stamp(e.Until), Code: sealed(w, w.Aggregate().ID, pathCode, e.Code), Channels: e.Channels, Unreached: e.Unreached, At: eventpb.Stamp(e.At),
				Phones: e.Phones, Addresses: sealed(w, w.Aggregate().ID, pathAddresses, e.Addresses),
			}
		}, func(r *eventpb.Reader, m *fulfilmentv1.DelayBegun) request.DelayBegun {
			return request.DelayBegun{
				Until: eventpb.Moment(m.GetUntil()), Code: r.Text(m.GetCode(), pathCode), Channels: m.GetChannels(), Unreached: m.GetUnreached(), At: eventpb.Moment(m.GetAt()),
				Phones: m.GetPhones(), Addresses: r.Text(m.GetAddresses(), pathAddresses),
			}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Renewed) *fulfilmentv1.VerificationRenewed {
			return &fulfilmentv1.VerificationRenewed{At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.VerificationRenewed) request.Renewed {
			return request.Renewed{At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Cancelled) *fulfilmentv1.RequestCancelled {
			return &fulfilmentv1.RequestCancelled{Reason: e.Reason, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestCancelled) request.Cancelled {
			return request.Cancelled{Reason: m.GetReason(), At: eventpb.Moment(m.GetAt())}
		}),
	}
}

// span is a time, or nothing.
func span(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}
