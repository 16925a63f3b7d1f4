package registry

import (
	"context"
	"slices"
	"time"

	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
)

// Held is an identifier and the reference that holds it, whose key seals it.
type Held struct {
	Ref string
	subject.Identifier
}

// Root is the reference as which a person is found, and its subject: the one
// that stays if this one was merged into it.
func (r *Registry) Root(ctx context.Context, tenant, ref string) (string, subject.Subject, error) {
	s, err := r.Load(ctx, tenant, ref)
	if err != nil || !s.Into.Done {
		return ref, s, err
	}
	root := s.Into.Subject
	s, err = r.Load(ctx, tenant, root)
	return root, s, err
}

// Everything is what a person holds by all references: the root's own first.
func (r *Registry) Everything(ctx context.Context, tenant, root string, s subject.Subject) ([]Held, error) {
	var out []Held
	for _, i := range s.Held {
		out = append(out, Held{Ref: root, Identifier: i})
	}
	for _, m := range s.Standing() {
		other, err := r.Load(ctx, tenant, m.Other)
		if err != nil {
			return nil, err
		}
		for _, i := range other.Held {
			out = append(out, Held{Ref: m.Other, Identifier: i})
		}
	}
	return out, nil
}

// Fix keeps what a person is known by as it is for a request, under every
// reference that is theirs. While a merge of one of them is under way it returns
// subject.ErrMerging; once it has returned nil, none begins.
func (r *Registry) Fix(ctx context.Context, tenant, ref, id, request string, at time.Time) error {
	fixed := map[string]bool{}
	for range subject.MaxMerges + 2 { // each round but the last finds a reference more
		root, who, err := r.Root(ctx, tenant, ref)
		if err != nil {
			return err
		}
		var refs []string
		for _, one := range append([]string{root}, others(who)...) {
			if !fixed[one] {
				refs, fixed[one] = append(refs, one), true
			}
		}
		if len(refs) == 0 {
			return nil
		}
		for _, one := range refs {
			fix := subject.Fix{Request: request}
			if one != ref {
				fix.Named = ref
			}
			err = r.each(ctx, tenant, []string{one}, Command{ID: id, At: at, Meta: es.Meta{Correlation: request}, Data: fix})
			if err != nil {
				return err
			}
		}
	}
	return es.ErrContended
}

// others are the references that were merged into a subject.
func others(s subject.Subject) []string {
	var out []string
	for _, m := range s.Standing() {
		out = append(out, m.Other)
	}
	return out
}

// Release ends what Fix began, also under references that are not theirs any
// more.
func (r *Registry) Release(ctx context.Context, tenant, ref, id, request string, at time.Time) error {
	ask, refs := []string{ref}, []string{}
	for len(ask) > 0 {
		one := ask[0]
		ask = ask[1:]
		if slices.Contains(refs, one) {
			continue
		}
		s, err := r.Load(ctx, tenant, one)
		if err != nil {
			return err
		}
		refs = append(refs, one)
		if s.Into.Done {
			ask = append(ask, s.Into.Subject)
		}
		ask = append(ask, s.Was...)
		for _, m := range s.Merges {
			ask = append(ask, m.Other)
		}
	}
	return r.each(ctx, tenant, refs, Command{ID: id, At: at, Meta: es.Meta{Correlation: request}, Data: subject.Release{Request: request}})
}

// Search says that a request is about to look for a person by whichever
// reference, and to destroy what it finds, for some time: meanwhile nobody is
// separated from them. It returns the reference as which the person is found, and
// its subject; subject.ErrParting while somebody waits to be separated.
func (r *Registry) Search(ctx context.Context, tenant, ref, request string, at time.Time, lasts time.Duration) (string, subject.Subject, error) {
	root, _, err := r.Root(ctx, tenant, ref)
	if err != nil {
		return "", subject.Subject{}, err
	}
	id, err := es.NewID(r.cfg.Random)
	if err != nil {
		return "", subject.Subject{}, err
	}
	res, err := r.cfg.Subjects.Handle(ctx, Aggregate(tenant, root), Command{
		ID: id, At: at, Meta: es.Meta{Correlation: request}, Data: subject.Search{Request: request, At: at, Until: at.Add(lasts)},
	})
	return root, res.State, err
}

func (r *Registry) each(ctx context.Context, tenant string, refs []string, cmd Command) error {
	for _, ref := range refs {
		if _, err := r.cfg.Subjects.Handle(ctx, Aggregate(tenant, ref), cmd); err != nil {
			return err
		}
	}
	return nil
}

// Touch lists what is about to be done to a person, if they are merged. What is
// told again is listed for merges that have come since.
func (r *Registry) Touch(ctx context.Context, tenant, root string, t subject.Touch) error {
	id, err := es.NewID(r.cfg.Random)
	if err != nil {
		return err
	}
	_, err = r.cfg.Subjects.Handle(ctx, Aggregate(tenant, root), Command{
		ID: id, At: t.At, Meta: es.Meta{Correlation: t.Reference},
		Data: subject.RecordTouch{Touch: t},
	})
	return err
}
