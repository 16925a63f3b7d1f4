package kek

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"habeas.internal/services/internal/seal/kms"
)

const secretSize = 32

func fresh() ([]byte, error) {
	secret := make([]byte, secretSize)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return secret, nil
}

func (k *Keeper) aead(ctx context.Context, p Partition, epoch uint64) (kms.AEAD, error) {
	aead, err := k.cfg.KMS.AEAD(ctx, p.ref(epoch))
	if err != nil {
		return nil, fmt.Errorf("get key-encryption key %s: %w", p.ref(epoch), err)
	}
	return aead, nil
}

// wrap writes the secret into the slot, under the KEK of an epoch.
func wrap(ctx context.Context, aead kms.AEAD, slot Slot, epoch uint64, secret []byte) error {
	wrapped, err := aead.EncryptWithContext(ctx, secret, slot.AAD)
	if err != nil {
		return fmt.Errorf("wrap secret: %w", err)
	}
	commit := slot.Digest(secret)
	*slot.Wrapped, *slot.Commit, *slot.Epoch = wrapped, commit[:], epoch
	return nil
}

func (k *Keeper) unwrap(ctx context.Context, p Partition, slot Slot) ([]byte, error) {
	aead, err := k.aead(ctx, p, *slot.Epoch)
	if err != nil {
		return nil, err
	}
	return unwrap(ctx, aead, slot)
}

// unwrap opens the slot and compares the commitment.
func unwrap(ctx context.Context, aead kms.AEAD, slot Slot) ([]byte, error) {
	secret, err := aead.DecryptWithContext(ctx, *slot.Wrapped, slot.AAD)
	if errors.Is(err, kms.ErrUndecryptable) {
		return nil, fmt.Errorf("unwrap secret: %w: %w", ErrMismatch, err)
	}
	if err != nil {
		return nil, fmt.Errorf("unwrap secret: %w", err)
	}
	if commit := slot.Digest(secret); string(commit[:]) != string(*slot.Commit) {
		clear(secret)
		return nil, fmt.Errorf("compare commitment: %w", ErrMismatch)
	}
	return secret, nil
}
