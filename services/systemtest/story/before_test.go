package story_test

import (
	"fmt"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// TestAHoldBeforeTheManifestHidesNoDutyToKeep places a hold before the person is
// verified, and releases it once the request waits for it: what tax law keeps is
// still kept then.
func TestAHoldBeforeTheManifestHidesNoDutyToKeep(t *testing.T) {
	w := newWorld(t)
	c := helena(w)
	person := w.Register(tenant, c.email)
	untouched := c.db.Checksums(t, nil)
	others, kept := c.db.Checksums(t, c.mine), c.db.Rows(t, c.kept)
	dpo := w.As(tenant, "dpo").Retention
	hold, err := dpo.PlaceHold(stack.Deadline(t), &retentionv1.PlaceHoldRequest{
		RequestId: uuid.NewString(), SubjectRef: person, Ground: "legal_claim", Authority: "case 7732",
		ReviewAt: timestamppb.New(time.Now().AddDate(0, 6, 0)),
	})
	if err != nil || !hold.GetEffective() {
		t.Fatalf("place hold: effective %v, %v", hold.GetEffective(), err)
	}
	request := w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, policy, c.email)
	w.Until(tenant, request, "held", func(r *fulfilmentv1.Request) bool {
		for _, l := range r.GetLeaves() {
			if l.GetReason() == "PERSON_ON_HOLD" {
				return true
			}
		}
		return false
	})
	if after := c.db.Checksums(t, nil); fmt.Sprint(after) != fmt.Sprint(untouched) {
		t.Error("the hold did not keep the rows")
	}
	if _, err := dpo.ReleaseHold(stack.Deadline(t), &retentionv1.ReleaseHoldRequest{
		RequestId: uuid.NewString(), SubjectRef: person, Hold: hold.GetHold(),
	}); err != nil {
		t.Fatal(err)
	}
	c.isGone(t, w.Closed(tenant, request), others, kept)
}
