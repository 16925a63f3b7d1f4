package carry

import (
	"context"
	"fmt"
	"strings"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/request"
)

// methodSystem is how a request is verified that identity itself has made.
const methodSystem = "system"

// rightName is the word for a right.
func rightName(r request.Right) string {
	return strings.ToLower(strings.TrimPrefix(fulfilmentv1.Right(r).String(), "RIGHT_"))
}

// vouched asks identity, before the first thing is destroyed, whether it still
// vouches for a request that nobody had to prove anything for: what it had made it
// for may have been corrected since. What has begun is carried out.
func (j *journey) vouched(ctx context.Context) error {
	if j.s.Method != methodSystem || j.s.Destroys() || j.s.Partial() { // of a part retention says so, with its permit
		return nil
	}
	v, err := j.cfg.Peers.Verifications.GetVerification(ctx, &identityv1.GetVerificationRequest{Verification: j.s.Verification})
	if err != nil {
		return fmt.Errorf("get verification: %w", err)
	}
	if v.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED {
		return failNotVouched
	}
	return nil
}
