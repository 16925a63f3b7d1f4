package identityd_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/grpc/codes"
)

func (d *running) verify(t *testing.T, step, ref string) string {
	t.Helper()
	return must(d.as(t, tenant, "intake").StartVerification(deadline(t), &identityv1.StartVerificationRequest{
		RequestId: step, Request: request, SubjectRef: ref,
	}))(t).GetVerification()
}

func (w *world) waitFor(t *testing.T, id, event string) {
	t.Helper()
	testwait.For(t, 20*time.Second, func() error {
		if !slices.Contains(w.history(t, "verification", tenant, id), event) {
			return errNotYet
		}
		return nil
	})
}

func TestACodeIsSentAgainUntilTheMailServiceTakesIt(t *testing.T) {
	w, d := found(t)
	jane := d.register(t, phone("+493011111111"), email("jane@example.com"))
	w.mails.refuse(2, false)
	id := d.verify(t, "step-1", jane)
	if again := d.verify(t, "step-1", jane); again != id {
		t.Error("one step made two verifications")
	}
	code := w.mails.code(t, "jane@example.com", 1)
	w.waitFor(t, id, "verification.code_sent")
	got := must(d.as(t, tenant, "intake").CheckCode(deadline(t), &identityv1.CheckCodeRequest{
		RequestId: newRequestID(), Verification: id, Code: code,
	}))(t)
	if got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED {
		t.Errorf("after the code of the mail: %v", got)
	}
	if second := d.verify(t, "step-2", jane); w.mails.code(t, "jane@example.com", 2) == code || second == id {
		t.Error("two verifications share a code")
	}
}

func TestACodeThatNobodyTakesIsWithheldAndNamesNobody(t *testing.T) {
	w, d := found(t)
	jane := d.register(t, email("jane.doe@example.com"))
	w.mails.refuse(0, true)
	id := d.verify(t, "step-1", jane)
	w.waitFor(t, id, "verification.code_not_sent")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(w.logs.String(), "jane.doe") { // the server's own answer held it
		t.Error("the address stands in the log lines")
	}
}

func TestACodeIsOfItsTenantAlone(t *testing.T) {
	w, d := found(t)
	d.create(t, "other")
	jane := d.register(t, email("jane@example.com"))
	id := d.verify(t, "step-1", jane)
	code := w.mails.code(t, "jane@example.com", 1)
	_, err := d.as(t, "other", "intake").CheckCode(deadline(t), &identityv1.CheckCodeRequest{
		RequestId: newRequestID(), Verification: id, Code: code,
	})
	expect(t, err, codes.NotFound, "VERIFICATION_NOT_FOUND")
}

// A code ends with the key of its request. The key of evidence, which may end long
// before, is another one: without it the next code can be sent all the same.
func TestACodeEndsWithItsRequest(t *testing.T) {
	w, d := found(t)
	jane := d.register(t, email("jane@example.com"))
	id := d.verify(t, "step-1", jane)
	w.waitFor(t, id, "verification.code_sent")
	destroy := func(class sealv1.KeyClass) {
		must(d.service(t, "fulfilment", tenant).DestroyKeys(deadline(t), &identityv1.DestroyKeysRequest{
			RequestId: class.String(), Reason: "request-closed",
			Keys: []*identityv1.KeyName{{Holder: "request-" + request, Class: class}},
		}))(t)
	}
	destroy(sealv1.KeyClass_KEY_CLASS_EVIDENCE)
	id = d.verify(t, "step-1a", jane)
	code := w.mails.code(t, "jane@example.com", 2)
	w.waitFor(t, id, "verification.code_sent")
	destroy(sealv1.KeyClass_KEY_CLASS_REQUEST)
	intake := d.as(t, tenant, "intake")
	got := must(intake.CheckCode(deadline(t), &identityv1.CheckCodeRequest{RequestId: newRequestID(), Verification: id, Code: code}))(t)
	if got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_OPEN {
		t.Errorf("after the end of its key: %v", got)
	}
	_, err := intake.StartVerification(deadline(t), &identityv1.StartVerificationRequest{RequestId: "step-2", Request: request, SubjectRef: jane})
	expect(t, err, codes.FailedPrecondition, "KEY_DESTROYED")
}
