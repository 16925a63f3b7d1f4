package record

import (
	"fmt"

	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/readmodel"
)

// Fold is what a packed state becomes by a commit of the person.
func Fold(registry es.Registry[person.Event]) func([]byte, es.Recorded) ([]byte, error) {
	return func(packed []byte, r es.Recorded) ([]byte, error) {
		s, err := Unpack(packed)
		if err != nil {
			return nil, err
		}
		events, err := registry.DecodeAll(r.Commit)
		if err != nil {
			return nil, fmt.Errorf("fold person: %w", err)
		}
		for _, ev := range events {
			s = person.Evolve(s, ev)
		}
		return Pack(s)
	}
}

// Model is the read model of persons: a packed state each.
func Model(registry es.Registry[person.Event]) readmodel.Folded {
	return readmodel.Folded{
		Name: "persons", Version: 5, Fold: Fold(registry),
		Key: func(agg es.Aggregate) (string, bool) {
			return agg.Tenant + ":" + agg.ID, agg.Type == person.AggregateType
		},
	}
}
