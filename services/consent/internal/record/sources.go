package record

import (
	"cmp"
	"slices"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/person"
)

// sources packs what a person said of accounts elsewhere.
func (p packer) sources(s person.Person, out *consentv1.PersonRecord) {
	for a, said := range s.Sources {
		r := &consentv1.SourceRecord{Policy: a.Policy, Provider: a.Provider, Scope: a.Scope, Authorization: said.ID}
		if said.ID != "" {
			r.Authorized = nanos(said.At) - nanos(p.since)
		}
		if !said.RevokedAt.IsZero() {
			at := nanos(said.RevokedAt) - nanos(p.since)
			r.Revoked = &at
		}
		out.Sources = append(out.Sources, r)
	}
	slices.SortFunc(out.Sources, func(a, b *consentv1.SourceRecord) int {
		return cmp.Or(cmp.Compare(a.GetPolicy(), b.GetPolicy()), cmp.Compare(a.GetProvider(), b.GetProvider()), cmp.Compare(a.GetScope(), b.GetScope()))
	})
}

func authorisation(since time.Time, r *consentv1.SourceRecord) person.Authorisation {
	out := person.Authorisation{ID: r.GetAuthorization()}
	if out.ID != "" {
		out.At = since.Add(time.Duration(r.GetAuthorized()))
	}
	if r.Revoked != nil {
		out.RevokedAt = since.Add(time.Duration(r.GetRevoked()))
	}
	return out
}
