package rpc_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// ages is identity as far as it knows who acts for the one person here, who comes
// of age at a moment.
type ages struct {
	identityv1.AgeServiceClient
	mu        sync.Mutex
	authority identityv1.ActingAuthority
	ofAge     time.Time // zero: nobody knows
	away      bool
	years     uint32 // that were asked about
}

func (a *ages) set(change func(*ages)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a)
}

func (a *ages) CheckActing(_ context.Context, r *identityv1.CheckActingRequest, _ ...grpc.CallOption) (*identityv1.CheckActingResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.away {
		return nil, errors.New("identity is away")
	}
	a.years = r.GetYears()
	out := &identityv1.CheckActingResponse{Others: a.authority != 0, AgeKnown: !a.ofAge.IsZero()}
	if r.GetReference() == "form:7" {
		out.Authority, out.Others = a.authority, false
	}
	for _, at := range r.GetAt() {
		out.Younger = append(out.Younger, at.AsTime().Before(a.ofAge))
	}
	return out, nil
}

// behalf is an act of a guardian on periodic mail.
func (w *world) behalf(d consentv1.Decision) *consentv1.RecordDecisionRequest {
	r := w.act(d, "mail.periodic")
	r.Circumstances.Actor, r.Circumstances.ActorRef = consentv1.Actor_ACTOR_GUARDIAN, "form:7"
	return r
}

func TestAGuardianDecidesOnlyWhileIdentitySaysSo(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	refused := func(what string, r *consentv1.RecordDecisionRequest, reason string) {
		t.Helper()
		expect(t, what, w.record(t, r), codes.FailedPrecondition, reason)
	}
	refused("nobody may act", w.behalf(given), "MANDATE_MISSING")
	w.ages.set(func(a *ages) { a.away = true })
	expect(t, "identity is away", w.record(t, w.behalf(given)), codes.Unavailable, "MANDATE_UNPROVEN")
	w.ages.set(func(a *ages) {
		a.away, a.authority, a.ofAge = false, identityv1.ActingAuthority_ACTING_AUTHORITY_PARENT, w.now().Add(24*time.Hour)
	})
	other := w.behalf(given)
	other.Circumstances.ActorRef = "form:8"
	refused("by another reference", other, "MANDATE_IS_ANOTHERS")
	first := w.behalf(given)
	if err := w.record(t, first); err != nil {
		t.Fatal(err)
	}
	if w.ages.years != 13 {
		t.Errorf("asked about %d years, the policy says 13", w.ages.years)
	}
	w.wants(t, "given by the parent", mail(), "+CONSENT_GIVEN QC-05")
	list, err := w.consent(t, human("product")).ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject})
	if err != nil {
		t.Fatal(err)
	}
	if c := list.GetDecisions()[0].GetCircumstances(); c.GetActorRef() != "form:7" || c.GetAuthority() != consentv1.Authority_AUTHORITY_PARENT {
		t.Errorf("recorded as %v", c)
	}
	w.ages.set(func(a *ages) { a.authority = 0 })
	refused("after the mandate ended", w.behalf(given), "MANDATE_MISSING")
	w.wants(t, "what was decided before", mail(), "+CONSENT_GIVEN QC-05")
	if err := w.record(t, first); err != nil {
		t.Errorf("the same command again: %v", err)
	}
}

func TestAChildsOwnNoStandsFromTheAgeAtWhichTheyDecide(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.ages.set(func(a *ages) {
		a.authority, a.ofAge = identityv1.ActingAuthority_ACTING_AUTHORITY_GUARDIAN, w.now().Add(time.Hour)
	})
	w.decide(t, "qcera", "mail.periodic", withdrawn) // by the child
	w.later(time.Minute)
	if err := w.record(t, w.behalf(given)); err != nil {
		t.Fatalf("against the no of a child: %v", err)
	}
	w.later(2 * time.Hour)
	w.decide(t, "qcera", "mail.periodic", withdrawn) // by the person
	w.later(time.Minute)
	expect(t, "against the no of who decides", w.record(t, w.behalf(given)), codes.FailedPrecondition, "PERSON_HAS_DECIDED")
	w.wants(t, "what they decided", mail(), "CONSENT_WITHDRAWN QC-05")
	// The twin: a no of the guardian is the guardian's to change.
	w.decide(t, "qcera", "mail.periodic", given)
	w.later(time.Minute)
	if err := w.record(t, w.behalf(withdrawn)); err != nil {
		t.Fatal(err)
	}
	w.later(time.Minute)
	if err := w.record(t, w.behalf(given)); err != nil {
		t.Errorf("against their own no: %v", err)
	}
	all := &consentv1.WithdrawAllRequest{RequestId: w.id(), SubjectRef: subject, DecidedAt: w.behalf(given).GetDecidedAt(), Circumstances: w.behalf(given).GetCircumstances()}
	if _, err := w.consent(t, human("product")).WithdrawAll(deadline(t), all); err != nil {
		t.Errorf("withdraws everything: %v", err)
	}
	w.ages.set(func(a *ages) { a.authority = 0 })
	all.RequestId = w.id()
	_, err := w.consent(t, human("product")).WithdrawAll(deadline(t), all)
	expect(t, "withdraws everything after the mandate ended", err, codes.FailedPrecondition, "MANDATE_MISSING")
}
