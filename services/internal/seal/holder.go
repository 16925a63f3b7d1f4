package seal

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
)

// Kind is what a holder is.
type Kind string

// The kinds of holders. A request is the holder until its subject is verified;
// a conversation's messages are keyed by period.
const (
	Subject      Kind = "subject"
	Request      Kind = "request"
	Agent        Kind = "agent"
	Conversation Kind = "conversation"
)

const refBytes = 16

var period = regexp.MustCompile(`^[a-z0-9]{1,16}$`)

// Holder is whose key it is: a kind and 128 random bits, never anything
// derived from a person. It is comparable and may stand in a subject, a log
// line or a header. The zero value is no holder.
type Holder struct {
	kind   Kind
	ref    string
	period string
}

// NewHolder names a subject, a request or an agent by its reference, 26
// characters as es.NewID makes them.
func NewHolder(kind Kind, ref string) (Holder, error) {
	switch kind {
	case Subject, Request, Agent:
	default:
		return Holder{}, fmt.Errorf("holder kind: %w", ErrInvalid)
	}
	if !validRef(ref) {
		return Holder{}, fmt.Errorf("holder reference: %w", ErrInvalid)
	}
	return Holder{kind: kind, ref: ref}, nil
}

// NewConversation names one period of a conversation, such as "202611".
func NewConversation(ref, during string) (Holder, error) {
	if !validRef(ref) || !period.MatchString(during) {
		return Holder{}, fmt.Errorf("conversation reference or period: %w", ErrInvalid)
	}
	return Holder{kind: Conversation, ref: ref, period: during}, nil
}

// RandomHolder makes a holder with a fresh reference.
func RandomHolder(kind Kind, random io.Reader) (Holder, error) {
	ref, err := es.NewID(random)
	if err != nil {
		return Holder{}, err
	}
	return NewHolder(kind, ref)
}

// ParseHolder reads what String wrote.
func ParseHolder(s string) (Holder, error) {
	kind, rest, _ := strings.Cut(s, "-")
	ref, during, dated := strings.Cut(rest, "-")
	if dated != (Kind(kind) == Conversation) {
		return Holder{}, fmt.Errorf("parse holder: %w", ErrInvalid)
	}
	if dated {
		return NewConversation(ref, during)
	}
	return NewHolder(Kind(kind), ref)
}

// validRef accepts the one spelling of 16 bytes: base32 has others, which
// differ in the two bits that 26 characters hold beyond 128.
func validRef(ref string) bool {
	b, err := es.Encoding.DecodeString(ref)
	return err == nil && len(b) == refBytes && es.Encoding.EncodeToString(b) == ref
}

// Kind is what the holder is.
func (h Holder) Kind() Kind { return h.kind }

// Ref is the holder's random reference.
func (h Holder) Ref() string { return h.ref }

// IsZero reports whether h names nobody.
func (h Holder) IsZero() bool { return h == Holder{} }

// String is the holder as it stands in events and subjects: at most 64
// characters of a-z, 0-9 and dash.
func (h Holder) String() string {
	if h.kind == Conversation {
		return string(h.kind) + "-" + h.ref + "-" + h.period
	}
	return string(h.kind) + "-" + h.ref
}

const classPrefix = "KEY_CLASS_"

// ClassName is the class in lower case, such as "profile"; empty when it is
// not a class.
func ClassName(c sealv1.KeyClass) string {
	full, ok := sealv1.KeyClass_name[int32(c)]
	if !ok || c == sealv1.KeyClass_KEY_CLASS_UNSPECIFIED {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(full, classPrefix))
}

// Classes lists every class.
func Classes() []sealv1.KeyClass {
	var out []sealv1.KeyClass
	for c := sealv1.KeyClass_KEY_CLASS_UNSPECIFIED + 1; ClassName(c) != ""; c++ {
		out = append(out, c)
	}
	return out
}

// KeyID names one data key. It is comparable.
type KeyID struct {
	Tenant string
	Holder Holder
	Class  sealv1.KeyClass
}

// Validate reports ErrInvalid when a part is missing or malformed.
func (id KeyID) Validate() error {
	part := es.Aggregate{Context: "x", Tenant: id.Tenant, Type: "x", ID: "x"}
	if part.Validate() != nil || id.Tenant == es.LogTenant {
		return fmt.Errorf("tenant of a key: %w", ErrInvalid)
	}
	if id.Holder.IsZero() || ClassName(id.Class) == "" {
		return fmt.Errorf("holder or class of a key: %w", ErrInvalid)
	}
	return nil
}
