package pepper

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/proto"
)

const (
	pepperKind  = "pepper"
	wrapLabel   = "habeas-pepper/v1"
	commitLabel = "habeas-pepper-commit/v1\n"
)

// Rows is the kind of the vault's rows that hold wrapped peppers.
func Rows() kek.Kind {
	return kek.Kind{Name: pepperKind, Decode: func(row rows.Row) (kek.Record, error) { return decode(row) }}
}

func partition(tenant string, purpose Purpose) kek.Partition {
	return kek.Partition{Tenant: tenant, Name: es.Partition(tenant, string(purpose))}
}

func subject(tenant string, purpose Purpose) string {
	return rows.VaultSubject(partition(tenant, purpose).Name, pepperKind, tenant, string(purpose))
}

// record is a pepper row, decoded.
type record struct{ row *sealv1.PepperRow }

func newRecord(tenant string, purpose Purpose) *record {
	return &record{row: &sealv1.PepperRow{Tenant: tenant, Purpose: string(purpose)}}
}

func decode(row rows.Row) (*record, error) {
	p := new(sealv1.PepperRow)
	if err := proto.Unmarshal(row.Value, p); err != nil {
		return nil, fmt.Errorf("decode pepper row: %w", kek.ErrMismatch)
	}
	if subject(p.GetTenant(), Purpose(p.GetPurpose())) != row.Subject {
		return nil, fmt.Errorf("pepper row stands elsewhere: %w", kek.ErrMismatch)
	}
	return &record{row: p}, nil
}

func (r *record) partition() kek.Partition {
	return partition(r.row.GetTenant(), Purpose(r.row.GetPurpose()))
}

// retire reports whether the epoch was live and not the last one.
func (r *record) retire(epoch uint64, carried uint32) bool {
	if len(r.row.GetLive()) < 2 || r.row.GetRetired() != 0 {
		return false
	}
	before := len(r.row.GetLive())
	r.row.Live = slices.DeleteFunc(r.row.GetLive(), func(p *sealv1.Pepper) bool { return p.GetEpoch() == epoch })
	r.row.Retired, r.row.RowsCarried = epoch, carried
	return len(r.row.GetLive()) < before
}

// Slots is part of kek.Record.
func (r *record) Slots() []kek.Slot {
	out := make([]kek.Slot, len(r.row.GetLive()))
	for i, p := range r.row.GetLive() {
		out[i] = kek.Slot{
			Epoch: &p.KekEpoch, Wrapped: &p.Wrapped, Commit: &p.Commit, AAD: r.aad(p.GetEpoch()), Digest: commitment,
		}
	}
	return out
}

func (r *record) aad(epoch uint64) []byte {
	out := []byte(wrapLabel)
	for _, part := range []string{r.row.GetTenant(), r.row.GetPurpose()} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return binary.BigEndian.AppendUint64(out, epoch)
}

func commitment(secret []byte) [sha256.Size]byte {
	h := sha256.New()
	_, _ = io.WriteString(h, commitLabel)
	_, _ = h.Write(secret)
	var out [sha256.Size]byte
	h.Sum(out[:0])
	return out
}

// Ended is part of kek.Record: retired peppers leave no trace in the row.
func (r *record) Ended() (uint64, bool) { return 0, false }

// Encode is part of kek.Record.
func (r *record) Encode() ([]byte, error) {
	value, err := proto.Marshal(r.row)
	if err != nil {
		return nil, fmt.Errorf("encode pepper row: %w", err)
	}
	return value, nil
}
