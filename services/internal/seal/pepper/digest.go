package pepper

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"time"
)

const (
	digestLabel = "habeas-digest/v1\n"
	epochSize   = 8
)

// Digester digests the bodies of commands, so that a command id that comes
// again with another body is noticed and the body itself is kept nowhere. A
// digest is the pepper's epoch, eight bytes big-endian, and the MAC.
type Digester struct{ peppers Source }

// Source knows the live peppers for digests. A Cache is one; a service that
// holds no peppers of its own asks for them.
type Source interface {
	// Set is the tenant's live peppers, at most a lease old.
	Set(ctx context.Context, tenant string) (Set, error)
	// Fresh is the tenant's live peppers as they are now.
	Fresh(ctx context.Context, tenant string) (Set, error)
}

var _ Source = (*Cache)(nil)

// DigestWith makes a Digester on a source.
func DigestWith(s Source) *Digester { return &Digester{peppers: s} }

// NewDigester makes a Digester that keeps a tenant's peppers for a lease.
func NewDigester(keeper *Keeper, now func() time.Time, lease time.Duration) *Digester {
	return &Digester{peppers: NewCache(keeper, Idempotency, now, lease)}
}

// Digest is the keyed digest of a body under the tenant's newest pepper.
func (d *Digester) Digest(ctx context.Context, tenant string, body []byte) ([]byte, error) {
	set, err := d.peppers.Set(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return digest(set.Newest(), body), nil
}

func digest(p Pepper, body []byte) []byte {
	mac := p.MAC(digestLabel, body)
	return append(binary.BigEndian.AppendUint64(nil, p.Epoch), mac[:]...)
}

// Same reports whether a digest is of this body. Bodies can be compared for as
// long as the pepper of the digest lives: after that every body counts as the
// same, so that a late retry still gets its first result.
func (d *Digester) Same(ctx context.Context, tenant string, have, body []byte) (bool, error) {
	if len(have) < epochSize {
		return false, nil
	}
	epoch := binary.BigEndian.Uint64(have)
	set, err := d.peppers.Set(ctx, tenant)
	if err == nil && epoch > set.Newest().Epoch {
		set, err = d.peppers.Fresh(ctx, tenant)
	}
	if err != nil {
		return false, err
	}
	if p, live := set.Epoch(epoch); live {
		return hmac.Equal(digest(p, body), have), nil
	}
	return epoch < set[0].Epoch, nil
}
