package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/vault"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
)

// Link gives a subject one more value. One that it holds already changes
// nothing. before is done once the value is claimed, before the subject is known by
// it; nil for nothing.
func (r *Registry) Link(ctx context.Context, tenant, ref string, cmd Command, v Value, before func(ctx context.Context, ref string) error) (Result, error) {
	s, err := r.Load(ctx, tenant, ref)
	if err != nil {
		return Result{}, err
	}
	claim := es.DeriveID(tenant, "link", cmd.ID)
	data := subject.Link{Identifier: subject.Claimed{
		Kind: v.Kind, Value: personal.Clear(v.Text), Claim: claim, Analytics: v.Analytics,
	}}
	claimed := false
	if !s.Linked(claim) && subject.Linkable(s, data) {
		number, err := r.holding(ctx, tenant, ref, s, v)
		if err != nil || number != 0 {
			return Result{State: s}, err
		}
		err = r.claimFor(ctx, tenant, v, ref, claim)
		if err != nil && !errors.Is(err, subject.ErrTaken) {
			return Result{}, err
		}
		data.Taken, claimed = err != nil, err == nil
	}
	if claimed && before != nil {
		if err := before(ctx, ref); err != nil {
			return Result{}, errors.Join(err, r.cfg.Table.Release(ctx, v.in(tenant), claim))
		}
	}
	data.At = cmd.At
	cmd.Data = data
	res, err := r.cfg.Subjects.Handle(ctx, Aggregate(tenant, ref), cmd)
	var refused subject.Refusal
	never := errors.As(err, &refused) || errors.Is(err, subject.ErrBarred) || errors.Is(err, es.ErrCommandReused)
	switch {
	case err == nil && holds(res.State, claim):
		r.confirm(ctx, tenant, ref, claim, v)
	case claimed && never:
		return res, errors.Join(err, r.cfg.Table.Release(ctx, v.in(tenant), claim))
	}
	return res, err
}

// Unlink takes a value from a subject, and then its row.
func (r *Registry) Unlink(ctx context.Context, tenant, ref string, cmd Command, v Value) (Result, error) {
	s, err := r.Load(ctx, tenant, ref)
	if err != nil {
		return Result{}, err
	}
	number, err := r.holding(ctx, tenant, ref, s, v)
	if err != nil {
		return Result{}, err
	}
	cmd.Data = subject.Unlink{Number: number}
	res, err := r.cfg.Subjects.Handle(ctx, Aggregate(tenant, ref), cmd)
	if err != nil {
		return res, err
	}
	return res, r.Tidy(ctx, tenant, ref)
}

// Tidy removes the rows of values that a subject held once and holds no more.
func (r *Registry) Tidy(ctx context.Context, tenant, ref string) error {
	s, err := r.Load(ctx, tenant, ref)
	if err != nil {
		return err
	}
	for _, i := range s.Removed {
		v, err := r.Open(ctx, purposeErase, tenant, ref, i)
		if errors.Is(err, seal.ErrErased) {
			continue // keys go after rows
		}
		if err != nil {
			return fmt.Errorf("open identifier: %w", err)
		}
		again, err := r.holding(ctx, tenant, ref, s, v)
		if err != nil {
			return err
		}
		if again != 0 {
			continue
		}
		if err := r.eraseRow(ctx, tenant, ref, s, i, v); err != nil {
			return err
		}
	}
	return nil
}

// eraseRow removes the row of a value that is held no more. Of an active
// subject that is the row of the claim that it was held by: the subject may be
// given the value again while this runs.
func (r *Registry) eraseRow(ctx context.Context, tenant, ref string, s subject.Subject, i subject.Identifier, v Value) error {
	if s.Phase == subject.Active {
		return r.cfg.Table.EraseClaim(ctx, v.in(tenant), ref, i.Claim)
	}
	return r.cfg.Table.Erase(ctx, v.in(tenant), ref)
}

// reasonErasure is why a forgotten subject's keys are destroyed.
const reasonErasure = "erasure"

// forgetting is how long nobody is separated from a person who is being forgotten,
// counted anew for each reference: no call lasts as long.
const forgetting = 2 * time.Minute

// Forget ends a person, by whichever reference: first those that were merged
// into the one that stays, then that one. Nobody is separated meanwhile; whoever
// was separated before is not ended, unless their end had begun.
func (r *Registry) Forget(ctx context.Context, tenant, ref, commandID, request string) (subject.Ending, Result, error) {
	root, s, err := r.Search(ctx, tenant, ref, request, r.cfg.Now(), forgetting)
	if err != nil {
		return subject.Ending{}, Result{}, err
	}
	if err := r.Touch(ctx, tenant, root, subject.Touch{Kind: subject.TouchErasure, Reference: request, At: r.cfg.Now()}); err != nil {
		return subject.Ending{}, Result{}, err
	}
	var all subject.Ending
	for _, m := range s.Merges {
		end, err := r.forgetMerged(ctx, tenant, root, m.ID, commandID, request)
		if err != nil {
			return all, Result{}, err
		}
		all = add(all, end)
	}
	end, res, err := r.forget(ctx, tenant, root, commandID, request)
	return add(end, all), res, err
}

// forgetMerged ends the reference that a merge has joined to a person, if it still
// stands, or if the same request was ending it when it was undone.
func (r *Registry) forgetMerged(ctx context.Context, tenant, root, merge, commandID, request string) (subject.Ending, error) {
	_, s, err := r.Search(ctx, tenant, root, request, r.cfg.Now(), forgetting)
	if err != nil {
		return subject.Ending{}, err
	}
	m, _ := s.MergeOf(merge)
	if !m.Ended.IsZero() {
		other, err := r.Load(ctx, tenant, m.Other)
		if err != nil || other.Phase != subject.Forgetting || other.Ending.Request != request {
			return subject.Ending{}, err
		}
	}
	end, _, err := r.forget(ctx, tenant, m.Other, es.DeriveID(tenant, "forget-merged", commandID+"/"+m.Other), request)
	return end, err
}

// add sums up the ends of one person's references.
func add(a, b subject.Ending) subject.Ending {
	a.KeysDestroyed += b.KeysDestroyed
	if b.ResidueEndsAt.After(a.ResidueEndsAt) {
		a.ResidueEndsAt = b.ResidueEndsAt
	}
	return a
}

// forget ends one reference: recorded, rows deleted, key destroyed behind the
// fence, recorded.
func (r *Registry) forget(ctx context.Context, tenant, ref, commandID, request string) (subject.Ending, Result, error) {
	agg := Aggregate(tenant, ref)
	res, err := r.cfg.Subjects.Handle(ctx, agg, Command{
		ID: commandID, At: r.cfg.Now(), Meta: es.Meta{Correlation: request}, Data: subject.BeginForgetting{Request: request},
	})
	if err != nil || res.State.Phase == subject.Forgotten {
		return res.State.Ending, res, err
	}
	if err := r.Tidy(ctx, tenant, ref); err != nil {
		return subject.Ending{}, res, fmt.Errorf("delete lookup rows: %w", err)
	}
	keys, err := r.destroy(ctx, tenant, ref, request)
	if err != nil {
		return subject.Ending{}, res, err
	}
	residue, err := r.cfg.Residue(ctx, keys)
	if err != nil {
		return subject.Ending{}, res, err
	}
	res, err = r.cfg.Subjects.Handle(ctx, agg, Command{
		ID: es.DeriveID(tenant, "end-forgetting", ref), At: r.cfg.Now(), Meta: es.Meta{Correlation: request},
		Data: subject.EndForgetting{KeysDestroyed: uint32(len(keys)), ResidueEndsAt: residue.Truncate(time.Microsecond)},
	})
	return res.State.Ending, res, err
}

func (r *Registry) destroy(ctx context.Context, tenant, ref, request string) ([]seal.KeyID, error) {
	holder, err := seal.NewHolder(seal.Subject, ref)
	if err != nil {
		return nil, err
	}
	id := seal.KeyID{Tenant: tenant, Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_PROFILE}
	err = r.cfg.Destroy(ctx, vault.Order{Key: id, Reason: reasonErasure, CommandID: request})
	if err != nil {
		return nil, fmt.Errorf("destroy key: %w", err)
	}
	return []seal.KeyID{id}, nil
}

// Record writes down that somebody is about to see a person's identifiers, and
// returns whose they are: by whichever reference, those of all.
func (r *Registry) Record(ctx context.Context, tenant, ref string, read subject.Read) ([]Held, error) {
	root, _, err := r.Root(ctx, tenant, ref)
	if err != nil {
		return nil, err
	}
	id, err := es.NewID(r.cfg.Random)
	if err != nil {
		return nil, err
	}
	res, err := r.cfg.Subjects.Handle(ctx, Aggregate(tenant, root), Command{
		ID: id, At: r.cfg.Now(), Data: subject.RecordRead{Read: read},
	})
	if err != nil {
		return nil, err
	}
	return r.Everything(ctx, tenant, root, res.State)
}
