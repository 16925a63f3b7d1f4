// Package offboard destroys what identity keeps of a tenant that has to go:
// every data key, behind the fence; the lookup rows, the suppression set and the
// peppers. Then it records the proof.
//
// What a caller may rely on:
//
//   - Before the time has come nothing is touched, and afterwards nothing is
//     taken back: the log's event stands between the two.
//   - What stands in the way is asked for twice: before the tenant is closed to
//     every call, and again when no call from before can be under way. Only then
//     does the destruction begin; if something came in between, the tenant is open
//     again.
//   - Every step may be interrupted and is done again by the next run, of this
//     process or another. The proof is recorded once, and only after a whole pass
//     that began when no call from before the event could still be under way.
//   - A tenant that is gone is looked at again and again: what a restore brought
//     back is destroyed again. Until then, and after, nobody is lent it: the
//     vault and the peppers ask the log.
package offboard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"habeas.internal/services/identity/internal/tenants"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/vault"
)

// Desk ends tenants. Its methods may be called from several goroutines and
// processes. All fields are required.
type Desk struct {
	Directory *tenants.Directory
	Rows      rows.Store
	Vault     *vault.Vault
	Peppers   *pepper.Keeper
	// Standing is what stands in the way of a tenant's end, as of now; an error while
	// nobody knows.
	Standing func(ctx context.Context, tenant string) (tenant.Standing, error)
	Now      func() time.Time
	Grace    time.Duration // in which it can be taken back
	// Settle is how long a call from before the closing, or the point of no return, may still be
	// under way, and a pepper be used: longer than memory, lease and deadline.
	Settle time.Duration
	// Again is how long a tenant that is gone is not looked at again.
	Again time.Duration

	swept sync.Map // of tenants to the time of the last look
}

const noteKind = "offboard"

func noteOf(id string) string {
	return rows.VaultSubject(es.Partition(id, noteKind), noteKind, id, "note")
}

// tenantToken is the place of the tenant in a row's subject.
const tenantToken = 4

// Note writes the row by which every later run finds the tenant. It stays, also
// where the off-boarding was refused or taken back: then it means nothing.
func (d *Desk) Note(ctx context.Context, id string) error {
	_, err := d.Rows.Put(ctx, noteOf(id), []byte{1}, 0)
	if err != nil && !errors.Is(err, rows.ErrConflict) {
		return fmt.Errorf("note off-boarding: %w", err)
	}
	return nil
}

// Run takes every tenant that has to go as far as it can go now. One that fails
// does not keep the others from it.
func (d *Desk) Run(ctx context.Context) error {
	var ids []string
	for row, err := range d.Rows.List(ctx, rows.VaultSubject("*", noteKind, "*", "note"), 0) {
		if err != nil {
			return fmt.Errorf("list off-boardings: %w", err)
		}
		ids = append(ids, rows.Tokens(row.Subject)[tenantToken])
	}
	var failed []error
	for _, id := range ids {
		if err := d.Go(ctx, id); err != nil {
			failed = append(failed, fmt.Errorf("off-board %s: %w", id, err))
		}
	}
	return errors.Join(failed...)
}

// Go takes one tenant as far as it can go now.
func (d *Desk) Go(ctx context.Context, id string) error {
	t, head, err := d.Directory.Handler.Load(ctx, tenants.Aggregate(id), es.Leader)
	if err != nil {
		return err
	}
	switch t.Stage {
	case tenant.StageWaiting:
		if d.Now().Before(t.DueAt) || d.Now().Before(t.ClosedAt.Add(d.Settle)) {
			return nil
		}
		if t, err = d.begin(ctx, id, head); err != nil || t.Stage != tenant.StageEnding {
			return err
		}
	case tenant.StageEnding:
	case tenant.StageGone:
		return d.again(ctx, id)
	default:
		return nil
	}
	settled := !d.Now().Before(t.EndingAt.Add(d.Settle)) // before the pass, not after
	horizon, err := d.pass(ctx, id)
	if err != nil || !settled {
		return err
	}
	return d.finish(ctx, id, horizon)
}

func (d *Desk) handle(ctx context.Context, id, step string, data tenant.Command) (tenant.Tenant, error) {
	res, err := d.Directory.Handler.Handle(ctx, tenants.Aggregate(id), es.Command[tenant.Command]{
		ID: es.DeriveID(id, noteKind, step), At: d.Now(), Data: data,
	})
	d.Directory.Forget(id)
	return res.State, err
}

// begin closes the tenant, or if it is closed already is the point of no return,
// unless something stands in the way: that is recorded, and looked at again the
// next time.
func (d *Desk) begin(ctx context.Context, id string, head es.Head) (tenant.Tenant, error) {
	standing, err := d.Standing(ctx, id)
	if err != nil {
		return tenant.Tenant{}, err
	}
	lookups, err := rows.Count(ctx, d.Rows, lookupRows(id))
	if err != nil {
		return tenant.Tenant{}, err
	}
	suppressed, err := rows.Count(ctx, d.Rows, suppressionRows(id))
	if err != nil {
		return tenant.Tenant{}, err
	}
	// another question each time that something else stands, or stands again
	step := fmt.Sprintf("begin/%d/%d/%d", head.Version, standing.Holds, standing.Requests)
	t, err := d.handle(ctx, id, step, tenant.End{
		Counted: tenant.Counted{LookupRows: lookups, SuppressionRows: suppressed}, Standing: standing,
		Settle: d.Settle, At: d.Now(),
	})
	if errors.Is(err, tenant.ErrHoldsStand) || errors.Is(err, tenant.ErrRequestsOpen) {
		return t, nil
	}
	return t, err
}

func lookupRows(id string) string      { return rows.VaultSubject("*", "lookup", id, ">") }
func suppressionRows(id string) string { return "habeas.suppression.*." + id + ".>" }

// pass destroys what is there, and returns when the residue of peppers ends.
func (d *Desk) pass(ctx context.Context, id string) (horizon time.Time, err error) {
	if _, err := d.Vault.DestroyTenant(ctx, id, es.DeriveID(id, noteKind, "keys")); err != nil {
		return horizon, err
	}
	for _, purpose := range pepper.Purposes() {
		h, err := d.Peppers.Strip(ctx, id, purpose)
		if err != nil {
			return horizon, err
		}
		if h.After(horizon) {
			horizon = h
		}
	}
	for _, filter := range []string{lookupRows(id), suppressionRows(id)} {
		if _, err := rows.Clear(ctx, d.Rows, filter); err != nil {
			return horizon, err
		}
	}
	return horizon, nil
}

// finish records the proof.
func (d *Desk) finish(ctx context.Context, id string, horizon time.Time) error {
	proof := tenant.Proof{ResidueHorizon: horizon, At: d.Now()}
	for _, purpose := range pepper.Purposes() {
		n, err := d.Peppers.BuryAll(ctx, id, purpose)
		if err != nil {
			return err
		}
		proof.Peppers += n
	}
	tombs, err := d.Vault.Tombs(ctx, id)
	if err != nil {
		return err
	}
	proof.Keys, proof.KeysBefore, proof.Digest = tombs.Offboarded, tombs.Before, tombs.Digest
	for _, name := range slices.Sorted(maps.Keys(tombs.Partitions)) {
		tomb := tombs.Partitions[name]
		proof.Partitions = append(proof.Partitions, tenant.Partition{Name: name, Epoch: tomb.Epoch, ResidueHorizon: tomb.Horizon})
		if tomb.Horizon.After(proof.ResidueHorizon) {
			proof.ResidueHorizon = tomb.Horizon
		}
	}
	_, err = d.handle(ctx, id, "finish", tenant.Finish{Proof: proof})
	return err
}

// again destroys what came back of a tenant that is gone.
func (d *Desk) again(ctx context.Context, id string) error {
	if last, ok := d.swept.Load(id); ok {
		if at, ok := last.(time.Time); ok && d.Now().Sub(at) < d.Again {
			return nil
		}
	}
	if _, err := d.pass(ctx, id); err != nil {
		return err
	}
	d.swept.Store(id, d.Now())
	return nil
}
