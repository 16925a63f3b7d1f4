package rpc

import (
	"context"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/subject"
)

// CheckActing says by what somebody may act for a person.
func (s *Ages) CheckActing(ctx context.Context, r *identityv1.CheckActingRequest) (*identityv1.CheckActingResponse, error) {
	tenant, ref := tenantOf(ctx), r.GetSubjectRef()
	who, err := s.Registry.Load(ctx, tenant, ref)
	if err == nil && who.Into.Done {
		ref = who.Into.Subject
		who, err = s.Registry.Load(ctx, tenant, ref)
	}
	if err != nil {
		return nil, err
	}
	out := &identityv1.CheckActingResponse{Younger: make([]bool, len(r.GetAt()))}
	if who.Phase != subject.Active {
		return out, nil
	}
	mandate, consent := mandateNow(who, r.GetReference()), who.Parental.Stands() && who.Parental.Evidence == r.GetReference()
	out.Authority = mandate
	if mandate == identityv1.ActingAuthority_ACTING_AUTHORITY_UNSPECIFIED && consent {
		out.Authority = identityv1.ActingAuthority_ACTING_AUTHORITY_PARENTAL_CONSENT
	}
	out.Others = out.GetAuthority() == identityv1.ActingAuthority_ACTING_AUTHORITY_UNSPECIFIED && (who.Mandate.Stands() || who.Parental.Stands())
	out.Internal = who.Parental.How == "email_plus" || who.Parental.How == "text_plus"
	at := make([]time.Time, len(r.GetAt()))
	for i, t := range r.GetAt() {
		at[i] = t.AsTime()
	}
	out.Younger, out.AgeKnown, err = s.Desk.Younger(ctx, tenant, ref, who, int(r.GetYears()), at)
	return out, err
}

// mandateNow is the mandate that stands and that a reference shows.
func mandateNow(who subject.Subject, reference string) identityv1.ActingAuthority {
	if !who.Mandate.Stands() || who.Mandate.Evidence != reference {
		return identityv1.ActingAuthority_ACTING_AUTHORITY_UNSPECIFIED
	}
	return map[string]identityv1.ActingAuthority{
		"parent":         identityv1.ActingAuthority_ACTING_AUTHORITY_PARENT,
		"guardian":       identityv1.ActingAuthority_ACTING_AUTHORITY_GUARDIAN,
		"representative": identityv1.ActingAuthority_ACTING_AUTHORITY_REPRESENTATIVE,
	}[who.Mandate.How]
}
