package rpc

import (
	"strings"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/identifier"
	"habeas.internal/services/internal/rpc/fault"
)

// spelled is an identifier in the one spelling that identity registers. What it
// would refuse is refused here: nobody can be known by it, and no message goes
// to it.
func spelled(id *identityv1.Identifier) (string, error) {
	text := strings.TrimSpace(id.GetValue())
	rule, why, ok := "OPAQUE", "must hold printable characters only", false
	switch id.GetKind() {
	case identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL:
		text, ok = identifier.Email(text)
		rule, why = "EMAIL", "must be an e-mail address alone, of ASCII letters; its domain may be international"
	case identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE:
		text, ok = identifier.Phone(text)
		rule, why = "PHONE", "must be a telephone number with its country: + and 8 to 15 digits"
	default:
		ok = identifier.Opaque(text)
	}
	if !ok {
		return "", fault.FieldErrors{{Field: "identifier.value", Rule: rule, Text: why}}
	}
	return text, nil
}
