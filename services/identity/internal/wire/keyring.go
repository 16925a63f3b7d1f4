package wire

import (
	"context"
	"fmt"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/keyring"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	typeKeyMade      = "keyring.key_made"
	typeKeyDestroyed = "keyring.key_destroyed"
)

// Keyring reads the events of keyrings.
func Keyring() (es.Registry[keyring.Event], error) {
	return es.NewRegistry(
		es.Type[keyring.Event]{Name: typeKeyMade, Schema: 1, Decode: decodeKeyMade},
		es.Type[keyring.Event]{Name: typeKeyDestroyed, Schema: 1, Decode: decodeKeyDestroyed})
}

func decodeKeyMade(ev es.Event) (keyring.Event, error) {
	var w identityv1.KeyMade
	if err := proto.Unmarshal(ev.Data, &w); err != nil {
		return nil, err
	}
	return ReadKeyMade(&w)
}

// ReadKeyMade reads the contract's form, but for the holder.
func ReadKeyMade(w *identityv1.KeyMade) (keyring.Made, error) {
	e := keyring.Made{Class: seal.ClassName(w.GetClass()), Version: w.GetKeyVersion()}
	if n := copy(e.Commitment[:], w.GetKeyCommit()); e.Class == "" || n != len(w.GetKeyCommit()) || n != len(e.Commitment) {
		return e, fmt.Errorf("read made key: %w", seal.ErrInvalid)
	}
	return e, nil
}

func decodeKeyDestroyed(ev es.Event) (keyring.Event, error) {
	var w identityv1.KeyDestroyed
	if err := proto.Unmarshal(ev.Data, &w); err != nil {
		return nil, err
	}
	return ReadKeyDestroyed(&w)
}

// EncodeKeyring writes an event of a keyring; its holder is the aggregate.
func EncodeKeyring(_ context.Context, agg es.Aggregate, _ string, ev keyring.Event) (es.Event, error) {
	switch e := ev.(type) {
	case keyring.Made:
		class, err := class(e.Class)
		if err != nil {
			return es.Event{}, err
		}
		return event(typeKeyMade, &identityv1.KeyMade{Holder: agg.ID, Class: class, KeyVersion: e.Version, KeyCommit: e.Commitment[:]})
	case keyring.Destroyed:
		w, err := KeyDestroyed(agg.ID, e)
		if err != nil {
			return es.Event{}, err
		}
		return event(typeKeyDestroyed, w)
	}
	return es.Event{}, errUnknown
}

// KeyDestroyed is the contract's form of a holder's destroyed key.
func KeyDestroyed(holder string, e keyring.Destroyed) (*identityv1.KeyDestroyed, error) {
	class, err := class(e.Class)
	if err != nil {
		return nil, err
	}
	w := &identityv1.KeyDestroyed{
		Holder: holder, Class: class, KeyVersion: e.Version, KekEpoch: e.KEKEpoch,
		Reason: e.Reason, RequestedBy: e.RequestedBy,
		DestroyedAt: timestamppb.New(e.At), ResidueHorizon: timestamppb.New(e.ResidueHorizon),
		ReplicasAcked: e.Fence.Acked, ReplicasExpired: e.Fence.Expired, FenceMs: e.Fence.Millis,
	}
	if e.Version > 0 { // else there never was a key to commit to
		w.KeyCommit = e.Commitment[:]
	}
	return w, nil
}

// ReadKeyDestroyed reads what KeyDestroyed wrote, but for the holder.
func ReadKeyDestroyed(w *identityv1.KeyDestroyed) (e keyring.Destroyed, err error) {
	e = keyring.Destroyed{
		Class: seal.ClassName(w.GetClass()), Version: w.GetKeyVersion(), KEKEpoch: w.GetKekEpoch(),
		Reason: w.GetReason(), RequestedBy: w.GetRequestedBy(),
		Fence: keyring.Fence{Acked: w.GetReplicasAcked(), Expired: w.GetReplicasExpired(), Millis: w.GetFenceMs()},
	}
	if e.Class == "" {
		return e, fmt.Errorf("read class of a key: %w", seal.ErrInvalid)
	}
	if n := copy(e.Commitment[:], w.GetKeyCommit()); n != len(w.GetKeyCommit()) || n != 0 && n != len(e.Commitment) {
		return e, fmt.Errorf("read commitment of a key: %w", seal.ErrInvalid)
	}
	if e.At, err = moment(w.GetDestroyedAt()); err != nil {
		return e, err
	}
	e.ResidueHorizon, err = moment(w.GetResidueHorizon())
	return e, err
}

func class(name string) (sealv1.KeyClass, error) {
	for _, c := range seal.Classes() {
		if seal.ClassName(c) == name {
			return c, nil
		}
	}
	return 0, fmt.Errorf("write class of a key: %w", seal.ErrInvalid)
}
