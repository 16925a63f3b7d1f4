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
		Name: "persons", Version: 7, Fold: Fold(registry),
		Key: func(agg es.Aggregate) (string, bool) {
			return agg.Tenant + reference(agg.ID), agg.Type == person.AggregateType
		},
	}
}

// reference is an id in a key: as the bytes that it spells, which take less room, or
// as it is if it is none that identity gives.
func reference(id string) string {
	if raw, ok := spelt(id); ok {
		return "/" + string(raw[:])
	}
	return ":" + id
}

// IsReference reports whether an id is spelt as identity spells references.
func IsReference(id string) bool {
	_, ok := spelt(id)
	return ok
}

// referenceBytes is how many a reference has.
const referenceBytes = 16

// spelt is a reference as the bytes that it spells, five bits a letter. Not ok: it
// is none that identity gives.
func spelt(id string) (raw [referenceBytes]byte, ok bool) {
	const letters, perLetter, perByte = 26, 5, 8
	if len(id) != letters {
		return raw, false
	}
	bits, n, at := uint32(0), 0, 0
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z':
			bits = bits<<perLetter | uint32(c-'a')
		case '2' <= c && c <= '7':
			bits = bits<<perLetter | uint32(c-'2'+'z'-'a'+1)
		default:
			return raw, false
		}
		if n += perLetter; n >= perByte {
			n -= perByte
			raw[at] = byte(bits >> n)
			at++
		}
	}
	return raw, bits&(1<<n-1) == 0 // another spelling is another person
}
