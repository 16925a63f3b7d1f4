package eventpb

import (
	"context"
	"fmt"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/seal"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Sealer seals a personal field under its holder's key.
type Sealer interface {
	Seal(ctx context.Context, purpose string, id seal.KeyID, f seal.Field, plaintext []byte) (*sealv1.Sealed, error)
}

// Opener opens a personal field.
type Opener interface {
	Open(ctx context.Context, purpose string, f seal.Field, s *sealv1.Sealed) ([]byte, error)
}

// purposeRecord is the purpose for which keys are read to seal with.
const purposeRecord = "record"

// Writer is where an event that is being written goes.
type Writer struct {
	ctx       context.Context //nolint:containedctx // it lives as long as one call
	sealer    Sealer
	aggregate es.Aggregate
	event     string
	err       error
}

// Aggregate is whose event is written.
func (w *Writer) Aggregate() es.Aggregate { return w.aggregate }

// Fail makes the encoding fail; the first failure counts.
func (w *Writer) Fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Seal seals a text for its path in the message: proto names with indexes,
// such as "identifiers[2].value". A text that is sealed already passes as it
// is; one that holds nothing is nil.
func (w *Writer) Seal(kind seal.Kind, ref string, class sealv1.KeyClass, path string, t personal.Text) *sealv1.Sealed {
	text, fresh := t.Reveal()
	if !fresh {
		return w.passed(t)
	}
	holder, err := seal.NewHolder(kind, ref)
	if err != nil {
		w.Fail(fmt.Errorf("name holder: %w", err))
		return nil
	}
	id := seal.KeyID{Tenant: w.aggregate.Tenant, Holder: holder, Class: class}
	box, err := w.sealer.Seal(w.ctx, purposeRecord, id, place(w.aggregate, w.event, path), []byte(text))
	if err != nil {
		w.Fail(fmt.Errorf("seal %s: %w", path, err))
	}
	return box
}

func (w *Writer) passed(t personal.Text) *sealv1.Sealed {
	if t.Box() == nil {
		return nil
	}
	box := new(sealv1.Sealed)
	if err := proto.Unmarshal(t.Box(), box); err != nil {
		w.Fail(fmt.Errorf("read sealed field: %w", err))
	}
	return box
}

// Reader is where an event that is being read comes from.
type Reader struct {
	event string
	err   error
}

// Fail makes the decoding fail; the first failure counts.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Text is a sealed field as a domain holds it. path is the one that it was
// sealed for.
func (r *Reader) Text(box *sealv1.Sealed, path string) personal.Text {
	if box == nil {
		return personal.Text{}
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(box)
	if err != nil {
		r.Fail(fmt.Errorf("keep sealed field: %w", err))
	}
	return personal.Sealed(b, r.event, path)
}

// Open opens a text that was read from an event of agg; one that is in clear
// is returned as it is. seal.ErrErased: its key is destroyed.
func Open(ctx context.Context, o Opener, purpose string, agg es.Aggregate, t personal.Text) (string, error) {
	if text, ok := t.Reveal(); ok {
		return text, nil
	}
	if t.Box() == nil {
		return "", nil
	}
	var box sealv1.Sealed
	if err := proto.Unmarshal(t.Box(), &box); err != nil {
		return "", fmt.Errorf("read sealed field: %w", err)
	}
	event, path := t.Place()
	b, err := o.Open(ctx, purpose, place(agg, event, path), &box)
	return string(b), err
}

func place(agg es.Aggregate, event, path string) seal.Field {
	return seal.Field{
		Tenant: agg.Tenant, Context: agg.Context, AggregateType: agg.Type, AggregateID: agg.ID,
		EventID: event, Path: path,
	}
}

// Stamp is a moment as the contract holds it; the zero moment is nil.
func Stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// Moment is what Stamp was given, in UTC.
func Moment(s *timestamppb.Timestamp) time.Time {
	if s == nil {
		return time.Time{}
	}
	return s.AsTime()
}
