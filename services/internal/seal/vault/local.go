package vault

import (
	"context"

	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/keycache"
)

// Local hands out a vault's keys within the process that holds the vault, as
// the key service does over the network.
type Local struct {
	Vault  *Vault
	Reader string // name under which the cache joined the fence
}

var _ keycache.Source = Local{}

// Keys asks for all existing keys at once and makes the missing ones that may
// be made.
func (l Local) Keys(ctx context.Context, purpose string, wants []keycache.Want) ([]keycache.Got, error) {
	access := Access{Reader: l.Reader, Purpose: purpose}
	got := make([]keycache.Got, len(wants))
	var ids []seal.KeyID
	var at []int
	for i, w := range wants {
		if !w.Create {
			ids, at = append(ids, w.ID), append(at, i)
			continue
		}
		lease, err := l.Vault.GetOrCreate(ctx, access, w.ID)
		got[i] = keycache.Got{Key: lease.Key, For: lease.For, Err: err}
	}
	if len(ids) == 0 {
		return got, nil
	}
	results, err := l.Vault.GetMany(ctx, access, ids)
	if err != nil {
		return nil, err
	}
	for j, r := range results {
		got[at[j]] = keycache.Got{Key: r.Lease.Key, For: r.Lease.For, Err: r.Err}
	}
	return got, nil
}
