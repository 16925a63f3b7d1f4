// Package wire is the stored form of identity's events. Those of keys hold
// references, commitments and figures, nothing personal: nothing is sealed. In
// those of subjects and verifications the values and the codes are.
package wire

import (
	"errors"
	"fmt"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

var errUnknown = errors.New("encode: unknown event")

func event(name string, m proto.Message) (es.Event, error) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return es.Event{}, fmt.Errorf("encode %s: %w", name, err)
	}
	return es.Event{Type: name, Schema: 1, Data: data}, nil
}

// moment reads a time that must be there.
func moment(t *timestamppb.Timestamp) (time.Time, error) {
	if err := t.CheckValid(); err != nil {
		return time.Time{}, fmt.Errorf("read time of an end: %w", seal.ErrInvalid)
	}
	return t.AsTime(), nil
}
