package vault

import (
	"encoding/binary"
	"fmt"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	keyKind      = "key"
	pendingKind  = "pending"
	firstVersion = 1
	wrapLabel    = "habeas-dek/v1"
)

// Rows is the kind of the vault's rows that hold wrapped data keys.
func Rows() kek.Kind {
	return kek.Kind{Name: keyKind, Decode: func(row rows.Row) (kek.Record, error) { return decode(row) }}
}

func partition(id seal.KeyID) kek.Partition {
	return kek.Partition{Tenant: id.Tenant, Name: es.Partition(id.Tenant, id.Holder.String())}
}

func subject(id seal.KeyID) string { return rowSubject(keyKind, id) }

func rowSubject(kind string, id seal.KeyID) string {
	return rows.VaultSubject(partition(id).Name, kind, id.Tenant, id.Holder.String(), seal.ClassName(id.Class))
}

// record is a key row, decoded.
type record struct {
	id  seal.KeyID
	row *sealv1.KeyRow
}

func newRecord(id seal.KeyID, now time.Time) *record {
	return &record{id: id, row: &sealv1.KeyRow{
		State: sealv1.KeyState_KEY_STATE_LIVE, Version: firstVersion, CreatedAt: timestamppb.New(now),
		Tenant: id.Tenant, Holder: id.Holder.String(), Class: id.Class,
	}}
}

func decode(row rows.Row) (*record, error) {
	k := new(sealv1.KeyRow)
	if err := proto.Unmarshal(row.Value, k); err != nil {
		return nil, fmt.Errorf("decode key row: %w", kek.ErrMismatch)
	}
	holder, err := seal.ParseHolder(k.GetHolder())
	id := seal.KeyID{Tenant: k.GetTenant(), Holder: holder, Class: k.GetClass()}
	if err != nil || id.Validate() != nil || subject(id) != row.Subject {
		return nil, fmt.Errorf("key row stands elsewhere: %w", kek.ErrMismatch)
	}
	return &record{id: id, row: k}, nil
}

// belongs guards the use of a row for a key that it was not read for.
func (r *record) belongs(id seal.KeyID) error {
	if r.id != id {
		return fmt.Errorf("key row of another key: %w", kek.ErrMismatch)
	}
	return nil
}

func (r *record) live() bool { return r.row.GetState() == sealv1.KeyState_KEY_STATE_LIVE }

// erased is the error of whoever asks for a key that is being or was
// destroyed; nil while it is live.
func (r *record) erased(id seal.KeyID) error {
	if r.live() {
		return nil
	}
	return &seal.Erased{ID: id, At: r.row.GetDestroyedAt().AsTime(), Reason: r.row.GetDestroyReason()}
}

// Slots is part of kek.Record.
func (r *record) Slots() []kek.Slot {
	if !r.live() {
		return nil
	}
	return []kek.Slot{{
		Epoch: &r.row.KekEpoch, Wrapped: &r.row.Wrapped, Commit: &r.row.KeyCommit,
		AAD: r.aad(), Digest: seal.Commitment,
	}}
}

func (r *record) aad() []byte {
	out := []byte(wrapLabel)
	for _, part := range []string{r.id.Tenant, r.id.Holder.String()} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	out = append(out, byte(r.id.Class))
	return binary.BigEndian.AppendUint32(out, r.row.GetVersion())
}

// Ended is part of kek.Record.
func (r *record) Ended() (uint64, bool) {
	return r.row.GetKekEpoch(), !r.live() && r.row.GetKekEpoch() > 0
}

// Encode is part of kek.Record.
func (r *record) Encode() ([]byte, error) {
	value, err := proto.Marshal(r.row)
	if err != nil {
		return nil, fmt.Errorf("encode key row: %w", err)
	}
	return value, nil
}

// entomb turns the record into one that holds no key.
func (r *record) entomb(state sealv1.KeyState, why destruction) {
	r.row.State, r.row.Wrapped = state, nil
	r.row.DestroyReason, r.row.DestroyCommandId = why.reason, why.commandID
	r.row.DestroyedAt = timestamppb.New(why.at)
	r.row.ResidueHorizon = timestamppb.New(why.horizon)
}

// destruction says why and when a key ends.
type destruction struct {
	reason, commandID string
	at, horizon       time.Time
}
