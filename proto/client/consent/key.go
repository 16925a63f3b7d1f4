package consent

import (
	"encoding/binary"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
)

// keyRoom is as long as most keys are.
const keyRoom = 256

// keepable reports whether the answer to a question depends on nothing but what
// a watch tells of, and on time. One that has fields that this client does not
// know is not.
func keepable(q *consentv1.Question) bool {
	return q.GetAt() == nil && q.GetRecipient() == "" && len(q.ProtoReflect().GetUnknown()) == 0
}

// appendKey writes what tells a question of a person from all others of that
// person. Each text has its length before it. A test holds that every field of
// a question is in it.
func appendKey(b []byte, q *consentv1.Question) []byte {
	b = appendText(b, q.GetPolicy())
	b = binary.AppendUvarint(b, uint64(q.GetAction())) //nolint:gosec // a number of an enumeration
	b = appendText(b, q.GetPurpose())
	b = appendTexts(b, q.GetCategories())
	b = binary.AppendUvarint(b, uint64(q.GetSource())) //nolint:gosec // a number of an enumeration
	b = append(b, 0)
	if at := q.GetCollectedAt(); at != nil {
		b[len(b)-1] = 1
		b = binary.AppendVarint(b, at.GetSeconds())
		b = binary.AppendVarint(b, int64(at.GetNanos()))
	}
	b = appendText(b, q.GetRegion())
	b = appendText(b, q.GetChannel())
	b = appendText(b, q.GetMessage())
	b = binary.AppendUvarint(b, q.GetCohort())
	b = binary.AppendUvarint(b, q.GetComplement())
	b = binary.AppendUvarint(b, uint64(q.GetDeclaredAge()))
	b = appendText(b, q.GetOrigin())
	b = appendTexts(b, q.GetKeys())
	b = appendText(b, q.GetProvider())
	return appendText(b, q.GetScope())
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTexts(b []byte, all []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(all)))
	for _, s := range all {
		b = appendText(b, s)
	}
	return b
}
