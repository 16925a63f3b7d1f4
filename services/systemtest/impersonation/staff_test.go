package impersonation_test

import (
	"errors"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
)

func (w world) until(what string, done func() bool) {
	w.Helper()
	testwait.For(w.T, 30*time.Second, func() error {
		if !done() {
			return errors.New(what + ": not yet")
		}
		return nil
	})
}

// check is what a member of staff says of a person whom they have seen.
func (w world) check(tenant, name, request string) (*fulfilmentv1.CheckPersonResponse, error) {
	w.Helper()
	const birth = identityv1.CheckPoint_CHECK_POINT_BIRTH_DATE
	return w.Proven(tenant, name, "verifier", "intake").Requests.CheckPerson(stack.For(stack.Deadline(w.T), "identity-check"), &fulfilmentv1.CheckPersonRequest{
		RequestId: uuid.NewString(), Request: request, Check: &identityv1.Check{
			Result: identityv1.CheckResult_CHECK_RESULT_CONFIRMED, Method: identityv1.CheckMethod_CHECK_METHOD_IN_PERSON, Declared: true, Evidence: []byte("seen"),
			Points: []identityv1.CheckPoint{identityv1.CheckPoint_CHECK_POINT_NAME, identityv1.CheckPoint_CHECK_POINT_ADDRESS, birth},
		},
	})
}

// insider: who takes a request in can't vouch for the person, and nor can who has
// no need of it. The twin: somebody else, who has, can.
func insider(w world) {
	jane, thief, vera := someone(), "insider-1", "vera-1"
	w.Register(guarded, jane)
	w.EmployNamed(guarded, thief, "identity-check")
	w.EmployNamed(guarded, vera, "identity-check")
	res, err := w.Proven(guarded, thief, "verifier", "intake").Requests.SubmitRequest(stack.Deadline(w.T), &fulfilmentv1.SubmitRequestRequest{
		RequestId: uuid.NewString(), Right: erasure, Policy: policy, Channel: fulfilmentv1.RequestChannel_REQUEST_CHANNEL_LETTER,
		Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: jane},
	})
	if err != nil {
		w.Fatal(err)
	}
	request := res.GetRequest()
	w.asked(guarded, request)
	for name, want := range map[string]string{thief: "OWN_REQUEST", "nobody-1": "UNDERTAKING_REQUIRED"} {
		_, err := w.check(guarded, name, request)
		if _, reason, _ := stack.Answer(err); reason != want {
			w.Errorf("%s is answered with %v (%s), want %s", name, err, reason, want)
		}
	}
	w.unmoved("the word of an insider", guarded, request)
	got, err := w.check(guarded, vera, request)
	if err != nil || got.GetState() != passed || got.GetAssuranceLevel() != 3 {
		w.Errorf("somebody else is answered with %v, %v", got, err)
	}
}
