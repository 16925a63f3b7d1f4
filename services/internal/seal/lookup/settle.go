package lookup

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"
)

// settle asks the log about a claim and completes it or removes it. kept says
// which.
func (t *Table) settle(ctx context.Context, tenant string, c claim) (kept bool, err error) {
	set, err := t.peppers.Fresh(ctx, tenant)
	if err != nil {
		return false, err
	}
	p, live := set.Epoch(c.row.GetPepperEpoch())
	if !live { // looked at after the row was read, so it is retired for good
		return false, ignoreConflict(t.remove(ctx, c))
	}
	v, held, err := t.valueOf(ctx, tenant, p, c)
	if err != nil {
		return false, err
	}
	if !held {
		return false, ignoreConflict(t.remove(ctx, c))
	}
	err = t.Confirm(ctx, v, c.owner())
	if errors.Is(err, ErrGone) {
		return false, nil
	}
	return err == nil, err
}

// valueOf finds the value whose hash names a row among those that the log says
// its subject holds.
func (t *Table) valueOf(ctx context.Context, tenant string, p pepper.Pepper, c claim) (Value, bool, error) {
	texts, err := t.cfg.Log.Holds(ctx, tenant, c.row.GetSubjectRef(), c.row.GetKind(), c.row.GetCommandId())
	if err != nil {
		return Value{}, false, fmt.Errorf("ask the log: %w", err)
	}
	for _, text := range texts {
		v := Value{Tenant: tenant, Kind: c.row.GetKind(), Text: text}
		if name(p, v) == c.at.Subject {
			return v, true, nil
		}
	}
	return Value{}, false, nil
}

func ignoreConflict(err error) error {
	if errors.Is(err, rows.ErrConflict) {
		return nil // somebody else settled it
	}
	return err
}

// progress is how far claims have been swept: up to which revision of each
// partition no row is an unsettled claim.
type progress struct {
	mu    sync.Mutex
	swept map[string]uint64
}

func newProgress() *progress { return &progress{swept: map[string]uint64{}} }

func (p *progress) at(partition string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.swept[partition]
}

func (p *progress) reached(partition string, rev uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swept[partition] = max(p.swept[partition], rev)
}

// Sweep settles every claim that is older than the grace period. A Table that
// swept before reads only what was written since. A claim that can't be
// settled does not keep the others from it.
func (t *Table) Sweep(ctx context.Context) (completed, released int, err error) {
	var failed []error
	for _, partition := range es.ShardPartitions(0, 1) {
		c, r, err := t.sweepPartition(ctx, partition)
		completed, released = completed+c, released+r
		if err != nil {
			failed = append(failed, err)
		}
	}
	return completed, released, errors.Join(failed...)
}

func (t *Table) sweepPartition(ctx context.Context, partition string) (completed, released int, err error) {
	var failed []error
	open := false // a claim was passed that is not settled: progress ends before it
	filter := rows.VaultSubject(partition, lookupKind, "*", "*")
	for row, err := range t.cfg.Rows.List(ctx, filter, t.swept.at(partition)) {
		if err != nil {
			return completed, released, errors.Join(append(failed, fmt.Errorf("list lookup rows: %w", err))...)
		}
		outcome, err := t.sweepRow(ctx, row)
		if err != nil {
			failed = append(failed, fmt.Errorf("settle claim: %w", err))
		}
		switch outcome {
		case wasCompleted:
			completed++
		case wasReleased:
			released++
		case wasOpen:
			open = true
		}
		if !open {
			t.swept.reached(partition, row.Rev)
		}
	}
	return completed, released, errors.Join(failed...)
}

// outcome is what a sweep did with a row.
type outcome int

const (
	wasSettled outcome = iota // before the sweep
	wasCompleted
	wasReleased
	wasOpen // its time has not come, or the attempt failed
)

func (t *Table) sweepRow(ctx context.Context, row rows.Row) (outcome, error) {
	c, err := decode(row)
	if err != nil {
		return wasOpen, err
	}
	if c.owner().Confirmed {
		return wasSettled, nil
	}
	if !t.overdue(c) {
		return wasOpen, nil
	}
	kept, err := t.settle(ctx, rows.Tokens(row.Subject)[tenantToken], c)
	if errors.Is(err, ErrBusy) {
		return wasOpen, nil // it waits for another claim to be settled
	}
	if err != nil {
		return wasOpen, err
	}
	if kept {
		return wasCompleted, nil
	}
	return wasReleased, nil
}

// tenantToken is the place of the tenant in a row's subject.
const tenantToken = 4
