// Package kms holds the keys that wrap keys: one KEK for each tenant,
// partition and epoch. Only identityd links it with the right to use it.
//
// A wrapped key may survive its deletion in a file system, a raft log or a
// backup. What makes such a residue useless is the destruction of the KEK, so
// a KEK has no copy and no backup besides those of the key store itself.
package kms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

var (
	// ErrNoKEK means: there is no such KEK. Whether it never was, was destroyed or
	// is lost, the vault's epoch row says.
	ErrNoKEK = errors.New("no such key-encryption key")
	// ErrUndecryptable means: what was given was not wrapped by this KEK for this
	// purpose.
	ErrUndecryptable = errors.New("wrapped key does not open")
	// ErrDamaged means: the KEK is there but is not what was stored.
	ErrDamaged = errors.New("key-encryption key is damaged")
	// ErrReference means: the reference is malformed.
	ErrReference = errors.New("key-encryption key reference is malformed")
	// ErrDestroyed means: this KEK, or a later one of its partition, was destroyed,
	// and none is made in its place. The error is a *Destroyed.
	ErrDestroyed = errors.New("key-encryption key was destroyed")
	// ErrUnavailable means: the key store does not answer, or is sealed. Nothing is
	// known of the KEK; ask again later.
	ErrUnavailable = errors.New("key store is not available")
	// ErrRefused means: the key store does not let this process do that.
	ErrRefused = errors.New("key store refuses this process")
)

// Destroyed says up to which epoch a partition's KEKs are gone. It matches
// ErrDestroyed.
type Destroyed struct{ Through uint64 }

// Error names the epoch.
func (d *Destroyed) Error() string {
	return fmt.Sprintf("key-encryption keys through epoch %d were destroyed", d.Through)
}

// Is matches ErrDestroyed.
func (d *Destroyed) Is(target error) bool { return target == ErrDestroyed }

// Ref names one KEK.
type Ref struct {
	Tenant    string
	Partition string // two lower-case hex digits
	Epoch     uint64 // from 1
}

// String is the reference in words.
func (r Ref) String() string { return fmt.Sprintf("%s/%s/%d", r.Tenant, r.Partition, r.Epoch) }

// compareRefs sorts references.
func compareRefs(a, b Ref) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Epoch, b.Epoch))
}

// AEAD wraps and unwraps under one KEK. Its methods are those of Tink's
// interface of the same purpose, so that Tink's adapters for cloud key stores
// serve as they are.
type AEAD interface {
	EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) ([]byte, error)
	DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) ([]byte, error)
}

// Store makes, uses and destroys KEKs. Its methods may be called from several
// goroutines and processes. A store that is reached over a network may also
// return ErrUnavailable and ErrRefused.
type Store interface {
	// Create makes the KEK unless it exists. When it returns nil, the KEK
	// survives a loss of power. What was destroyed is never made again: that
	// is a *Destroyed error.
	Create(ctx context.Context, ref Ref) error
	// AEAD gives the use of an existing KEK. It is for now: ask again for the
	// next operation. ErrNoKEK comes from here or from its first use.
	AEAD(ctx context.Context, ref Ref) (AEAD, error)
	// Destroy ends the KEK and all earlier ones of its partition, and returns
	// the store's own reference of the act. Destroying what is not there is a
	// success with the same reference.
	Destroy(ctx context.Context, ref Ref) (reference string, err error)
	// List names every KEK that can be used.
	List(ctx context.Context) ([]Ref, error)
}
