// Package refusals keeps what people had refused beyond their erasure, and tells
// consent of it before whoever comes back is known by the same identifier. What is
// kept names neither: it is found by a keyed hash of the identifier alone.
package refusals

import (
	"context"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/internal/facts"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/seal/suppression"
)

// Desk keeps refusals. It may be used by several goroutines and processes.
type Desk struct {
	Set   *suppression.Refusals
	Facts facts.Teller
}

// mail is the channel that goes to e-mail addresses, and their kind.
const mail = "email"

// reaches reports whether messages of a channel go to identifiers of a kind: mail to
// addresses, and what goes by another channel to any of the others.
func reaches(channel string, v registry.Value) bool {
	return (channel == mail) == (v.Kind == mail) && !v.Analytics && !subject.Analytics(v.Kind)
}

// Keep remembers refusals under each identifier that their messages go to, in place
// of what was remembered under it.
func (d Desk) Keep(ctx context.Context, tenant string, values []registry.Value, list []*identityv1.KeptRefusal, until time.Time) error {
	for _, v := range values {
		var under []*sealv1.KeptRefusal
		for _, r := range list {
			if reaches(r.GetChannel(), v) {
				under = append(under, &sealv1.KeptRefusal{
					Policy: r.GetPolicy(), Purpose: r.GetPurpose(), Channel: r.GetChannel(), RefusedOn: r.GetRefusedOn(),
				})
			}
		}
		if err := d.Set.Keep(ctx, tenant, v.Kind, v.Text, under, until); err != nil {
			return err
		}
	}
	return nil
}

// Of returns what tells consent of the refusals that are kept under identifiers, for
// a reference that is to be known by them; nil if there are none.
func (d Desk) Of(ctx context.Context, tenant, cause string, values ...registry.Value) (func(ctx context.Context, ref string) error, error) {
	var found []*identityv1.KeptRefusal
	for _, v := range values {
		kept, err := d.Set.Kept(ctx, tenant, v.Kind, v.Text)
		if err != nil {
			return nil, err
		}
		for _, r := range kept {
			found = append(found, &identityv1.KeptRefusal{
				Policy: r.GetPolicy(), Purpose: r.GetPurpose(), Channel: r.GetChannel(), RefusedOn: r.GetRefusedOn(),
			})
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	return func(ctx context.Context, ref string) error { return d.Facts.Refused(ctx, tenant, ref, cause, found) }, nil
}
