package rpc_test

import (
	"fmt"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestRefusalsOfPeriodicMailAreListedAndAppliedToWhoeverComesBack(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	fulfilment := consentv1.NewConsentServiceClient(w.dial(t, service("fulfilment")))
	list := func(ref string) string {
		t.Helper()
		res, err := fulfilment.ListRefusals(deadline(t), &consentv1.ListRefusalsRequest{SubjectRef: ref})
		if err != nil || res.GetUntil().AsTime().Before(time.Now().AddDate(9, 0, 0)) {
			t.Fatalf("list: %v, %v", res, err)
		}
		out := ""
		for _, r := range res.GetRefusals() {
			out += fmt.Sprint(r.GetPolicy(), "/", r.GetPurpose(), "/", r.GetChannel(), " ")
		}
		return out
	}
	if got := list(subject); got != "" {
		t.Errorf("of somebody who is not known: %s", got)
	}
	apply := func(ref string, refusals ...*identityv1.KeptRefusal) error {
		_, err := fulfilment.ApplyRefusals(deadline(t), &consentv1.ApplyRefusalsRequest{RequestId: uuid.NewString(), SubjectRef: ref, Refusals: refusals})
		return err
	}
	mail := &identityv1.KeptRefusal{Policy: "qcera", Purpose: "mail.periodic", Channel: "email", RefusedOn: "2020-01-02"}
	for range 2 {
		if err := apply(subject, mail); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(subject); got != "qcera/mail.periodic/email " {
		t.Errorf("listed: %s", got)
	}
	for what, day := range map[string]string{"a day to come": time.Now().AddDate(0, 0, 2).Format(time.DateOnly), "no day": "2020-02-31"} {
		bad := &identityv1.KeptRefusal{Policy: "qcera", Purpose: "mail.periodic", Channel: "email", RefusedOn: day}
		expect(t, what, apply(another, bad), codes.InvalidArgument, "INVALID_ARGUMENT")
	}
	other := &identityv1.KeptRefusal{Policy: "qcera", Purpose: "website.improve", Channel: "email", RefusedOn: "2020-01-02"}
	if err := apply(another, other); err != nil {
		t.Fatal(err)
	}
	if got := list(another); got != "" {
		t.Errorf("a refusal of what is not periodic outlives nothing: %s", got)
	}
}

// An imported yes of today counts, until the person turns out to be one who had
// refused years ago, by another reference.
func TestAMergeUndoesNoRefusalThatWasKept(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	fulfilment := w.consent(t, service("fulfilment"))
	if _, err := fulfilment.ApplyRefusals(deadline(t), &consentv1.ApplyRefusalsRequest{
		RequestId: "step-" + w.id(), SubjectRef: another,
		Refusals: []*identityv1.KeptRefusal{{Policy: "qcera", Purpose: "mail.periodic", Channel: "email", RefusedOn: "2020-01-02"}},
	}); err != nil {
		t.Fatal(err)
	}
	stream, _, err := w.imports(t, file(1, false))
	if err != nil {
		t.Fatal(err)
	}
	res, err := send(stream, 1, kept(2, func(r *consentv1.ImportRow) {
		r.Policy, r.Choice.Purpose, r.DecidedAt = "qcera", "mail.periodic", timestamppb.New(w.now())
	}))
	if err != nil || len(res.GetRefused()) != 0 {
		t.Fatal(res, err)
	}
	fact := func(f consentv1.Fact, cause string) {
		t.Helper()
		for ref, other := range map[string]string{subject: another, another: subject} {
			if _, err := fulfilment.ApplyFact(deadline(t), &consentv1.ApplyFactRequest{
				RequestId: "step-" + w.id(), SubjectRef: ref, Fact: f, Cause: cause, OtherRef: other,
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.wants(t, "imported", mail(), "+CONSENT_GIVEN QC-05")
	fact(consentv1.Fact_FACT_MERGED, cause)
	w.wants(t, "merged", mail(), "CONSENT_WITHDRAWN QC-05")
	fact(consentv1.Fact_FACT_SEPARATED, cause)
	w.wants(t, "separated", mail(), "+CONSENT_GIVEN QC-05")
	fact(consentv1.Fact_FACT_MERGED, another)
	w.wants(t, "merged again", mail(), "CONSENT_WITHDRAWN QC-05")
	w.decide(t, "qcera", "mail.periodic", given)
	w.wants(t, "a yes of their own", mail(), "+CONSENT_GIVEN QC-05")
}
