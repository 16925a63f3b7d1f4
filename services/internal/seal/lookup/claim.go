package lookup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Claim makes a subject the owner of a value, on behalf of a command. It
// returns the owner that the command made, which is another subject than the
// given one if the command had claimed before. Append the event within the
// grace period, then Confirm.
//
// After an error other than ErrOwned and ErrBusy parts of the claim may stand;
// claim again with the same command, or leave it to Sweep.
func (t *Table) Claim(ctx context.Context, v Value, subjectRef, commandID string) (Owner, error) {
	owner := Owner{SubjectRef: subjectRef, CommandID: commandID}
	var staked []claim
	var live pepper.Set
	err := t.underLive(ctx, v.Tenant, func(set pepper.Set) (err error) {
		live = set
		owner, staked, err = t.stakeAll(ctx, v, set, owner, staked)
		return err
	})
	if errors.Is(err, ErrOwned) || errors.Is(err, ErrBusy) {
		return Owner{}, errors.Join(err, t.withdraw(ctx, staked))
	}
	if err != nil {
		return Owner{}, fmt.Errorf("claim value: %w", err)
	}
	// What was put under an epoch that was retired meanwhile is of no use.
	return owner, t.withdraw(ctx, slices.DeleteFunc(staked, func(c claim) bool {
		_, stands := live.Epoch(c.row.GetPepperEpoch())
		return stands
	}))
}

// withdraw removes what a claim put, now that it is known to be in vain.
func (t *Table) withdraw(ctx context.Context, staked []claim) error {
	for _, c := range staked {
		if err := t.remove(ctx, c); err != nil && !errors.Is(err, rows.ErrConflict) {
			return err
		}
	}
	return nil
}

// stakeAll claims under every pepper of the set, oldest first. It returns the
// owner that the command has, which an earlier attempt may have made, and the
// rows that it put besides those in staked.
func (t *Table) stakeAll(ctx context.Context, v Value, set pepper.Set, want Owner, staked []claim) (Owner, []claim, error) {
	for i, p := range set {
		c, put, err := t.stake(ctx, v, p, set.Newest().Epoch, want, func(met claim) error {
			return t.challenge(ctx, v.Tenant, met)
		})
		if err != nil {
			return want, staked, err
		}
		if put {
			staked = append(staked, c)
		}
		if have := c.owner(); have.SubjectRef != want.SubjectRef {
			want.SubjectRef = have.SubjectRef
			if i > 0 { // all attempts meet under the oldest epoch, so this set is out of date
				return want, staked, ErrContended
			}
		}
	}
	return want, staked, nil
}

// stake puts a row under one pepper, or finds the command's own. Where it
// meets another's, meet says what that means; nil lets it try again.
func (t *Table) stake(
	ctx context.Context, v Value, p pepper.Pepper, newest uint64, want Owner, meet func(claim) error,
) (c claim, put bool, err error) {
	fresh := t.newClaim(name(p, v), v.Kind, want)
	fresh.row.PepperEpoch, fresh.row.NewestEpoch = p.Epoch, newest
	for range tries {
		c, err := t.put(ctx, fresh)
		if err == nil {
			return c, true, nil
		}
		if !errors.Is(err, rows.ErrConflict) {
			return c, false, err
		}
		c, err = t.get(ctx, fresh.at.Subject)
		if errors.Is(err, rows.ErrNotFound) {
			continue
		}
		if err != nil || c.row.GetCommandId() == want.CommandID {
			return c, false, err
		}
		if err := meet(c); err != nil {
			return c, false, err
		}
	}
	return claim{}, false, ErrContended
}

func (t *Table) newClaim(subject, kind string, o Owner) claim {
	return claim{at: rows.Row{Subject: subject}, row: &sealv1.LookupRow{
		SubjectRef: o.SubjectRef, CommandId: o.CommandID, State: sealv1.LookupState_LOOKUP_STATE_CLAIMED,
		ClaimedAt: timestamppb.New(t.cfg.Now()), Kind: kind,
	}}
}

// challenge answers a claimant who met another's row: nil means that the row
// was settled just now, and that it is worth looking again.
func (t *Table) challenge(ctx context.Context, tenant string, c claim) error {
	if c.owner().Confirmed {
		return &Owned{Owner: c.owner()}
	}
	if !t.overdue(c) {
		return ErrBusy
	}
	_, err := t.settle(ctx, tenant, c)
	return err
}

func (t *Table) overdue(c claim) bool {
	return !t.cfg.Now().Before(c.row.GetClaimedAt().AsTime().Add(t.cfg.Grace))
}

// Confirm says that the claim's event is in the log. ErrGone: the claim does
// not stand, because the value was erased since.
func (t *Table) Confirm(ctx context.Context, v Value, o Owner) error {
	err := t.underLive(ctx, v.Tenant, func(set pepper.Set) error {
		_, err := t.ensure(ctx, v, set, o)
		return err
	})
	if err != nil {
		return fmt.Errorf("confirm claim: %w", err)
	}
	return nil
}

// ensure makes sure that an owner whose event is in the log has a confirmed
// row under every pepper of the set. Missing rows are put as claims first; the
// log is asked again before they count, so that an erasure that ran meanwhile
// is not undone. changed says that something was missing.
func (t *Table) ensure(ctx context.Context, v Value, set pepper.Set, o Owner) (changed bool, err error) {
	standing := make([]claim, len(set))
	for i, p := range set {
		var put bool
		standing[i], put, err = t.stakeFor(ctx, v, p, set.Newest().Epoch, o)
		if err != nil {
			return changed, err
		}
		changed = changed || put
	}
	if changed {
		if err := t.stillHeld(ctx, v, o, standing); err != nil {
			return changed, err
		}
	}
	for _, c := range standing {
		if c.owner().Confirmed {
			continue
		}
		changed = true
		if err := t.confirmRow(ctx, c); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// stakeFor is stake for an owner whom the log knows: a confirmed row of the
// same subject serves as well, and an overdue claim of another gives way.
func (t *Table) stakeFor(ctx context.Context, v Value, p pepper.Pepper, newest uint64, o Owner) (c claim, put bool, err error) {
	var same *claim
	c, put, err = t.stake(ctx, v, p, newest, o, func(met claim) error {
		have := met.owner()
		switch {
		case have.Confirmed && have.SubjectRef == o.SubjectRef:
			same = &met
			return ErrOwned
		case have.Confirmed:
			return ErrTwoOwners
		case !t.overdue(met):
			return ErrBusy
		}
		return t.evict(ctx, v.Tenant, p, met)
	})
	if same != nil {
		return *same, false, nil
	}
	if err == nil && c.row.GetSubjectRef() != o.SubjectRef {
		return c, false, ErrTwoOwners
	}
	return c, put, err
}

// evict removes an overdue claim, unless the log says that it is good.
func (t *Table) evict(ctx context.Context, tenant string, p pepper.Pepper, c claim) error {
	_, held, err := t.valueOf(ctx, tenant, p, c)
	if err != nil {
		return err
	}
	if held {
		return ErrTwoOwners
	}
	return ignoreConflict(t.remove(ctx, c))
}

// confirmRow turns a claim into a confirmed row, or finds that another call
// has.
func (t *Table) confirmRow(ctx context.Context, c claim) error {
	subjectRef := c.row.GetSubjectRef()
	for range tries {
		c.row.State = sealv1.LookupState_LOOKUP_STATE_CONFIRMED
		_, err := t.put(ctx, c)
		if !errors.Is(err, rows.ErrConflict) {
			return err
		}
		c, err = t.get(ctx, c.at.Subject)
		switch {
		case errors.Is(err, rows.ErrNotFound):
			return ErrGone
		case err != nil:
			return err
		case c.row.GetSubjectRef() != subjectRef:
			return ErrGone
		case c.owner().Confirmed:
			return nil
		}
	}
	return ErrContended
}

// stillHeld asks the log whether the owner still holds the value. If not, the
// rows are removed: an erasure may have passed before they were put.
func (t *Table) stillHeld(ctx context.Context, v Value, o Owner, standing []claim) error {
	held, err := t.cfg.Log.Holds(ctx, v.Tenant, o.SubjectRef, v.Kind, o.CommandID)
	if err != nil {
		return fmt.Errorf("ask the log: %w", err)
	}
	for _, text := range held {
		if text == v.Text {
			return nil
		}
	}
	return errors.Join(ErrGone, t.withdraw(ctx, standing))
}

// Release gives a value back whose event can never be appended: it was refused
// for good, or another command of the same process took its place.
func (t *Table) Release(ctx context.Context, v Value, commandID string) error {
	return t.removeAll(ctx, v, func(o Owner) bool { return o.CommandID == commandID && !o.Confirmed })
}

// Erase removes a subject's rows of a value, bytes included. The log must not
// say any more that the subject holds it.
func (t *Table) Erase(ctx context.Context, v Value, subjectRef string) error {
	return t.removeAll(ctx, v, func(o Owner) bool { return o.SubjectRef == subjectRef })
}

// EraseClaim removes the rows that a subject has of a value by one claim. One
// that it has by a later claim, made meanwhile, stays.
func (t *Table) EraseClaim(ctx context.Context, v Value, subjectRef, commandID string) error {
	return t.removeAll(ctx, v, func(o Owner) bool { return o.SubjectRef == subjectRef && o.CommandID == commandID })
}

func (t *Table) removeAll(ctx context.Context, v Value, whose func(Owner) bool) error {
	err := t.underLive(ctx, v.Tenant, func(set pepper.Set) error {
		for _, p := range set {
			if err := t.removeOne(ctx, name(p, v), whose); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove lookup rows: %w", err)
	}
	return nil
}

func (t *Table) removeOne(ctx context.Context, subject string, whose func(Owner) bool) error {
	for range tries {
		c, err := t.get(ctx, subject)
		if errors.Is(err, rows.ErrNotFound) {
			return nil
		}
		if err != nil || !whose(c.owner()) {
			return err
		}
		if err := t.remove(ctx, c); !errors.Is(err, rows.ErrConflict) {
			return err
		}
	}
	return ErrContended
}
