package wire

import (
	"context"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/kek"
	"habeas.internal/services/internal/es"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const typeKEKDestroyed = "kek.epoch_destroyed"

// KEK reads the events of key-encryption keys.
func KEK() (es.Registry[kek.Event], error) {
	return es.NewRegistry(es.Type[kek.Event]{Name: typeKEKDestroyed, Schema: 1, Decode: decodeKEKDestroyed})
}

func decodeKEKDestroyed(ev es.Event) (kek.Event, error) {
	var w identityv1.KekEpochDestroyed
	if err := proto.Unmarshal(ev.Data, &w); err != nil {
		return nil, err
	}
	return ReadKEKDestroyed(&w)
}

// EncodeKEK writes an event of a partition's keys; the aggregate names the
// partition.
func EncodeKEK(_ context.Context, agg es.Aggregate, _ string, ev kek.Event) (es.Event, error) {
	switch e := ev.(type) {
	case kek.Destroyed:
		return event(typeKEKDestroyed, &identityv1.KekEpochDestroyed{
			Partition: kek.Partition(agg.ID), Epoch: e.Epoch, KmsReference: e.KMSReference,
			LiveRewrapped: e.LiveRewrapped, DestroyedInEpoch: e.DestroyedInEpoch, DestroyedAt: timestamppb.New(e.At),
		})
	}
	return es.Event{}, errUnknown
}

// ReadKEKDestroyed reads the contract's form, but for the partition.
func ReadKEKDestroyed(w *identityv1.KekEpochDestroyed) (kek.Destroyed, error) {
	at, err := moment(w.GetDestroyedAt())
	return kek.Destroyed{
		Epoch: w.GetEpoch(), KMSReference: w.GetKmsReference(),
		LiveRewrapped: w.GetLiveRewrapped(), DestroyedInEpoch: w.GetDestroyedInEpoch(), At: at,
	}, err
}
