package kms

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
)

// local wraps with AES-256-GCM under a key that this process holds: a wrapped
// key of 32 bytes takes 60.
type local struct{ gcm cipher.AEAD }

// Local is the AEAD of a KEK of 32 bytes.
func Local(kek []byte) (AEAD, error) {
	block, err := aes.NewCipher(kek)
	if err != nil || len(kek) != kekSize {
		return nil, ErrDamaged
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return local{gcm}, nil
}

// EncryptWithContext is part of AEAD.
func (l local) EncryptWithContext(_ context.Context, plaintext, associatedData []byte) ([]byte, error) {
	nonce := make([]byte, l.gcm.NonceSize(), l.gcm.NonceSize()+len(plaintext)+l.gcm.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return l.gcm.Seal(nonce, nonce, plaintext, associatedData), nil
}

// DecryptWithContext is part of AEAD.
func (l local) DecryptWithContext(_ context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	n := l.gcm.NonceSize()
	if len(ciphertext) < n {
		return nil, ErrUndecryptable
	}
	plaintext, err := l.gcm.Open(nil, ciphertext[:n], ciphertext[n:], associatedData)
	if err != nil {
		return nil, ErrUndecryptable
	}
	return plaintext, nil
}
