package kms

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
)

// ErrHalf means: a region lacks this KEK, so that what it wrapped now would
// not survive the loss of another. The partition has to be rotated.
var ErrHalf = errors.New("a region lacks this key-encryption key")

// Regions is several key stores that know nothing of each other, each with a
// KEK of its own for every reference. What is wrapped is wrapped under all of
// them, and any one opens it: a store that is lost for good takes nothing
// along. Nothing is wrapped, made or destroyed while one of them is away.
//
// A single store wraps as it does alone, and still opens what several wrapped.
type Regions struct{ stores []Store }

// NewRegions joins stores; their order matters to nothing but speed, since the
// first one is asked first.
func NewRegions(stores ...Store) (*Regions, error) {
	if len(stores) == 0 || slices.Contains(stores, nil) {
		return nil, errors.New("regions of key stores: configuration is incomplete")
	}
	return &Regions{stores: stores}, nil
}

// Create is part of Store. What one region has destroyed, all have.
func (r *Regions) Create(ctx context.Context, ref Ref) error {
	for _, s := range r.stores {
		err := s.Create(ctx, ref)
		var gone *Destroyed
		if errors.As(err, &gone) {
			ref.Epoch = gone.Through
			if _, err := r.Destroy(ctx, ref); err != nil {
				return err
			}
			return gone
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Destroy is part of Store.
func (r *Regions) Destroy(ctx context.Context, ref Ref) (string, error) {
	var references []string
	for _, s := range r.stores {
		reference, err := s.Destroy(ctx, ref)
		if err != nil {
			return "", err
		}
		references = append(references, reference)
	}
	return strings.Join(references, "+"), nil
}

// List is part of Store: what any region has.
func (r *Regions) List(ctx context.Context) ([]Ref, error) {
	var out []Ref
	seen := map[Ref]bool{}
	for _, s := range r.stores {
		refs, err := s.List(ctx)
		if err != nil {
			return nil, err
		}
		for _, ref := range refs {
			if !seen[ref] {
				seen[ref], out = true, append(out, ref)
			}
		}
	}
	return out, nil
}

// AEAD is part of Store.
func (r *Regions) AEAD(ctx context.Context, ref Ref) (AEAD, error) {
	out := regional{aeads: make([]AEAD, len(r.stores)), errs: make([]error, len(r.stores))}
	for i, s := range r.stores {
		out.aeads[i], out.errs[i] = s.AEAD(ctx, ref)
	}
	if slices.Contains(out.errs, nil) {
		return out, nil
	}
	return nil, worst(out.errs)
}

// Whole reports whether every region can wrap under this KEK.
func (r *Regions) Whole(ctx context.Context, ref Ref) (bool, error) {
	for _, s := range r.stores {
		aead, err := s.AEAD(ctx, ref)
		if err == nil {
			_, err = aead.EncryptWithContext(ctx, []byte{0}, []byte("habeas-whole/v1"))
		}
		if errors.Is(err, ErrNoKEK) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// Covered reports whether what was wrapped under a KEK opens in every region.
func (r *Regions) Covered(ctx context.Context, ref Ref, wrapped, associatedData []byte) (bool, error) {
	for _, s := range r.stores {
		one := Regions{stores: []Store{s}}
		aead, err := one.AEAD(ctx, ref)
		if err == nil {
			var secret []byte
			secret, err = aead.DecryptWithContext(ctx, wrapped, associatedData)
			clear(secret)
		}
		if errors.Is(err, ErrNoKEK) || errors.Is(err, ErrUndecryptable) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// regional wraps under all regions and opens by any.
type regional struct {
	aeads []AEAD // nil where errs says why
	errs  []error
}

// EncryptWithContext is part of AEAD.
func (r regional) EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) ([]byte, error) {
	var boxes [][]byte
	errs := slices.Clone(r.errs)
	for i, a := range r.aeads {
		if errs[i] != nil {
			continue
		}
		var box []byte
		if box, errs[i] = a.EncryptWithContext(ctx, plaintext, associatedData); errs[i] == nil {
			boxes = append(boxes, box)
		}
	}
	switch err := worst(errs); {
	case err == nil:
		return join(boxes), nil
	case len(boxes) > 0 && errors.Is(err, ErrNoKEK):
		return nil, ErrHalf
	default:
		return nil, err
	}
}

// DecryptWithContext is part of AEAD.
func (r regional) DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	boxes, errs := parts(ciphertext), slices.Clone(r.errs)
	for _, own := range []bool{true, false} { // each region's own box first
		for i, a := range r.aeads {
			for j, box := range boxes {
				if r.errs[i] != nil || own != (i == j) {
					continue
				}
				plaintext, err := a.DecryptWithContext(ctx, box, associatedData)
				if err == nil {
					return plaintext, nil
				}
				errs = append(errs, err)
			}
		}
	}
	return nil, worst(errs)
}

// worst is what several regions' errors come to: what is not known outweighs
// what does not open, and that a KEK that is not there.
func worst(errs []error) error {
	var found error
	for _, kind := range []error{ErrNoKEK, ErrUndecryptable} {
		for _, err := range errs {
			if errors.Is(err, kind) {
				found = err
			}
		}
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, ErrNoKEK) && !errors.Is(err, ErrUndecryptable) {
			return err
		}
	}
	return found
}

// boxesMark begins what several regions wrapped, each box behind its length. A
// store's own box begins so by chance once in 2^64 times.
const boxesMark = "hbkeks\x00\x01"

func join(boxes [][]byte) []byte {
	if len(boxes) == 1 {
		return boxes[0]
	}
	out := []byte(boxesMark)
	for _, box := range boxes {
		out = binary.BigEndian.AppendUint16(out, uint16(len(box)))
		out = append(out, box...)
	}
	return out
}

func parts(wrapped []byte) [][]byte {
	rest, several := bytes.CutPrefix(wrapped, []byte(boxesMark))
	var out [][]byte
	for several && len(rest) > 2 {
		n := int(binary.BigEndian.Uint16(rest))
		if rest = rest[2:]; n > len(rest) {
			return [][]byte{wrapped}
		}
		out, rest = append(out, rest[:n]), rest[n:]
	}
	if len(out) == 0 || len(rest) > 0 {
		return [][]byte{wrapped}
	}
	return out
}
