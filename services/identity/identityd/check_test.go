package identityd_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/grpc/codes"
)

// seen is a check of somebody who came with a document.
func seen(evidence string) *identityv1.Check {
	return &identityv1.Check{
		Result: identityv1.CheckResult_CHECK_RESULT_CONFIRMED, Method: identityv1.CheckMethod_CHECK_METHOD_IN_PERSON, Declared: true, Evidence: []byte(evidence),
		Points: []identityv1.CheckPoint{identityv1.CheckPoint_CHECK_POINT_NAME, identityv1.CheckPoint_CHECK_POINT_BIRTH_DATE, identityv1.CheckPoint_CHECK_POINT_ADDRESS},
	}
}

func recordCheck(id, by string, c *identityv1.Check) *identityv1.RecordCheckRequest {
	return &identityv1.RecordCheckRequest{RequestId: newRequestID(), Verification: id, By: by, Purpose: "case-handling", Check: c}
}

func checkMethods(id string) []method {
	check := func(r *identityv1.RecordCheckRequest) call {
		return func(ctx context.Context, c *api) error {
			_, err := identityv1.NewCheckServiceClient(c.conn).RecordCheck(ctx, r)
			return err
		}
	}
	return []method{{
		name: identityv1.CheckService_RecordCheck_FullMethodName, wrong: "verifier", good: check(recordCheck(id, request, seen(""))),
	}}
}

// TestAMemberOfStaffChecksWhoAsks: bound and in need of it; what shows the check
// ends by itself, and that it was made does not.
func TestAMemberOfStaffChecksWhoAsks(t *testing.T) {
	w := newWorld(t)
	w.more = []string{"HABEAS_VERIFY_EVIDENCE=5s"}
	d := w.start(t)
	d.create(t, tenant)
	const note = "saw the passport of Jane Doe-Planted"
	jane := d.register(t, email("jane@example.com"))
	id := d.verify(t, "step-1", jane)
	checks := identityv1.NewCheckServiceClient(d.service(t, "fulfilment", tenant).conn)
	_, err := checks.RecordCheck(deadline(t), recordCheck(id, rpc.ActorID(tenant, "nobody"), seen(note)))
	expect(t, err, codes.PermissionDenied, "UNDERTAKING_REQUIRED")
	other := recordCheck(id, rpc.ActorID(tenant, actor), seen(note))
	other.Purpose = "marketing"
	_, err = checks.RecordCheck(deadline(t), other)
	expect(t, err, codes.PermissionDenied, "NEED_REQUIRED")
	got := must(checks.RecordCheck(deadline(t), recordCheck(id, rpc.ActorID(tenant, actor), seen(note))))(t)
	if got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED || got.GetAssuranceLevel() != 3 || got.GetEvidenceEndsAt() == nil {
		t.Errorf("answered with %v", got)
	}
	v := must(d.as(t, tenant, "intake").GetVerification(deadline(t), &identityv1.GetVerificationRequest{Verification: id}))(t)
	if v.GetCheckedBy() != rpc.ActorID(tenant, actor) || v.GetMethod() != "staff" {
		t.Errorf("it stands as %v", v)
	}
	testwait.For(t, 30*time.Second, func() error {
		if !slices.Contains(w.history(t, "evidence", tenant, request), "evidence.destroyed") {
			return errNotYet
		}
		return nil
	})
	if ended := w.history(t, "keyring", tenant, "request-"+request); !slices.Contains(ended, "keyring.key_destroyed") {
		t.Errorf("of its keys there ended: %v", ended)
	}
	if stays := w.history(t, "verification", tenant, id); !slices.Contains(stays, "verification.checked") {
		t.Errorf("of the check there is left: %v", stays)
	}
	_, err = checks.RecordCheck(deadline(t), recordCheck(id, rpc.ActorID(tenant, actor), seen(strings.Repeat("a", 10))))
	expect(t, err, codes.FailedPrecondition, "EVIDENCE_ENDED")
	d.nothingInClear(t, w, "Doe-Planted")
}
