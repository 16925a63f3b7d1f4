package identityd_test

import (
	"errors"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal"

	"google.golang.org/grpc/codes"
)

// Two instances share one log, one vault and one folder of keys. Neither knows
// the other's holders, so each destruction waits out a lease.
func TestWhatOneInstanceDestroysNoOtherUses(t *testing.T) {
	w := newWorld(t)
	w.alone = "false"
	first, second := w.start(t), w.start(t)
	first.create(t, tenant)
	jane := first.register(t, email("jane@example.com"))
	here, there := first.holder(t, "fulfilment", true), second.holder(t, "fulfilment", true)
	id := keyOf(t, tenant, seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST)
	box := here.seal(t, id, "Jane Example")
	if _, err := there.Open(deadline(t), "fulfilment", place(tenant), box); err != nil {
		t.Fatalf("the other instance's holder: %v", err)
	}
	verifier := second.as(t, tenant, "verifier")
	must(verifier.ListIdentifiers(withPurpose(deadline(t)), &identityv1.ListIdentifiersRequest{SubjectRef: jane}))(t)

	began := time.Now()
	must(first.service(t, "fulfilment", tenant).DestroyKeys(deadline(t), &identityv1.DestroyKeysRequest{
		RequestId: "close-1", Reason: "request-closed",
		Keys: []*identityv1.KeyName{{Holder: id.Holder.String(), Class: id.Class}},
	}))(t)
	if took := time.Since(began); took < lease {
		t.Errorf("destroyed after %s: holders of the other instance may still use the key", took)
	}
	began = time.Now()
	must(first.service(t, "fulfilment", tenant).ForgetSubject(deadline(t), &identityv1.ForgetSubjectRequest{
		RequestId: "f1", SubjectRef: jane, Request: request,
	}))(t)
	if took := time.Since(began); took < lease {
		t.Errorf("forgotten after %s: holders of the other instance may still use the key", took)
	}
	for name, h := range map[string]*holderOf{"this instance's holder": here, "the other's": there} {
		if _, err := h.Open(deadline(t), "fulfilment", place(tenant), box); !errors.Is(err, seal.ErrErased) {
			t.Errorf("%s opens: %v, want erased", name, err)
		}
	}
	_, err := verifier.ListIdentifiers(withPurpose(deadline(t)), &identityv1.ListIdentifiersRequest{SubjectRef: jane})
	expect(t, err, codes.FailedPrecondition, "SUBJECT_FORGOTTEN")
	_, err = second.as(t, tenant, "product").ResolveSubject(deadline(t), &identityv1.ResolveSubjectRequest{Identifier: email("jane@example.com")})
	expect(t, err, codes.NotFound, "SUBJECT_NOT_FOUND")
}
