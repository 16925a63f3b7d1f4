// Package wire is the book's stored form: events to protobuf and back, names
// sealed on the way in and left sealed on the way out.
package wire

import (
	"context"
	"errors"
	"fmt"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/systemtest/sample"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Names of the events.
const (
	typeOpened    = "book.opened"
	typeSigned    = "book.signed"
	typeRefused   = "book.signing_refused"
	typeClosed    = "book.closed"
	typeAnnounced = "book.announced"
)

// FieldName is the path of the one personal field.
const FieldName = "name"

// Sealer seals a personal field under its holder's key.
type Sealer interface {
	Seal(ctx context.Context, purpose string, id seal.KeyID, f seal.Field, plaintext []byte) (*sealv1.Sealed, error)
}

// Registry reads the book's events.
func Registry() (es.Registry[sample.Event], error) {
	return es.NewRegistry(
		es.Type[sample.Event]{Name: typeOpened, Schema: 1, Decode: decodeOpened},
		es.Type[sample.Event]{Name: typeSigned, Schema: 1, Decode: decodeSigned},
		es.Type[sample.Event]{Name: typeRefused, Schema: 1, Decode: decodeRefused},
		es.Type[sample.Event]{Name: typeClosed, Schema: 1, Decode: decodeClosed},
		es.Type[sample.Event]{Name: typeAnnounced, Schema: 1, Decode: decodeAnnounced},
	)
}

func decodeOpened(b []byte) (sample.Event, error) {
	var w samplev1.BookOpened
	err := proto.Unmarshal(b, &w)
	return sample.Opened{ClosesAt: w.GetClosesAt().AsTime()}, err
}

func decodeSigned(b []byte) (sample.Event, error) {
	var w samplev1.GuestSigned
	if err := proto.Unmarshal(b, &w); err != nil {
		return nil, err
	}
	h, err := seal.Parse(w.GetName())
	if err != nil {
		return nil, err
	}
	box, err := proto.MarshalOptions{Deterministic: true}.Marshal(w.GetName())
	return sample.Signed{Entry: w.GetEntry(), Guest: h.Holder.Ref(), Name: personal.Sealed(box)}, err
}

func decodeRefused(b []byte) (sample.Event, error) {
	var w samplev1.SigningRefused
	err := proto.Unmarshal(b, &w)
	return sample.SigningRefused{Reason: w.GetReason()}, err
}

func decodeClosed(b []byte) (sample.Event, error) {
	var w samplev1.BookClosed
	err := proto.Unmarshal(b, &w)
	return sample.Closed{ByTimer: w.GetByTimer()}, err
}

func decodeAnnounced(b []byte) (sample.Event, error) {
	return sample.Announced{}, proto.Unmarshal(b, &samplev1.ClosingAnnounced{})
}

// Encoder writes the book's events, with names sealed by s.
func Encoder(s Sealer) func(context.Context, es.Aggregate, string, sample.Event) (es.Event, error) {
	return func(ctx context.Context, agg es.Aggregate, eventID string, ev sample.Event) (es.Event, error) {
		switch e := ev.(type) {
		case sample.Opened:
			return event(typeOpened, &samplev1.BookOpened{ClosesAt: timestamppb.New(e.ClosesAt)})
		case sample.Signed:
			name, err := sealName(ctx, s, agg, eventID, e)
			if err != nil {
				return es.Event{}, err
			}
			return event(typeSigned, &samplev1.GuestSigned{Entry: e.Entry, Name: name})
		case sample.SigningRefused:
			return event(typeRefused, &samplev1.SigningRefused{Reason: e.Reason})
		case sample.Closed:
			return event(typeClosed, &samplev1.BookClosed{ByTimer: e.ByTimer})
		case sample.Announced:
			return event(typeAnnounced, &samplev1.ClosingAnnounced{})
		}
		return es.Event{}, errors.New("encode: unknown event")
	}
}

func event(name string, m proto.Message) (es.Event, error) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return es.Event{}, fmt.Errorf("encode %s: %w", name, err)
	}
	return es.Event{Type: name, Schema: 1, Data: data}, nil
}

// sealName seals a fresh name and passes on one that is sealed already.
func sealName(ctx context.Context, s Sealer, agg es.Aggregate, eventID string, e sample.Signed) (*sealv1.Sealed, error) {
	clear, fresh := e.Name.Reveal()
	if !fresh {
		var w sealv1.Sealed
		if err := proto.Unmarshal(e.Name.Box(), &w); err != nil {
			return nil, fmt.Errorf("read sealed name: %w", err)
		}
		return &w, nil
	}
	holder, err := seal.NewHolder(seal.Subject, e.Guest)
	if err != nil {
		return nil, fmt.Errorf("name holder: %w", err)
	}
	id := seal.KeyID{Tenant: agg.Tenant, Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_PROFILE}
	return s.Seal(ctx, "record", id, Field(agg, eventID), []byte(clear))
}

// Field is the place of the name in an event.
func Field(agg es.Aggregate, eventID string) seal.Field {
	return seal.Field{
		Tenant: agg.Tenant, Context: agg.Context, AggregateType: agg.Type, AggregateID: agg.ID,
		EventID: eventID, Path: FieldName,
	}
}
