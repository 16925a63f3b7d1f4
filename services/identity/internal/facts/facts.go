// Package facts tells consent what identity is about to record about a person,
// so that no answer is more generous than what identity knows. Telling the same
// again changes nothing.
package facts

import (
	"context"
	"errors"
	"fmt"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc/client"
)

var (
	// ErrNotConnected says that this installation has not told identity where
	// consent is: what consent would have to learn first can't be done.
	ErrNotConnected = errors.New("consent is not connected")
	// ErrAway says that consent could not be told.
	ErrAway = errors.New("consent could not be told")
)

// Teller tells facts. It may be used by several goroutines. Without a client it
// refuses.
type Teller struct {
	Consent consentv1.ConsentServiceClient
}

// Merged says that two references are one person.
func (t Teller) Merged(ctx context.Context, tenant, ref, other, merge string) error {
	return t.both(ctx, tenant, ref, other, merge, consentv1.Fact_FACT_MERGED)
}

// Separated says that they are not.
func (t Teller) Separated(ctx context.Context, tenant, ref, other, merge string) error {
	return t.both(ctx, tenant, ref, other, merge, consentv1.Fact_FACT_SEPARATED)
}

func (t Teller) both(ctx context.Context, tenant, ref, other, merge string, fact consentv1.Fact) error {
	for _, pair := range [][2]string{{other, ref}, {ref, other}} {
		err := t.tell(ctx, tenant, &consentv1.ApplyFactRequest{SubjectRef: pair[0], OtherRef: pair[1], Fact: fact, Cause: merge})
		if err != nil {
			return err
		}
	}
	return nil
}

// SignedUp says that a visit became a person. cause is the command's own.
func (t Teller) SignedUp(ctx context.Context, tenant, ref, visit, cause string) error {
	return t.tell(ctx, tenant, &consentv1.ApplyFactRequest{
		SubjectRef: ref, OtherRef: visit, Fact: consentv1.Fact_FACT_SIGNED_UP, Cause: cause,
	})
}

// Minor says whether a policy serves a person of their age.
func (t Teller) Minor(ctx context.Context, tenant, ref, policy, cause string, minor bool) error {
	fact := consentv1.Fact_FACT_NOT_MINOR
	if minor {
		fact = consentv1.Fact_FACT_MINOR
	}
	return t.tell(ctx, tenant, &consentv1.ApplyFactRequest{SubjectRef: ref, Policy: policy, Fact: fact, Cause: cause})
}

// Refused says which messages whoever had an identifier of the person before had
// refused. cause is the command's own.
func (t Teller) Refused(ctx context.Context, tenant, ref, cause string, refusals []*identityv1.KeptRefusal) error {
	if t.Consent == nil {
		return ErrNotConnected
	}
	_, err := t.Consent.ApplyRefusals(client.WithTenant(ctx, tenant), &consentv1.ApplyRefusalsRequest{
		RequestId: es.DeriveID(tenant, "tell/refusals", ref+"/"+cause), SubjectRef: ref, Refusals: refusals,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	return nil
}

func (t Teller) tell(ctx context.Context, tenant string, r *consentv1.ApplyFactRequest) error {
	if t.Consent == nil {
		return ErrNotConnected
	}
	r.RequestId = es.DeriveID(tenant, "tell/"+r.GetFact().String()+"/"+r.GetPolicy(), r.GetSubjectRef()+"/"+r.GetCause())
	if _, err := t.Consent.ApplyFact(client.WithTenant(ctx, tenant), r); err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	return nil
}
