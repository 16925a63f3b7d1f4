package es

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
)

// Signer signs the commits of one key. Its String prints the key's id alone.
type Signer struct {
	KeyID   string
	private ed25519.PrivateKey
}

// NewSigner makes the signer of an Ed25519 private key.
func NewSigner(private ed25519.PrivateKey) Signer {
	public, _ := private.Public().(ed25519.PublicKey)
	return Signer{KeyID: KeyID(public), private: private}
}

// GenerateSigner makes a signer with a fresh key.
func GenerateSigner(random io.Reader) (Signer, error) {
	_, private, err := ed25519.GenerateKey(random)
	if err != nil {
		return Signer{}, fmt.Errorf("generate signing key: %w", err)
	}
	return NewSigner(private), nil
}

// Public is the signer's public key.
func (s Signer) Public() ed25519.PublicKey {
	public, _ := s.private.Public().(ed25519.PublicKey)
	return public
}

// Private is the signer's private key, for whoever stores it.
func (s Signer) Private() ed25519.PrivateKey { return s.private }

// String prints the key's id and nothing of the key.
func (s Signer) String() string { return s.KeyID }

// GoString is String.
func (s Signer) GoString() string { return s.KeyID }

// KeyID is the id of a public key: the first 16 bytes of its SHA-256.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return Encoding.EncodeToString(sum[:16])
}

func (s Signer) sign(m *Message) {
	m.Header[HeaderKeyID] = s.KeyID
	digest := m.Digest()
	m.Header[HeaderSignature] = base64.RawStdEncoding.EncodeToString(ed25519.Sign(s.private, digest[:]))
}

// Digest is what a signature covers: the subject, the message id, every header
// that a reader may act on, and the digest of the body. The body holds the
// digest of the aggregate's previous commit, so the signature of the last one
// vouches for all before it, headers included.
func (m Message) Digest() Hash {
	h := sha256.New()
	_, _ = io.WriteString(h, "habeas-commit/v1\n")
	for _, s := range [...]string{
		m.Subject, m.ID, m.Header[HeaderTypes], m.Header[HeaderSchema],
		m.Header[HeaderCorrelation], m.Header[HeaderCausation], m.Header[HeaderKeyID],
	} {
		writeLP(h, []byte(s))
	}
	body := sha256.Sum256(m.Data)
	writeLP(h, body[:])
	return Hash(h.Sum(nil))
}

// verify reports whether public made the message's signature.
func verify(m Message, public ed25519.PublicKey) bool {
	sig, err := base64.RawStdEncoding.DecodeString(m.Header[HeaderSignature])
	digest := m.Digest()
	return err == nil && len(public) == ed25519.PublicKeySize && ed25519.Verify(public, digest[:], sig)
}
