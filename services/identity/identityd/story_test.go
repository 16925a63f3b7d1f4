package identityd_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
)

const tenant = "acme"

func email(value string) *identityv1.Identifier {
	return &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: value}
}

func phone(value string) *identityv1.Identifier {
	return &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE, Value: value}
}

// found starts a service with one tenant.
func found(t *testing.T) (*world, *running) {
	t.Helper()
	w := newWorld(t)
	d := w.start(t)
	d.create(t, tenant)
	return w, d
}

func (d *running) create(t *testing.T, id string) {
	t.Helper()
	must(d.stepped(t, "pat", "platform", "platform_admin").CreateTenant(deadline(t), &identityv1.CreateTenantRequest{
		RequestId: newRequestID(), Tenant: id, DisplayName: "Acme Ltd", TimeZone: "Europe/Berlin", Calendar: "de",
	}))(t)
	d.employ(t, id)
}

func (d *running) register(t *testing.T, ids ...*identityv1.Identifier) string {
	t.Helper()
	return must(d.as(t, tenant, "product").RegisterSubject(deadline(t), &identityv1.RegisterSubjectRequest{
		RequestId: newRequestID(), Identifiers: ids,
	}))(t).GetSubjectRef()
}

const request = "aaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestAPersonIsKnownVerifiedAndForgotten(t *testing.T) {
	w, d := found(t)
	product, intake := d.as(t, tenant, "product"), d.as(t, tenant, "intake")
	jane := d.register(t, email(" Jane.Doe@Example.COM "), phone("0049 (30) 1234-5678"))

	resolved := must(product.ResolveSubject(deadline(t), &identityv1.ResolveSubjectRequest{Identifier: email("jane.doe@example.com")}))(t)
	if resolved.GetSubjectRef() != jane {
		t.Errorf("resolved %s, want %s", resolved.GetSubjectRef(), jane)
	}
	seen := must(product.GetSubject(deadline(t), &identityv1.GetSubjectRequest{SubjectRef: jane}))(t)
	if seen.GetState() != identityv1.SubjectState_SUBJECT_STATE_ACTIVE || len(seen.GetKinds()) != 2 {
		t.Errorf("subject is %v", seen)
	}

	started := must(intake.StartVerification(deadline(t), &identityv1.StartVerificationRequest{
		RequestId: "step-1", Request: request, SubjectRef: jane,
	}))(t)
	code := w.mails.code(t, "jane.doe@example.com", 1)
	wrong := must(intake.CheckCode(deadline(t), &identityv1.CheckCodeRequest{
		RequestId: newRequestID(), Verification: started.GetVerification(), Code: "1" + code[:7],
	}))(t)
	if wrong.GetState() != identityv1.VerificationState_VERIFICATION_STATE_OPEN || wrong.GetAttemptsLeft() != 4 {
		t.Errorf("after a wrong code: %v", wrong)
	}
	right := &identityv1.CheckCodeRequest{RequestId: newRequestID(), Verification: started.GetVerification(), Code: code[:4] + " " + code[4:]}
	for range 2 { // the same attempt again has the same result
		passed := must(intake.CheckCode(deadline(t), right))(t)
		if passed.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED || passed.GetAssuranceLevel() != 2 {
			t.Errorf("after the right code: %v", passed)
		}
	}
	_, err := intake.CheckCode(deadline(t), &identityv1.CheckCodeRequest{
		RequestId: newRequestID(), Verification: started.GetVerification(), Code: code,
	})
	expect(t, err, codes.FailedPrecondition, "VERIFICATION_CLOSED")
	who := must(intake.GetVerification(deadline(t), &identityv1.GetVerificationRequest{Verification: started.GetVerification()}))(t)
	if who.GetSubjectRef() != jane || who.GetRequest() != request {
		t.Errorf("verification is %v", who)
	}

	listed := must(d.as(t, tenant, "verifier").ListIdentifiers(withPurpose(deadline(t)), &identityv1.ListIdentifiersRequest{SubjectRef: jane}))(t)
	if listed.GetIdentifiers()[0].GetValue() != "jane.doe@example.com" || listed.GetIdentifiers()[1].GetValue() != "+493012345678" {
		t.Errorf("identifiers are not as they were linked")
	}

	d.forget(t, jane)
	_, err = product.ResolveSubject(deadline(t), &identityv1.ResolveSubjectRequest{Identifier: email("jane.doe@example.com")})
	expect(t, err, codes.NotFound, "SUBJECT_NOT_FOUND")
	_, err = d.as(t, tenant, "verifier").ListIdentifiers(withPurpose(deadline(t)), &identityv1.ListIdentifiersRequest{SubjectRef: jane})
	expect(t, err, codes.FailedPrecondition, "SUBJECT_FORGOTTEN")
	want := []string{
		"subject.registered", "subject.identifier_linked", "subject.identifier_linked", "subject.identifiers_read",
		"subject.forgetting_begun", "subject.forgotten", "subject.change_refused",
	}
	if diff := cmp.Diff(want, w.history(t, "subject", tenant, jane)); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	again := d.register(t, email("jane.doe@example.com"))
	if again == jane {
		t.Error("who comes back after an erasure was recognised")
	}
	d.nothingInClear(t, w, "jane.doe", "493012345678", code)
}

func (d *running) forget(t *testing.T, ref string) *identityv1.ForgetSubjectResponse {
	t.Helper()
	ask := &identityv1.ForgetSubjectRequest{RequestId: "forget-" + ref, SubjectRef: ref, Request: request}
	first := must(d.service(t, "fulfilment", tenant).ForgetSubject(deadline(t), ask))(t)
	if first.GetKeysDestroyed() != 1 || !first.GetResidueEndsAt().AsTime().After(time.Now()) {
		t.Errorf("forgotten: %v", first)
	}
	second := must(d.service(t, "fulfilment", tenant).ForgetSubject(deadline(t), ask))(t)
	if second.GetKeysDestroyed() != 1 || !second.GetResidueEndsAt().AsTime().Equal(first.GetResidueEndsAt().AsTime()) {
		t.Errorf("forgotten again: %v, at first %v", second, first)
	}
	return first
}

// nothingInClear looks for planted values in everything that was written down.
func (d *running) nothingInClear(t *testing.T, w *world, planted ...string) {
	t.Helper()
	if err := d.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	for _, p := range planted {
		if strings.Contains(w.logs.String(), p) {
			t.Errorf("%s stands in the log lines", p)
		}
	}
	found := w.scanFiles(t, planted)
	if len(found) > 0 {
		t.Errorf("found in clear: %v", found)
	}
}

func TestNobodyKnownIsAnsweredLikeSomebody(t *testing.T) {
	w, d := found(t)
	intake := d.as(t, tenant, "intake")
	anonymous := d.register(t, phone("+49 30 12345678")) // known, but has no address
	for name, ref := range map[string]string{"nobody": "", "a stranger": "bbbbbbbbbbbbbbbbbbbbbbbbbe", "no address": anonymous} {
		t.Run(name, func(t *testing.T) {
			started := must(intake.StartVerification(deadline(t), &identityv1.StartVerificationRequest{
				RequestId: newRequestID(), Request: request, SubjectRef: ref,
			}))(t)
			testwait.For(t, 10*time.Second, func() error {
				if h := w.history(t, "verification", tenant, started.GetVerification()); !slices.Contains(h, "verification.code_not_sent") {
					return errNotYet
				}
				return nil
			})
			for left := uint32(4); ; left-- {
				got := must(intake.CheckCode(deadline(t), &identityv1.CheckCodeRequest{
					RequestId: newRequestID(), Verification: started.GetVerification(), Code: "00000000",
				}))(t)
				want := identityv1.VerificationState_VERIFICATION_STATE_OPEN
				if left == 0 {
					want = identityv1.VerificationState_VERIFICATION_STATE_FAILED
				}
				if got.GetState() != want || got.GetAttemptsLeft() != left {
					t.Errorf("with %d left: %v", left, got)
				}
				if left == 0 {
					break
				}
			}
			got := must(intake.GetVerification(deadline(t), &identityv1.GetVerificationRequest{Verification: started.GetVerification()}))(t)
			if got.GetSubjectRef() != "" || got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_FAILED {
				t.Errorf("verification is %v", got)
			}
		})
	}
	if n := w.mails.count(); n != 0 {
		t.Errorf("%d mails went out", n)
	}
}
