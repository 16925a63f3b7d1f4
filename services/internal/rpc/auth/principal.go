package auth

import (
	"strings"
	"time"
)

// Principal is who calls, as far as credentials prove it. The zero value is
// nobody and may do nothing.
type Principal struct {
	// Tenant is the world the caller acts in. It comes from credentials only.
	Tenant string
	// Subject is the pseudonym of the person or client that the token names;
	// empty when a service calls for itself.
	Subject string
	// Service is the name in the caller's certificate; empty for callers
	// without one. With a Subject, the service calls for that person.
	Service string
	// Roles is what the caller may act as.
	Roles Roles
	// StepUpAt is when the person last proved themselves by a stronger means;
	// zero if the token does not say so.
	StepUpAt time.Time
	// TokenID is the token's jti; empty without one.
	TokenID string
	// Certificate is the SHA-256 of the one certificate that the token may come
	// with, in base64url (RFC 8705); empty if it is not bound to any.
	Certificate string
	// Expires is when the token ends; zero without a token.
	Expires time.Time
}

// ValidTenant reports whether id can name a tenant: 1 to 64 small letters,
// digits, hyphens and underscores, not starting with an underscore. Ids that
// start with one belong to the system.
func ValidTenant(id string) bool {
	return len(id) >= 1 && len(id) <= 64 && id[0] != '_' && only(id, tenantLetters)
}

// validSubject accepts what identity providers give as opaque subjects. It
// refuses the form of an e-mail address, of names with spaces, and control
// characters.
func validSubject(id string) bool {
	return len(id) >= 1 && len(id) <= 128 && only(id, subjectLetters)
}

const (
	smallAndDigits = "abcdefghijklmnopqrstuvwxyz0123456789"
	tenantLetters  = smallAndDigits + "-_"
	subjectLetters = tenantLetters + "ABCDEFGHIJKLMNOPQRSTUVWXYZ.:|=/+"
)

func only(text, letters string) bool {
	for i := range len(text) {
		if strings.IndexByte(letters, text[i]) < 0 {
			return false
		}
	}
	return true
}
