package identityd_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
)

func TestARegistrationThatComesAgainFindsItsSubject(t *testing.T) {
	w, d := found(t)
	product := d.as(t, tenant, "product")
	ask := &identityv1.RegisterSubjectRequest{
		RequestId: newRequestID(), Identifiers: []*identityv1.Identifier{email("jane@example.com"), phone("+493011111111")},
	}
	var all sync.WaitGroup
	refs := make([]string, 6)
	for i := range refs {
		all.Go(func() {
			testwait.For(t, 20*time.Second, func() error { // two at once may be told to come back
				got, err := product.RegisterSubject(deadline(t), ask)
				refs[i] = got.GetSubjectRef()
				if code, _, _ := answer(err); code != codes.OK && code != codes.Aborted {
					return testwait.Final(err)
				}
				return err
			})
		})
	}
	all.Wait()
	if len(slices.Compact(slices.Sorted(slices.Values(refs)))) != 1 {
		t.Errorf("one registration made %v", refs)
	}
	other := &identityv1.RegisterSubjectRequest{RequestId: ask.GetRequestId(), Identifiers: []*identityv1.Identifier{email("john@example.com")}}
	_, err := product.RegisterSubject(deadline(t), other)
	expect(t, err, codes.AlreadyExists, "REQUEST_ID_REUSED")
	john := d.register(t, email("john@example.com")) // what was claimed in vain is free
	if john == refs[0] {
		t.Error("two people are one")
	}
	d.forget(t, refs[0])
	again := must(product.RegisterSubject(deadline(t), ask))(t)
	if again.GetSubjectRef() != refs[0] {
		t.Error("a late repeat made a forgotten person anew")
	}
	if diff := cmp.Diff([]string{
		"subject.registered", "subject.identifier_linked", "subject.identifier_linked", "subject.forgetting_begun", "subject.forgotten",
	}, w.history(t, "subject", tenant, refs[0])); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestOneValueHasOneHolder(t *testing.T) {
	w, d := found(t)
	product := d.as(t, tenant, "product")
	won := make([]string, 8)
	var all sync.WaitGroup
	for i := range won {
		all.Go(func() {
			got, err := product.RegisterSubject(deadline(t), &identityv1.RegisterSubjectRequest{
				RequestId: newRequestID(), Identifiers: []*identityv1.Identifier{phone(fmt.Sprintf("+49301111111%d", i)), email("shared@example.com")},
			})
			code, reason, _ := answer(err)
			if code != codes.OK && reason != "IDENTIFIER_TAKEN" && reason != "IDENTIFIER_BUSY" {
				t.Errorf("got %s %s", code, reason)
			}
			won[i] = got.GetSubjectRef()
		})
	}
	all.Wait()
	won = slices.DeleteFunc(won, func(ref string) bool { return ref == "" })
	if len(won) != 1 {
		t.Fatalf("%d hold one value", len(won))
	}
	before := w.commits(t)
	_, err := product.RegisterSubject(deadline(t), &identityv1.RegisterSubjectRequest{
		RequestId: newRequestID(), Identifiers: []*identityv1.Identifier{email("shared@example.com")},
	})
	expect(t, err, codes.AlreadyExists, "IDENTIFIER_TAKEN")
	if w.commits(t) != before {
		t.Error("a registration that was refused is in the log")
	}
}

func TestIdentifiersAreLinkedAndUnlinked(t *testing.T) {
	w, d := found(t)
	product := d.as(t, tenant, "product")
	jane, john := d.register(t, email("jane@example.com")), d.register(t, email("john@example.com"))
	link := func(ref string, id *identityv1.Identifier) error {
		_, err := product.LinkIdentifier(deadline(t), &identityv1.LinkIdentifierRequest{RequestId: newRequestID(), SubjectRef: ref, Identifier: id})
		return err
	}
	unlink := func(ref string, id *identityv1.Identifier) error {
		_, err := product.UnlinkIdentifier(deadline(t), &identityv1.UnlinkIdentifierRequest{RequestId: newRequestID(), SubjectRef: ref, Identifier: id})
		return err
	}
	number := phone("+493011111111")
	cookie := &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_COOKIE, Value: "c-1"}
	expect(t, link(jane, number), codes.OK, "")
	expect(t, link(jane, phone("+49 30 1111 1111")), codes.OK, "") // held already
	expect(t, link(john, number), codes.AlreadyExists, "IDENTIFIER_TAKEN")
	expect(t, link(john, cookie), codes.FailedPrecondition, "IDENTIFIER_IS_ANALYTICS")
	expect(t, unlink(john, number), codes.FailedPrecondition, "IDENTIFIER_NOT_HELD")
	expect(t, unlink(john, email("john@example.com")), codes.FailedPrecondition, "IDENTIFIER_IS_LAST")
	expect(t, unlink(jane, number), codes.OK, "")
	_, err := product.ResolveSubject(deadline(t), &identityv1.ResolveSubjectRequest{Identifier: number})
	expect(t, err, codes.NotFound, "SUBJECT_NOT_FOUND")
	expect(t, link(john, number), codes.OK, "")
	expect(t, unlink(john, number), codes.OK, "")
	expect(t, link(john, number), codes.OK, "") // and back
	got := must(product.ResolveSubject(deadline(t), &identityv1.ResolveSubjectRequest{Identifier: number}))(t)
	if got.GetSubjectRef() != john {
		t.Error("the number is not John's")
	}
	want := []string{"subject.registered", "subject.identifier_linked", "subject.identifier_linked", "subject.identifier_unlinked"}
	if diff := cmp.Diff(want, w.history(t, "subject", tenant, jane)); diff != "" {
		t.Errorf("history of Jane (-want +got):\n%s", diff)
	}
}

func TestAReadStatesItsPurposeAndStandsInTheLogFirst(t *testing.T) {
	w, d := found(t)
	jane := d.register(t, email("jane@example.com"))
	verifier := d.as(t, tenant, "verifier")
	_, err := verifier.ListIdentifiers(deadline(t), &identityv1.ListIdentifiersRequest{SubjectRef: jane})
	expect(t, err, codes.InvalidArgument, "PURPOSE_REQUIRED")
	w.nats.Stop() // nothing can be recorded
	short := deadline(t)
	_, err = verifier.ListIdentifiers(withPurpose(short), &identityv1.ListIdentifiersRequest{SubjectRef: jane})
	if code, _, _ := answer(err); code != codes.Unavailable && code != codes.DeadlineExceeded {
		t.Errorf("without a log: got %v", err)
	}
}

func TestATenantIsMadeOnce(t *testing.T) {
	w, d := found(t)
	admin := d.stepped(t, "pat", "platform", "platform_admin")
	ask := &identityv1.CreateTenantRequest{RequestId: newRequestID(), Tenant: "third", DisplayName: "Third", TimeZone: "UTC"}
	for range 2 {
		must(admin.CreateTenant(deadline(t), ask))(t)
	}
	again := &identityv1.CreateTenantRequest{RequestId: newRequestID(), Tenant: "third", DisplayName: "Other", TimeZone: "UTC"}
	_, err := admin.CreateTenant(deadline(t), again)
	expect(t, err, codes.AlreadyExists, "TENANT_EXISTS")
	if diff := cmp.Diff([]string{"tenant.created", "tenant.creation_refused"}, w.history(t, "tenant", "third", "third")); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	got := must(d.service(t, "consent", "third").GetTenant(deadline(t), &identityv1.GetTenantRequest{}))(t)
	if got.GetDisplayName() != "Third" || got.GetTenant() != "third" || got.GetTimeZone() != "UTC" {
		t.Errorf("tenant is %v", got)
	}
}
