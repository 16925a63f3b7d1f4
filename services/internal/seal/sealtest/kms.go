package sealtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"habeas.internal/services/internal/seal/kms"
)

// KMS is a key store in memory that, other than a real one, forgets what it has
// destroyed and makes it again: what relies on the real ones is tested with
// kms.File. The zero value is empty and ready.
type KMS struct {
	mu   sync.Mutex
	keks map[kms.Ref][]byte
}

// Create is part of kms.Store.
func (k *KMS) Create(_ context.Context, ref kms.Ref) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.keks[ref]; ok {
		return nil
	}
	kek := make([]byte, 32)
	if _, err := rand.Read(kek); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	if k.keks == nil {
		k.keks = map[kms.Ref][]byte{}
	}
	k.keks[ref] = kek
	return nil
}

// AEAD is part of kms.Store.
func (k *KMS) AEAD(_ context.Context, ref kms.Ref) (kms.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kek, ok := k.keks[ref]
	if !ok {
		return nil, kms.ErrNoKEK
	}
	return kms.Local(kek)
}

// Destroy is part of kms.Store.
func (k *KMS) Destroy(_ context.Context, ref kms.Ref) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.keks, ref)
	return "memory:" + ref.String(), nil
}

// List is part of kms.Store.
func (k *KMS) List(context.Context) ([]kms.Ref, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []kms.Ref
	for ref := range k.keks {
		out = append(out, ref)
	}
	return out, nil
}
