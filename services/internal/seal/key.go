package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// KeySize is the length of a data key in bytes.
const KeySize = 32

const (
	commitLabel = "habeas-key-commit/v1\n"
	encLabel    = "habeas/v1 enc|"
	redacted    = "[redacted]"
)

// Key is a data key in clear. It may be used by several goroutines. Destroy
// ends it: what runs finishes, whatever comes later gets ErrDropped.
type Key struct {
	id      KeyID
	version uint32
	commit  [sha256.Size]byte

	mu   sync.RWMutex
	dek  []byte      // nil once destroyed
	aead cipher.AEAD // under a key derived from dek
}

// NewKey makes a key of its 32 bytes, which it copies.
func NewKey(id KeyID, version uint32, dek []byte) (*Key, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if len(dek) != KeySize || version == 0 {
		return nil, fmt.Errorf("length or version of a key: %w", ErrInvalid)
	}
	aead, err := newAEAD(dek, ClassName(id.Class))
	if err != nil {
		return nil, err
	}
	k := &Key{id: id, version: version, commit: Commitment(dek), aead: aead}
	k.dek = append(k.dek, dek...)
	return k, nil
}

// GenerateKey makes a key of fresh random bytes. It is never derived from
// anything: what can be derived can't be destroyed.
func GenerateKey(id KeyID, version uint32, random io.Reader) (*Key, error) {
	var dek [KeySize]byte
	defer clear(dek[:])
	if _, err := io.ReadFull(random, dek[:]); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return NewKey(id, version, dek[:])
}

func newAEAD(dek []byte, class string) (cipher.AEAD, error) {
	enc, err := hkdf.Key(sha256.New, dek, nil, encLabel+class, KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	defer clear(enc)
	block, err := aes.NewCipher(enc)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return aead, nil
}

// Commitment binds a box to its key without telling anything of it.
func Commitment(dek []byte) [sha256.Size]byte {
	h := sha256.New()
	_, _ = io.WriteString(h, commitLabel)
	_, _ = h.Write(dek)
	var out [sha256.Size]byte
	h.Sum(out[:0])
	return out
}

// ID names the key.
func (k *Key) ID() KeyID { return k.id }

// Version is the key's version, from 1.
func (k *Key) Version() uint32 { return k.version }

// Commit is the key's commitment, which stands beside every box.
func (k *Key) Commit() [sha256.Size]byte { return k.commit }

// Material is a copy of the key's bytes, for wrapping and for handing the key
// to a service over an authenticated channel. Clear it after use.
func (k *Key) Material() ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.dek == nil {
		return nil, ErrDropped
	}
	return append([]byte(nil), k.dek...), nil
}

// Destroy zeroes the key and returns when no use of it is running. It may be
// called again. The expanded cipher is dropped, not zeroed: the standard
// library keeps it out of reach until the collector takes it.
func (k *Key) Destroy() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.dek)
	k.dek, k.aead = nil, nil
}

// String hides the key.
func (k *Key) String() string { return redacted }

// GoString hides the key from %#v.
func (k *Key) GoString() string { return redacted }

// LogValue hides the key from slog.
func (k *Key) LogValue() slog.Value { return slog.StringValue(redacted) }
