package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/seal/lookup"
)

// tries bounds how often a claim that met leftovers is made anew.
const tries = 4

// With is what is recorded with a registration.
type With struct {
	// Policy is that under which; empty if it is not said.
	Policy string
	// Age makes what is known of it, for the reference that the person gets; nil for
	// nothing. It may be asked again, and never once they are registered: what it does
	// besides is not undone.
	Age func(ctx context.Context, ref string) ([]subject.Command, error)
	// Before is done once the values are the reference's, before it is known by them;
	// nil for nothing. It may be done again.
	Before func(ctx context.Context, ref string) error
}

// before does what comes first of a reference that is not known yet.
func (w With) before(ctx context.Context, s subject.Subject, ref string) error {
	if w.Before == nil || s.Phase != subject.Unknown {
		return nil
	}
	return w.Before(ctx, ref)
}

// age makes what is known about somebody who is not registered yet.
func (w With) age(ctx context.Context, s subject.Subject, ref string) ([]subject.Command, error) {
	if w.Age == nil || s.Phase != subject.Unknown {
		return nil, nil
	}
	return w.Age(ctx, ref)
}

// Register makes a subject that holds the values, or finds the one that the
// same command made before. Values must differ from one another. A reference comes
// with an error, too, if With.Age was asked for it.
func (r *Registry) Register(ctx context.Context, tenant string, cmd Command, values []Value, with With) (ref string, res Result, err error) {
	base := es.DeriveID(tenant, "register", cmd.ID)
	for range tries {
		if err = r.free(ctx, tenant, base, values); err != nil {
			return "", res, err
		}
		ref, err = r.claimAll(ctx, tenant, base, values)
		if err != nil {
			return "", res, err
		}
		data := subject.Register{Claim: base, Policy: with.Policy, At: cmd.At}
		for i, v := range values {
			data.Identifiers = append(data.Identifiers, subject.Claimed{
				Kind: v.Kind, Value: personal.Clear(v.Text), Claim: part(base, i), Analytics: v.Analytics,
			})
		}
		s, _, err := r.cfg.Subjects.Load(ctx, Aggregate(tenant, ref), es.Leader)
		if err == nil {
			err = with.before(ctx, s, ref)
		}
		if err == nil {
			data.Age, err = with.age(ctx, s, ref)
		}
		if err != nil {
			return ref, res, err
		}
		cmd.Data = data
		res, err = r.cfg.Subjects.Handle(ctx, Aggregate(tenant, ref), cmd)
		switch {
		case err == nil:
			r.confirmAll(ctx, tenant, ref, base, values, res.State)
			return ref, res, nil
		case errors.Is(err, es.ErrCommandReused), errors.Is(err, subject.ErrBarred):
			// Neither ever appends: what was claimed for it is given back.
			if released := r.releaseAll(ctx, tenant, base, values); released != nil {
				return ref, res, errors.Join(err, released)
			}
		}
		if !errors.Is(err, subject.ErrBarred) {
			return ref, res, err
		}
	}
	return ref, res, es.ErrContended
}

// part is the claim of one of a registration's values.
func part(base string, i int) string { return fmt.Sprintf("%s-%d", base, i) }

// free refuses values that somebody else holds before anything is claimed. The
// row of one who was forgotten, which a restore may have brought back, is
// removed.
func (r *Registry) free(ctx context.Context, tenant, base string, values []Value) error {
	own, err := r.cfg.Table.Resolve(ctx, Value{Kind: kindCommand, Text: base}.in(tenant))
	if err == nil && own.Confirmed {
		return nil // a repeat, whatever has become of the values
	}
	if err != nil && !errors.Is(err, lookup.ErrNotFound) {
		return fmt.Errorf("look up command: %w", err)
	}
	for i, v := range values {
		owner, err := r.cfg.Table.Resolve(ctx, v.in(tenant))
		if errors.Is(err, lookup.ErrNotFound) || err == nil && (!owner.Confirmed || owner.CommandID == part(base, i)) {
			continue
		}
		if err == nil {
			err = r.taken(ctx, tenant, "", v, owner)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// taken returns subject.ErrTaken, unless the owner has been forgotten, or is ref
// itself, which does not hold the value: then the row goes, and nil is returned.
func (r *Registry) taken(ctx context.Context, tenant, ref string, v Value, owner lookup.Owner) error {
	s, err := r.Load(ctx, tenant, owner.SubjectRef)
	if err != nil && !errors.Is(err, subject.ErrNotFound) {
		return err
	}
	if err == nil && s.Phase == subject.Active && owner.SubjectRef != ref {
		return subject.ErrTaken
	}
	if s.Phase == subject.Forgetting { // its own erasure will get there
		return lookup.ErrBusy
	}
	return r.cfg.Table.Erase(ctx, v.in(tenant), owner.SubjectRef)
}

// claimAll claims the command's own row first, so that all attempts of one
// command meet there and use one reference.
func (r *Registry) claimAll(ctx context.Context, tenant, base string, values []Value) (string, error) {
	fresh, err := es.NewID(r.cfg.Random)
	if err != nil {
		return "", err
	}
	owner, err := r.cfg.Table.Claim(ctx, Value{Kind: kindCommand, Text: base}.in(tenant), fresh, base)
	if err != nil {
		return "", fmt.Errorf("claim command: %w", err)
	}
	ref := owner.SubjectRef
	if owner.Confirmed {
		return ref, nil
	}
	for i, v := range values {
		if err := r.claimFor(ctx, tenant, v, ref, part(base, i)); err != nil {
			return "", err
		}
	}
	return ref, nil
}

// claimFor claims one value for a reference. What an attempt that was given up
// has claimed for another one is released.
func (r *Registry) claimFor(ctx context.Context, tenant string, v Value, ref, claim string) error {
	for range tries {
		owner, err := r.cfg.Table.Claim(ctx, v.in(tenant), ref, claim)
		var owned *lookup.Owned
		if errors.As(err, &owned) {
			if err := r.taken(ctx, tenant, ref, v, owned.Owner); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("claim identifier: %w", err)
		}
		if owner.SubjectRef == ref {
			return nil
		}
		if err := r.cfg.Table.Release(ctx, v.in(tenant), claim); err != nil {
			return err
		}
	}
	return es.ErrContended
}

// confirmAll confirms what the subject holds by these claims. What fails here
// is done by the sweep: the event is in the log.
func (r *Registry) confirmAll(ctx context.Context, tenant, ref, base string, values []Value, s subject.Subject) {
	if s.Phase != subject.Active {
		return
	}
	claims := map[string]Value{base: {Kind: kindCommand, Text: base}}
	for i, v := range values {
		if holds(s, part(base, i)) {
			claims[part(base, i)] = v
		}
	}
	for claim, v := range claims {
		r.confirm(ctx, tenant, ref, claim, v)
	}
}

func (r *Registry) confirm(ctx context.Context, tenant, ref, claim string, v Value) {
	err := r.cfg.Table.Confirm(ctx, v.in(tenant), lookup.Owner{SubjectRef: ref, CommandID: claim})
	if err != nil {
		r.cfg.Log.WarnContext(ctx, "claim was left to the sweep", slog.String("error", err.Error()))
	}
}

func holds(s subject.Subject, claim string) bool {
	for _, i := range s.Held {
		if i.Claim == claim {
			return true
		}
	}
	return false
}

func (r *Registry) releaseAll(ctx context.Context, tenant, base string, values []Value) error {
	err := r.cfg.Table.Release(ctx, Value{Kind: kindCommand, Text: base}.in(tenant), base)
	for i, v := range values {
		err = errors.Join(err, r.cfg.Table.Release(ctx, v.in(tenant), part(base, i)))
	}
	return err
}
