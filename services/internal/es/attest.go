package es

import (
	"crypto/ed25519"
	"crypto/sha256"
	"io"
)

// Attest signs data that is no commit. The label says what it is, so that no
// signature passes for one of something else.
func (s Signer) Attest(label string, data []byte) []byte {
	return ed25519.Sign(s.private, attestation(label, data))
}

// Attested reports whether a key made the signature of data under a label.
func Attested(public ed25519.PublicKey, label string, data, signature []byte) bool {
	return len(public) == ed25519.PublicKeySize && ed25519.Verify(public, attestation(label, data), signature)
}

func attestation(label string, data []byte) []byte {
	h := sha256.New()
	_, _ = io.WriteString(h, "habeas-attestation/v1\n")
	writeLP(h, []byte(label))
	writeLP(h, data)
	return h.Sum(nil)
}
