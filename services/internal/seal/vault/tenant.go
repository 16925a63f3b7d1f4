package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/rows"
)

// fencing is how many keys of one tenant are fenced at a time: with several
// instances each fence waits a whole lease out.
const fencing = 256

// ReasonOffboarded is why the keys of a tenant that is gone have ended.
const ReasonOffboarded = "TENANT_OFFBOARDED"

// DestroyTenant ends every key of a tenant that has not ended, each as Destroy
// does, and counts them. It may be interrupted and run again. A row that can't be
// read, or a key that can't be ended, does not keep the others from it.
func (v *Vault) DestroyTenant(ctx context.Context, tenant, commandID string) (ended int, err error) {
	var ids []seal.KeyID
	var failed []error
	for row, err := range v.cfg.Rows.List(ctx, tenantRows(tenant), 0) {
		if err != nil {
			return 0, fmt.Errorf("list keys of a tenant: %w", err)
		}
		rec, err := decode(row)
		switch {
		case err != nil:
			failed = append(failed, err)
		case rec.row.GetState() != sealv1.KeyState_KEY_STATE_DESTROYED:
			ids = append(ids, rec.id)
		}
	}
	errs := make([]error, len(ids))
	next := make(chan int)
	var all sync.WaitGroup
	for range min(fencing, len(ids)) {
		all.Go(func() {
			for i := range next {
				errs[i] = v.Destroy(ctx, Order{Key: ids[i], Reason: ReasonOffboarded, CommandID: commandID})
			}
		})
	}
	for i := range ids {
		next <- i
	}
	close(next)
	all.Wait()
	for _, err := range errs {
		if err == nil {
			ended++
		}
	}
	return ended, errors.Join(append(failed, errs...)...)
}

func tenantRows(tenant string) string { return rows.VaultSubject("*", keyKind, tenant, ">") }

// Tombs is what is left of a tenant's keys.
type Tombs struct {
	Offboarded, Before uint32   // by DestroyTenant, and for other reasons
	Digest             [32]byte // of the sorted lines
	Partitions         map[string]Tomb
}

// Tomb is what is left of the keys of one partition.
type Tomb struct {
	Epoch   uint64 // the last that wrapped one of them
	Horizon time.Time
}

// errLive means: a key of the tenant has not ended.
var errLive = errors.New("a key of the tenant has not ended")

// Tombs reads what is left of a tenant's keys; it is an error if that is a key.
// What never was a key counts nowhere.
func (v *Vault) Tombs(ctx context.Context, tenant string) (Tombs, error) {
	out := Tombs{Partitions: map[string]Tomb{}}
	lines := map[string]bool{}
	for row, err := range v.cfg.Rows.List(ctx, tenantRows(tenant), 0) {
		if err != nil {
			return out, fmt.Errorf("list keys of a tenant: %w", err)
		}
		rec, err := decode(row)
		if err != nil {
			return out, err
		}
		if rec.row.GetState() != sealv1.KeyState_KEY_STATE_DESTROYED {
			return out, errLive
		}
		if len(rec.row.GetKeyCommit()) == 0 || lines[rec.line()] {
			continue
		}
		lines[rec.line()] = true
		out.add(rec)
	}
	sorted := make([]string, 0, len(lines))
	for line := range lines {
		sorted = append(sorted, line)
	}
	slices.Sort(sorted)
	out.Digest = sha256.Sum256([]byte(strings.Join(sorted, "")))
	return out, nil
}

func (t *Tombs) add(r *record) {
	if r.row.GetDestroyReason() == ReasonOffboarded {
		t.Offboarded++
	} else {
		t.Before++
	}
	name := partition(r.id).Name
	tomb := t.Partitions[name]
	tomb.Epoch = max(tomb.Epoch, r.row.GetKekEpoch())
	if h := r.row.GetResidueHorizon().AsTime(); h.After(tomb.Horizon) {
		tomb.Horizon = h
	}
	t.Partitions[name] = tomb
}

// line is how a key enters the digest.
func (r *record) line() string {
	return fmt.Sprintf("%s/%s %d %s\n", r.id.Holder, seal.ClassName(r.id.Class), r.row.GetVersion(), hex.EncodeToString(r.row.GetKeyCommit()))
}
