package kms

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sync"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/proto"
)

// Root is a key in a cloud's key store, which wraps KEKs and never leaves it.
type Root struct {
	Name string // its address; stands beside what it wraps
	AEAD AEAD   // Tink's adapter
}

// Rooted keeps KEKs in rows of the vault, wrapped by a root key of a cloud's
// key store: those stores can't destroy one version at a time, or not in time,
// and bill by the key. What is destroyed leaves its row at once; copies of the
// row open until the root key that wrapped them is destroyed. So change the
// root key from time to time: name the new one first and the old one behind
// it, wait until Settle has moved everything, and destroy the old one.
type Rooted struct {
	rows  rows.Store
	name  string
	roots []Root // the first one wraps

	mu     sync.Mutex
	opened map[Ref]opened // KEKs in clear, each as long as its row holds it
}

// opened is a KEK that was unwrapped.
type opened struct {
	wrapped []byte // what it was unwrapped from
	aead    AEAD
}

// NewRooted keeps KEKs under the first root, and opens those of the others. Two
// such stores on the same rows are told apart by their names, which never
// change: one token of a-z, 0-9 and dash.
func NewRooted(store rows.Store, name string, roots ...Root) (*Rooted, error) {
	missing := func(r Root) bool { return r.Name == "" || r.AEAD == nil }
	if store == nil || !regionName.MatchString(name) || len(roots) == 0 || slices.ContainsFunc(roots, missing) {
		return nil, errors.New("key store under a root key: configuration is incomplete")
	}
	return &Rooted{rows: store, name: name, roots: roots, opened: map[Ref]opened{}}, nil
}

const (
	kekKind  = "kek"
	kekLabel = "habeas-kek/v1"
	kekTries = 64
)

var regionName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

func (s *Rooted) subject(ref Ref) string {
	return rows.VaultSubject(ref.Partition, kekKind, ref.Tenant, s.name)
}

// aad binds a wrapped KEK to what it is for.
func (r Ref) aad() []byte {
	out := []byte(kekLabel)
	for _, part := range []string{r.Tenant, r.Partition} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return binary.BigEndian.AppendUint64(out, r.Epoch)
}

// errRow: a row of KEKs is not what its name says.
var errRow = fmt.Errorf("row of key-encryption keys: %w", ErrDamaged)

// load reads the partition's row; one that is not there is empty.
func (s *Rooted) load(ctx context.Context, ref Ref) (*sealv1.KekRow, uint64, error) {
	row, err := s.rows.Get(ctx, s.subject(ref))
	if errors.Is(err, rows.ErrNotFound) {
		return &sealv1.KekRow{Tenant: ref.Tenant, Partition: ref.Partition, Region: s.name}, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read row of key-encryption keys: %w", err)
	}
	k, err := s.decode(row)
	return k, row.Rev, err
}

func (s *Rooted) decode(row rows.Row) (*sealv1.KekRow, error) {
	k := new(sealv1.KekRow)
	if proto.Unmarshal(row.Value, k) != nil || k.GetRegion() != s.name ||
		s.subject(Ref{Tenant: k.GetTenant(), Partition: k.GetPartition()}) != row.Subject {
		return nil, errRow
	}
	return k, nil
}

// change writes a partition's row as do has it; do returns false where there
// is nothing to write.
func (s *Rooted) change(ctx context.Context, ref Ref, do func(*sealv1.KekRow) (bool, error)) error {
	for range kekTries {
		k, rev, err := s.load(ctx, ref)
		if err != nil {
			return err
		}
		if write, err := do(k); err != nil || !write {
			return err
		}
		value, err := proto.Marshal(k)
		if err != nil {
			return fmt.Errorf("encode row of key-encryption keys: %w", err)
		}
		if _, err = s.rows.Put(ctx, s.subject(ref), value, rev); !errors.Is(err, rows.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("write row of key-encryption keys: %w", rows.ErrConflict)
}

func find(k *sealv1.KekRow, epoch uint64) *sealv1.WrappedKek {
	i := slices.IndexFunc(k.GetKeks(), func(w *sealv1.WrappedKek) bool { return w.GetEpoch() == epoch })
	if i < 0 {
		return nil
	}
	return k.GetKeks()[i]
}

// Create is part of Store.
func (s *Rooted) Create(ctx context.Context, ref Ref) error {
	return s.change(ctx, ref, func(k *sealv1.KekRow) (bool, error) {
		if ref.Epoch <= k.GetDestroyed() {
			return false, &Destroyed{Through: k.GetDestroyed()}
		}
		if find(k, ref.Epoch) != nil {
			return false, nil
		}
		kek := make([]byte, kekSize)
		defer clear(kek)
		if _, err := io.ReadFull(rand.Reader, kek); err != nil {
			return false, fmt.Errorf("read randomness: %w", err)
		}
		wrapped, err := s.wrap(ctx, ref, kek)
		if err != nil {
			return false, err
		}
		k.Keks = append(k.Keks, wrapped)
		return true, nil
	})
}

func (s *Rooted) wrap(ctx context.Context, ref Ref, kek []byte) (*sealv1.WrappedKek, error) {
	box, err := s.roots[0].AEAD.EncryptWithContext(ctx, kek, ref.aad())
	if err != nil {
		return nil, fmt.Errorf("wrap by root key: %w: %w", ErrUnavailable, err)
	}
	return &sealv1.WrappedKek{Epoch: ref.Epoch, Root: s.roots[0].Name, Wrapped: box}, nil
}

// errRoot: a KEK is wrapped by a root key that is not configured.
var errRoot = errors.New("key-encryption key is under a root key that is not named in the configuration")

// unwrap asks the root key. That a cloud refuses is not told apart from its
// being away: neither says anything of the KEK.
func (s *Rooted) unwrap(ctx context.Context, ref Ref, w *sealv1.WrappedKek) ([]byte, error) {
	i := slices.IndexFunc(s.roots, func(r Root) bool { return r.Name == w.GetRoot() })
	if i < 0 {
		return nil, errRoot
	}
	kek, err := s.roots[i].AEAD.DecryptWithContext(ctx, w.GetWrapped(), ref.aad())
	if err != nil {
		return nil, fmt.Errorf("unwrap by root key: %w: %w", ErrUnavailable, err)
	}
	return kek, nil
}

// AEAD is part of Store. The row is read each time, so that no process uses a
// KEK that was destroyed; the cloud is asked once.
func (s *Rooted) AEAD(ctx context.Context, ref Ref) (AEAD, error) {
	k, _, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	w := find(k, ref.Epoch)
	if w == nil {
		s.forget(ref)
		return nil, ErrNoKEK
	}
	if aead := s.cached(ref, w); aead != nil {
		return aead, nil
	}
	kek, err := s.unwrap(ctx, ref, w)
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	aead, err := Local(kek)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened[ref] = opened{wrapped: w.GetWrapped(), aead: aead}
	return aead, nil
}

func (s *Rooted) cached(ref Ref, w *sealv1.WrappedKek) AEAD {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.opened[ref]; ok && bytes.Equal(o.wrapped, w.GetWrapped()) {
		return o.aead
	}
	return nil
}

// forget drops the clear form of a KEK and of all earlier ones.
func (s *Rooted) forget(ref Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.opened {
		if r.Tenant == ref.Tenant && r.Partition == ref.Partition && r.Epoch <= ref.Epoch {
			delete(s.opened, r)
		}
	}
}

// Destroy is part of Store.
func (s *Rooted) Destroy(ctx context.Context, ref Ref) (string, error) {
	err := s.change(ctx, ref, func(k *sealv1.KekRow) (bool, error) {
		before := len(k.GetKeks())
		k.Keks = slices.DeleteFunc(k.Keks, func(w *sealv1.WrappedKek) bool { return w.GetEpoch() <= ref.Epoch })
		write := len(k.GetKeks()) < before || k.GetDestroyed() < ref.Epoch
		k.Destroyed = max(k.GetDestroyed(), ref.Epoch)
		return write, nil
	})
	if err != nil {
		return "", err
	}
	s.forget(ref)
	return "rooted:" + ref.String(), nil
}

// List is part of Store.
func (s *Rooted) List(ctx context.Context) ([]Ref, error) {
	var out []Ref
	for row, err := range s.rows.List(ctx, rows.VaultSubject("*", kekKind, "*", s.name), 0) {
		if err != nil {
			return nil, fmt.Errorf("list key-encryption keys: %w", err)
		}
		k, err := s.decode(row)
		if err != nil {
			return nil, err
		}
		for _, w := range k.GetKeks() {
			out = append(out, Ref{Tenant: k.GetTenant(), Partition: k.GetPartition(), Epoch: w.GetEpoch()})
		}
	}
	slices.SortFunc(out, compareRefs)
	return slices.Compact(out), nil // a listing may yield a row twice
}

// Settle moves every KEK under the first root key and returns how many moved.
// When it returns 0 and no error, no other root key is needed any more.
func (s *Rooted) Settle(ctx context.Context) (moved int, err error) {
	refs, err := s.List(ctx)
	if err != nil {
		return 0, err
	}
	for _, ref := range refs {
		changed := 0
		err := s.change(ctx, ref, func(k *sealv1.KekRow) (bool, error) {
			changed = 0
			w := find(k, ref.Epoch)
			if w == nil || w.GetRoot() == s.roots[0].Name {
				return false, nil
			}
			kek, err := s.unwrap(ctx, ref, w)
			if err != nil {
				return false, err
			}
			defer clear(kek)
			next, err := s.wrap(ctx, ref, kek)
			if err != nil {
				return false, err
			}
			w.Root, w.Wrapped = next.GetRoot(), next.GetWrapped()
			changed = 1
			return true, nil
		})
		if err != nil {
			return moved, err
		}
		moved += changed
	}
	return moved, nil
}
