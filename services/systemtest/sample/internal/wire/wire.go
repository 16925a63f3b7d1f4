// Package wire is the book's stored form: events to protobuf and back, names
// sealed on the way in and left sealed on the way out.
package wire

import (
	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/systemtest/sample"
)

// Codec is that of the book's events. In an event of BookOpened and the others
// without a personal field nothing is sealed.
func Codec() (eventpb.Codec[sample.Event], error) {
	return eventpb.New(
		eventpb.Of[sample.Event](packOpened, unpackOpened),
		eventpb.Of[sample.Event](packSigned, unpackSigned),
		eventpb.Of[sample.Event](packRefused, unpackRefused),
		eventpb.Of[sample.Event](packClosed, unpackClosed),
		eventpb.Of[sample.Event](packAnnounced, unpackAnnounced),
	)
}

func packOpened(_ *eventpb.Writer, e sample.Opened) *samplev1.BookOpened {
	return &samplev1.BookOpened{ClosesAt: eventpb.Stamp(e.ClosesAt)}
}

func unpackOpened(_ *eventpb.Reader, m *samplev1.BookOpened) sample.Opened {
	return sample.Opened{ClosesAt: eventpb.Moment(m.GetClosesAt())}
}

// pathName is the path of the one personal field.
const pathName = "name"

func packSigned(w *eventpb.Writer, e sample.Signed) *samplev1.GuestSigned {
	return &samplev1.GuestSigned{
		Entry: e.Entry,
		Name:  w.Seal(seal.Subject, e.Guest, sealv1.KeyClass_KEY_CLASS_PROFILE, pathName, e.Name),
	}
}

func unpackSigned(r *eventpb.Reader, m *samplev1.GuestSigned) sample.Signed {
	h, err := seal.Parse(m.GetName())
	if err != nil {
		r.Fail(err)
	}
	return sample.Signed{Entry: m.GetEntry(), Guest: h.Holder.Ref(), Name: r.Text(m.GetName(), pathName)}
}

func packRefused(_ *eventpb.Writer, e sample.SigningRefused) *samplev1.SigningRefused {
	return &samplev1.SigningRefused{Reason: e.Reason}
}

func unpackRefused(_ *eventpb.Reader, m *samplev1.SigningRefused) sample.SigningRefused {
	return sample.SigningRefused{Reason: m.GetReason()}
}

func packClosed(_ *eventpb.Writer, e sample.Closed) *samplev1.BookClosed {
	return &samplev1.BookClosed{ByTimer: e.ByTimer}
}

func unpackClosed(_ *eventpb.Reader, m *samplev1.BookClosed) sample.Closed {
	return sample.Closed{ByTimer: m.GetByTimer()}
}

func packAnnounced(*eventpb.Writer, sample.Announced) *samplev1.ClosingAnnounced {
	return &samplev1.ClosingAnnounced{}
}

func unpackAnnounced(*eventpb.Reader, *samplev1.ClosingAnnounced) sample.Announced {
	return sample.Announced{}
}
