package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
)

const (
	boxVersion  = 0x01
	nonceSize   = 12
	tagSize     = 16
	headerSize  = 1 + 1 + 4
	padStep     = 32
	padMark     = 0x80
	fieldLabel  = "habeas-field/v1"
	maxFieldLen = 255
)

var (
	fieldPath = regexp.MustCompile(`^[a-z][a-z0-9_]*(\[[0-9]{1,9}\])?(\.[a-z][a-z0-9_]*(\[[0-9]{1,9}\])?)*$`)
	eventID   = regexp.MustCompile(`^[a-z2-7]{26}-(0|[1-9][0-9]{0,8})$`)
)

// Field is the place of a box: one field of one event. All parts are random
// references or names from the contract.
type Field struct {
	Tenant        string
	Context       string
	AggregateType string
	AggregateID   string
	EventID       string // es.EventID: the commit's id, a dash, the event's index
	Path          string // proto names with indexes: "name", "addresses[2].line"
}

func (f Field) validate() error {
	for _, part := range []string{f.Tenant, f.Context, f.AggregateType, f.AggregateID} {
		if part == "" || len(part) > maxFieldLen {
			return fmt.Errorf("field of a box: %w", ErrInvalid)
		}
	}
	if !eventID.MatchString(f.EventID) || len(f.Path) > maxFieldLen || !fieldPath.MatchString(f.Path) {
		return fmt.Errorf("event id or path of a box: %w", ErrInvalid)
	}
	return nil
}

// aad is the associated data of a box in place f under key k. Each part is
// preceded by its length, so that no two places have the same bytes.
func (k *Key) aad(f Field) []byte {
	out := []byte(fieldLabel)
	for _, part := range []string{
		f.Tenant, f.Context, f.AggregateType, f.AggregateID, f.EventID, f.Path, k.id.Holder.String(),
	} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	out = append(out, byte(k.id.Class))
	return binary.BigEndian.AppendUint32(out, k.version)
}

// Seal makes the box of plaintext in place f. The random source is read for
// the nonce; give crypto/rand's.
func (k *Key) Seal(f Field, random io.Reader, plaintext []byte) (*sealv1.Sealed, error) {
	if err := k.check(f); err != nil {
		return nil, err
	}
	box := make([]byte, headerSize+nonceSize, headerSize+nonceSize+len(plaintext)+padStep+tagSize)
	box[0], box[1] = boxVersion, byte(k.id.Class)
	binary.BigEndian.PutUint32(box[2:], k.version)
	nonce := box[headerSize:]
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, fmt.Errorf("read nonce: %w", err)
	}
	padded := pad(plaintext)
	defer clear(padded)
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.aead == nil {
		return nil, ErrDropped
	}
	return &sealv1.Sealed{
		Holder:    []byte(k.id.Holder.String()),
		KeyCommit: bytes.Clone(k.commit[:]),
		Box:       k.aead.Seal(box, nonce, padded, k.aad(f)),
	}, nil
}

// Open returns the plaintext of a box that stands in place f.
func (k *Key) Open(f Field, s *sealv1.Sealed) ([]byte, error) {
	if err := k.check(f); err != nil {
		return nil, err
	}
	h, err := Parse(s)
	if err != nil {
		return nil, err
	}
	if h.Holder != k.id.Holder || h.Class != k.id.Class || h.Version != k.version || h.Commit != k.commit {
		return nil, ErrWrongKey
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.aead == nil {
		return nil, ErrDropped
	}
	box := s.GetBox()
	padded, err := k.aead.Open(nil, box[headerSize:headerSize+nonceSize], box[headerSize+nonceSize:], k.aad(f))
	if err != nil {
		return nil, ErrCorrupt // the cause says nothing more, by design
	}
	return unpad(padded)
}

func (k *Key) check(f Field) error {
	if err := f.validate(); err != nil {
		return err
	}
	if f.Tenant != k.id.Tenant {
		return fmt.Errorf("tenant of the field: %w", ErrWrongKey)
	}
	return nil
}

// Header says which key a box needs.
type Header struct {
	Holder  Holder
	Class   sealv1.KeyClass
	Version uint32
	Commit  [sha256.Size]byte
}

// KeyID is the key that the box needs, in the tenant that it belongs to.
func (h Header) KeyID(tenant string) KeyID {
	return KeyID{Tenant: tenant, Holder: h.Holder, Class: h.Class}
}

// Parse reads what a box says about its key and checks its shape. What it
// returns is not authenticated before Open.
func Parse(s *sealv1.Sealed) (Header, error) {
	box := s.GetBox()
	body := len(box) - headerSize - nonceSize - tagSize
	if body < padStep || body%padStep != 0 || box[0] != boxVersion || len(s.GetKeyCommit()) != sha256.Size {
		return Header{}, fmt.Errorf("parse box: %w", ErrCorrupt)
	}
	holder, err := ParseHolder(string(s.GetHolder()))
	h := Header{Holder: holder, Class: sealv1.KeyClass(box[1]), Version: binary.BigEndian.Uint32(box[2:])}
	if err != nil || ClassName(h.Class) == "" || h.Version == 0 {
		return Header{}, fmt.Errorf("parse box: %w", ErrCorrupt)
	}
	copy(h.Commit[:], s.GetKeyCommit())
	return h, nil
}

// pad appends 0x80 and then zeros up to the next step (ISO 7816-4).
func pad(b []byte) []byte {
	out := make([]byte, (len(b)/padStep+1)*padStep)
	copy(out, b)
	out[len(b)] = padMark
	return out
}

func unpad(b []byte) ([]byte, error) {
	for i := len(b) - 1; i >= 0 && i >= len(b)-padStep; i-- {
		if b[i] == padMark {
			return b[:i], nil
		}
		if b[i] != 0 {
			break
		}
	}
	return nil, fmt.Errorf("padding: %w", ErrCorrupt)
}
