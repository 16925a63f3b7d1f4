package wire

import (
	"context"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/pepper"
	"habeas.internal/services/internal/es"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	typePepperMade      = "pepper.made"
	typePepperDestroyed = "pepper.epoch_destroyed"
)

// Pepper reads the events of peppers.
func Pepper() (es.Registry[pepper.Event], error) {
	return es.NewRegistry(
		es.Type[pepper.Event]{Name: typePepperMade, Schema: 1, Decode: func(es.Event) (pepper.Event, error) { return pepper.Made{}, nil }},
		es.Type[pepper.Event]{Name: typePepperDestroyed, Schema: 1, Decode: decodePepperDestroyed})
}

func decodePepperDestroyed(ev es.Event) (pepper.Event, error) {
	var w identityv1.PepperEpochDestroyed
	if err := proto.Unmarshal(ev.Data, &w); err != nil {
		return nil, err
	}
	return ReadPepperDestroyed(&w)
}

// EncodePepper writes an event of a purpose's peppers; the aggregate names the
// purpose.
func EncodePepper(_ context.Context, agg es.Aggregate, _ string, ev pepper.Event) (es.Event, error) {
	switch e := ev.(type) {
	case pepper.Made:
		return event(typePepperMade, &identityv1.PepperMade{Purpose: agg.ID})
	case pepper.Destroyed:
		return event(typePepperDestroyed, &identityv1.PepperEpochDestroyed{
			Purpose: agg.ID, Epoch: e.Epoch, RowsCarried: e.RowsCarried, DestroyedAt: timestamppb.New(e.At),
		})
	}
	return es.Event{}, errUnknown
}

// ReadPepperDestroyed reads the contract's form, but for the purpose.
func ReadPepperDestroyed(w *identityv1.PepperEpochDestroyed) (pepper.Destroyed, error) {
	at, err := moment(w.GetDestroyedAt())
	return pepper.Destroyed{Epoch: w.GetEpoch(), RowsCarried: w.GetRowsCarried(), At: at}, err
}
