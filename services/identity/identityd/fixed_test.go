package identityd_test

import (
	"testing"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"google.golang.org/grpc/codes"
)

func TestWhatAPersonIsKnownByStaysWhileTheyAreErased(t *testing.T) {
	_, d := found(t)
	product, fulfilment := d.as(t, tenant, "product"), d.service(t, "fulfilment", tenant)
	ref := d.register(t, email("jane@example.com"), phone("+49 30 12345678"))
	link := func(address string) error {
		_, err := product.LinkIdentifier(deadline(t), &identityv1.LinkIdentifierRequest{RequestId: newRequestID(), SubjectRef: ref, Identifier: email(address)})
		return err
	}
	fix := &identityv1.FixIdentifiersRequest{RequestId: newRequestID(), SubjectRef: ref, Request: request}
	must(fulfilment.FixIdentifiers(deadline(t), fix))(t)
	expect(t, link("jane@example.org"), codes.FailedPrecondition, "ERASURE_UNDER_WAY")

	fix.RequestId, fix.Release = newRequestID(), true
	must(fulfilment.FixIdentifiers(deadline(t), fix))(t)
	if err := link("jane@example.org"); err != nil {
		t.Errorf("after the release: %v", err)
	}
}
