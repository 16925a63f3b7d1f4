// Package drp reads and writes the signed requests of authorised agents, in the
// form of the Data Rights Protocol 1.0: the standard base64 of an Ed25519
// signature and, right after it, of the JSON that it signs. Nothing is known of a
// message before its signature is checked with a key that the message did not
// bring; until then its fields are only what somebody says.
//
// The reader is stricter than the protocol: a key that it does not know or that
// comes twice, text that is not UTF-8, bytes after the end, a moment without a
// zone and a message without an id of its own are refused.
package drp

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxBytes is how long the JSON of a message may be.
const MaxBytes = 64 << 10

// MaxText is how long a message may be as it is sent.
const MaxText = (MaxBytes + ed25519.SignatureSize + 2) / 3 * 4

// Version is the protocol's version that is spoken here.
const Version = "1.0"

// What agents ask, in the protocol's words.
const (
	Access           = "access"
	AccessCategories = "access:categories"
	AccessSpecific   = "access:specific"
	Deletion         = "deletion"
	OptOut           = "sale:opt-out"
	OptIn            = "sale:opt-in"
)

// Signed is a message of which nothing is known yet.
type Signed struct {
	signature []byte
	body      []byte
}

// Open takes a message apart.
func Open(text string) (Signed, error) {
	if len(text) > MaxText {
		return Signed{}, Malformed{Rule: "SIZE", Text: "is longer than 64 KiB"}
	}
	if strings.ContainsAny(text, "\r\n") {
		return Signed{}, Malformed{Rule: "BASE64", Text: "is not one line of standard base64"}
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return Signed{}, Malformed{Rule: "BASE64", Text: "is not one line of standard base64"}
	}
	if len(raw) <= ed25519.SignatureSize {
		return Signed{}, Malformed{Rule: "SIZE", Text: "has no signature, or nothing after it"}
	}
	if len(raw) > ed25519.SignatureSize+MaxBytes {
		return Signed{}, Malformed{Rule: "SIZE", Text: "is longer than 64 KiB"}
	}
	return Signed{signature: raw[:ed25519.SignatureSize], body: raw[ed25519.SignatureSize:]}, nil
}

// By reports whether the holder of a key has signed the message.
func (s Signed) By(public []byte) bool {
	return len(public) == ed25519.PublicKeySize && len(s.body) > 0 && ed25519.Verify(public, s.body, s.signature)
}

// Bytes are the signature and what it signs.
func (s Signed) Bytes() []byte { return append(append([]byte{}, s.signature...), s.body...) }

// Seal signs a request's JSON and gives the message, as an agent does.
func Seal(key ed25519.PrivateKey, body []byte) string {
	return base64.StdEncoding.EncodeToString(append(ed25519.Sign(key, body), body...))
}

// ErrKey says that a public key is none, or one under which anybody can sign.
var ErrKey = errors.New("not a usable Ed25519 public key")

// weakTries is how many messages a weak key is tried with: one of small order
// takes the same signature for one in eight of all messages, at least.
const weakTries = 256

// CheckKey refuses what is no public key, and the few points of small order: a
// signature that needs no private key would be theirs.
func CheckKey(public []byte) error {
	if len(public) != ed25519.PublicKeySize {
		return ErrKey
	}
	forged := make([]byte, ed25519.SignatureSize)
	forged[0] = 1 // the neutral element, and zero
	for i := range weakTries {
		if ed25519.Verify(public, fmt.Append(nil, i), forged) {
			return ErrKey
		}
	}
	return nil
}

// Request is what an agent says.
type Request struct {
	AgentID, BusinessID string
	// RequestID is the agent's own; with the agent's id it names the message for
	// good. Here it must be there.
	RequestID           string
	IssuedAt, ExpiresAt time.Time
	Exercise, Regime    string
	Relationships       []string
	// StatusCallback is where the agent would be told. Nobody calls it.
	StatusCallback                               string
	Name, Email, PhoneNumber                     string
	EmailVerified, PhoneVerified, AddressClaimed bool
	AddressVerified                              bool
	PowerOfAttorney                              string
}

// Verified reports whether the agent says that it has verified the e-mail
// address or telephone number by which it names the person.
func (r Request) Verified() bool {
	return r.Email != "" && r.EmailVerified || r.PhoneNumber != "" && r.PhoneVerified
}

// Malformed says what is wrong with a message, and where. It never holds a value.
type Malformed struct {
	Field string // of the JSON; empty for the message itself
	Rule  string
	Text  string
}

// Error names field and rule.
func (m Malformed) Error() string { return "agent's message: " + m.Field + " " + m.Rule }
