// Package eventpbtest stands in for the key service in tests of one service.
package eventpbtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal"
)

// Keys makes a key for each holder and class and keeps it until it is
// destroyed. It seals and opens as the key cache does. The zero value is ready;
// its methods may be called from several goroutines.
type Keys struct {
	mu        sync.Mutex
	keys      map[seal.KeyID]*seal.Key
	destroyed map[seal.KeyID]bool
}

// Seal seals under the key of id.
func (k *Keys) Seal(_ context.Context, _ string, id seal.KeyID, f seal.Field, plaintext []byte) (*sealv1.Sealed, error) {
	key, err := k.key(id, true)
	if err != nil {
		return nil, err
	}
	return key.Seal(f, rand.Reader, plaintext)
}

// Open opens what was sealed, or is seal.ErrErased once its key is destroyed.
func (k *Keys) Open(_ context.Context, _ string, f seal.Field, s *sealv1.Sealed) ([]byte, error) {
	h, err := seal.Parse(s)
	if err != nil {
		return nil, err
	}
	key, err := k.key(h.KeyID(f.Tenant), false)
	if err != nil {
		return nil, err
	}
	return key.Open(f, s)
}

// Destroy ends a key.
func (k *Keys) Destroy(id seal.KeyID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.destroyed == nil {
		k.destroyed = map[seal.KeyID]bool{}
	}
	k.destroyed[id] = true
	delete(k.keys, id)
}

func (k *Keys) key(id seal.KeyID, create bool) (*seal.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.destroyed[id] {
		return nil, seal.ErrErased
	}
	if key := k.keys[id]; key != nil {
		return key, nil
	}
	if !create {
		return nil, fmt.Errorf("open: %w", seal.ErrErased)
	}
	material := make([]byte, seal.KeySize)
	if _, err := rand.Read(material); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	key, err := seal.NewKey(id, 1, material)
	if err != nil {
		return nil, err
	}
	if k.keys == nil {
		k.keys = map[seal.KeyID]*seal.Key{}
	}
	k.keys[id] = key
	return key, nil
}
