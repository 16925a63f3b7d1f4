package conformance_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
)

// provenFirst shows CW-15: an access and an erasure commit no manifest and touch
// no system before it is proven who asks, well enough for what they ask; the twin
// differs in the proof alone. A refusal of a use needs none.
func provenFirst(t *testing.T, w *world) {
	email := uuid.NewString() + "@people.example"
	w.Register(caseworksTenant, email)
	access := w.unverified(caseworksTenant, email)
	erasure := w.Submit(caseworksTenant, fulfilmentv1.Right_RIGHT_ERASURE, caseworksTenant, email)
	w.nothingBegun(caseworksTenant, access)
	w.nothingBegun(caseworksTenant, erasure)
	w.notWellEnough(false)
	w.notWellEnough(true)
	p := w.stranger(caseworksTenant, caseworksTenant) // nobody has ever proven who they are
	a := ask{purpose: undescribed, category: "account.email", source: "registration"}
	p.decides(act{purpose: undescribed, decision: "given"})
	p.allowed("agreed to", a, "CONSENT_GIVEN")
	p.decides(act{purpose: undescribed, decision: "withdrawn"}) // at once, by the session alone
	p.denied("withdrawn by somebody unproven", a, "CONSENT_WITHDRAWN")
}

// nothingBegun reads the request's whole history.
func (w *world) nothingBegun(tenant, request string) {
	w.Helper()
	begun := []string{"request.manifest_committed", "request.frozen", "request.activated", "request.leaves_started"}
	for _, name := range w.told(tenant, request) {
		if slices.Contains(begun, name) {
			w.Errorf("before it was proven who asks: %s", name)
		}
	}
}

// notWellEnough asks where a channel has to be known for an hour, or not at all.
func (w *world) notWellEnough(settled bool) {
	w.Helper()
	age := time.Hour
	if settled {
		age = 0
	}
	tenant := "cw-15-t" + uuid.NewString()[:8]
	w.GuardedTenant(tenant, &identityv1.Safeguards{Delay: durationpb.New(0), ChannelAge: durationpb.New(age)})
	w.Publish(tenant, caseworksTenant, time.Now().Add(-postedFor))
	email := uuid.NewString() + "@people.example"
	w.Register(tenant, email)
	request := w.Ask(tenant, fulfilmentv1.Right_RIGHT_ACCESS, caseworksTenant, email)
	if !settled {
		x, err := w.As(tenant, "dpo").Requests.ExplainRequest(stack.Deadline(w), &fulfilmentv1.ExplainRequestRequest{Request: request})
		if err != nil || x.GetReason() != "ASSURANCE_TOO_LOW" || len(x.GetSuffices()) == 0 {
			w.Errorf("explained by %q, would suffice %v: %v", x.GetReason(), x.GetSuffices(), err)
		}
		w.nothingBegun(tenant, request)
		return
	}
	testwait.For(w, 30*time.Second, func() error {
		x, err := w.As(tenant, "dpo").Requests.ExplainRequest(stack.Deadline(w), &fulfilmentv1.ExplainRequestRequest{Request: request})
		if err == nil && x.GetRequest().GetState() == fulfilmentv1.RequestState_REQUEST_STATE_RECEIVED {
			return errors.New("the request does not go on")
		}
		return err
	})
}
