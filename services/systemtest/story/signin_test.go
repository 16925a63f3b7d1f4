package story_test

import (
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
)

// signsIn has a request proven by a sign-in, after a wrong one, and returns what
// nobody may find afterwards: who it says has signed in, and the tokens.
func signsIn(t *testing.T, s *stack.Stack, jane, email string) []string {
	t.Helper()
	const sub = "quark-signin-40213"
	s.SignInAt(tenant)
	r := registrar{t, s.As(tenant, "product")}
	r.must("link", r.link(jane, s.SSO(sub)))
	request := s.Submit(tenant, fulfilmentv1.Right_RIGHT_ACCESS, policy, email)
	claims := rpctest.With(s.Provider.SignedIn(time.Now(), stack.Portal, sub, s.SignIn(tenant, request).GetNonce()), "acr", "mfa")
	texts := []string{sub}
	for _, token := range []string{s.Provider.Sign(rpctest.With(claims, "aud", "quark-client")), s.Provider.Sign(claims)} {
		res, err := s.As(tenant, "intake").Requests.VerifyRequest(stack.Deadline(t), &fulfilmentv1.VerifyRequestRequest{
			RequestId: uuid.NewString(), Request: request, IdToken: token,
		})
		r.must("hand in a token", err)
		if res.GetState() == identityv1.VerificationState_VERIFICATION_STATE_FAILED {
			t.Errorf("a token is answered with %v", res)
		}
		texts = append(texts, strings.Split(token, ".")[1:]...)
	}
	s.Closed(tenant, request)
	return texts
}
