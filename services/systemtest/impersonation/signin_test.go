package impersonation_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/systemtest/stack"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// linked is somebody who is known by an address and by a sign-in.
func (w world) linked(tenant string) (address, sub string) {
	w.Helper()
	address, sub = someone(), "sub-"+uuid.NewString()
	_, err := w.As(tenant, "product").Subjects.RegisterSubject(stack.Deadline(w.T), &identityv1.RegisterSubjectRequest{
		RequestId: uuid.NewString(), Identifiers: []*identityv1.Identifier{
			{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: address},
			w.SSO(sub),
		},
	})
	if err != nil {
		w.Fatal(err)
	}
	return address, sub
}

// invited is a new request in somebody's name, and the nonce that its sign-in
// has to carry.
func (w world) invited(tenant, address string) (request, nonce string) {
	w.Helper()
	request = w.Submit(tenant, erasure, policy, address)
	return request, w.nonce(tenant, request)
}

// nonce waits until a request offers a sign-in.
func (w world) nonce(tenant, request string) string {
	w.Helper()
	in := w.SignIn(tenant, request)
	if in.GetIssuer() != w.Provider.Server.URL || in.GetClientId() != stack.Portal {
		w.Errorf("sign in at %q as %q", in.GetIssuer(), in.GetClientId())
	}
	return in.GetNonce()
}

// signed is a good token of somebody who has signed in with a second factor.
func (w world) signed(sub, nonce string) jwt.MapClaims {
	return rpctest.With(w.Provider.SignedIn(time.Now(), stack.Portal, sub, nonce), "acr", "mfa")
}

func (w world) hand(tenant, request, token string) (*fulfilmentv1.VerifyRequestResponse, error) {
	w.Helper()
	return w.As(tenant, "intake").Requests.VerifyRequest(stack.Deadline(w.T), &fulfilmentv1.VerifyRequestRequest{
		RequestId: uuid.NewString(), Request: request, IdToken: token,
	})
}

// handed expects an answer to a token.
func (w world) handed(what, tenant, request, token string, state identityv1.VerificationState, left uint32) *fulfilmentv1.VerifyRequestResponse {
	w.Helper()
	got, err := w.hand(tenant, request, token)
	if err != nil {
		_, reason, field := stack.Answer(err)
		w.Fatalf("%s: %v (%s %s)", what, err, reason, field)
	}
	if got.GetState() != state || got.GetAttemptsLeft() != left {
		w.Errorf("%s is answered with %v, %d attempts left", what, got.GetState(), got.GetAttemptsLeft())
	}
	return got
}

// foreignSignIn: beside each token that is wrong in one way stands the right one,
// for the same request.
func foreignSignIn(w world) {
	_, mallory := w.linked(open)
	stranger := rpctest.NewProvider(w.T) // with keys of its own, under the same ids
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	for what, token := range map[string]func(jwt.MapClaims) string{
		"another nonce":            func(c jwt.MapClaims) string { return w.Provider.Sign(rpctest.With(c, "nonce", uuid.NewString())) },
		"no nonce":                 func(c jwt.MapClaims) string { return w.Provider.Sign(rpctest.With(c, "nonce", nil)) },
		"another audience":         func(c jwt.MapClaims) string { return w.Provider.Sign(rpctest.With(c, "aud", "shop")) },
		"another authorised party": func(c jwt.MapClaims) string { return w.Provider.Sign(rpctest.With(c, "azp", "shop")) },
		"another issuer":           func(c jwt.MapClaims) string { return stranger.Sign(rpctest.With(c, "iss", stranger.Server.URL)) },
		"another issuer's key":     func(c jwt.MapClaims) string { return stranger.Sign(c) },
		"the public key as secret": func(c jwt.MapClaims) string { return w.Provider.SignShared("k1", c) },
		"an end that has been":     func(c jwt.MapClaims) string { return w.Provider.Sign(rpctest.With(c, "exp", ago(time.Minute))) },
		"an old sign-in": func(c jwt.MapClaims) string {
			return w.Provider.Sign(rpctest.With(c, "auth_time", ago(11*time.Minute)))
		},
		"somebody else's sign-in":   func(c jwt.MapClaims) string { return w.Provider.Sign(rpctest.With(c, "sub", mallory)) },
		"a sign-in that nobody has": func(c jwt.MapClaims) string { return w.Provider.Sign(rpctest.With(c, "sub", "sub-nobody")) },
		"a token of the staff's":    func(jwt.MapClaims) string { return w.Issuer.Sign(rpctest.Claims(time.Now(), "dpo")) },
		"no signature": func(c jwt.MapClaims) string {
			text, err := rpctest.Unsigned(c)
			if err != nil {
				w.Error(err)
			}
			return text
		},
	} {
		w.Run(what, func(t *testing.T) {
			w := world{t, w.Within(t)}
			address, sub := w.linked(open)
			request, nonce := w.invited(open, address)
			good := w.signed(sub, nonce)
			w.handed(what, open, request, token(good), pending, 4)
			w.unmoved(what, open, request)
			got := w.handed("the right one", open, request, w.Provider.Sign(good), passed, 0)
			if got.GetAssuranceLevel() != 3 || got.GetReason() != "" {
				t.Errorf("the right one reaches level %d, %q", got.GetAssuranceLevel(), got.GetReason())
			}
			w.moves("the right one", open, request)
		})
	}
}

// replayedSignIn: a token is for one verification, and handed in twice at once
// it passes once.
func replayedSignIn(w world) {
	address, sub := w.linked(open)
	first, nonce := w.invited(open, address)
	second, other := w.invited(open, address)
	if nonce == other {
		w.Error("two requests have one nonce")
	}
	token := w.Provider.Sign(w.signed(sub, nonce))
	w.handed("a token of another request", open, second, token, pending, 4)
	var won, lost atomic.Int32
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			got, err := w.hand(open, first, token)
			_, reason, _ := stack.Answer(err)
			switch {
			case err == nil && got.GetState() == passed:
				won.Add(1)
			case reason == "VERIFICATION_NOT_OPEN":
				lost.Add(1)
			default:
				w.Errorf("answered with %v, %v (%s)", got.GetState(), err, reason)
			}
		})
	}
	both.Wait()
	if won.Load() != 1 || lost.Load() != 1 {
		w.Errorf("a token that is handed in twice passes %d times and is refused %d times", won.Load(), lost.Load())
	}
	w.unmoved("a token of another request", open, second)
	w.handed("its own", open, second, w.Provider.Sign(w.signed(sub, other)), passed, 0)
}

// freshSignIn: who has linked their own sign-in with an account a moment ago, by
// a borrowed session, has no copy and no erasure by it. Where the tenant takes any
// channel from the first moment, they have.
func freshSignIn(w world) {
	for _, tc := range []struct {
		tenant, acr, reason string
		level               uint32
	}{
		{guarded, "phr", "ASSURANCE_TOO_LOW", 2},
		{open, "", "ASSURANCE_TOO_LOW", 2}, // a plain sign-in
		{open, "gold", "ASSURANCE_TOO_LOW", 2},
		{open, "mfa", "", 3},
		{open, "phr", "", 4},
	} {
		address, sub := w.linked(tc.tenant)
		request, nonce := w.invited(tc.tenant, address)
		what := tc.tenant + " " + tc.acr
		got := w.handed(what, tc.tenant, request, w.Provider.Sign(rpctest.With(w.signed(sub, nonce), "acr", tc.acr)), passed, 0)
		if got.GetAssuranceLevel() != tc.level || got.GetReason() != tc.reason || got.GetNeededLevel() != 3 {
			w.Errorf("%s: level %d of %d, %q", what, got.GetAssuranceLevel(), got.GetNeededLevel(), got.GetReason())
		}
		if tc.reason == "" {
			w.moves(what, tc.tenant, request)
			continue
		}
		w.unmoved(what, tc.tenant, request)
		x := w.explain(tc.tenant, request)
		if x.GetAssuranceLevel() != tc.level || !slices.Equal(x.GetSuffices(), []string{"settled_channel", "staff", "assertion_second_factor"}) {
			w.Errorf("%s: explained by level %d, would suffice: %v", what, x.GetAssuranceLevel(), x.GetSuffices())
		}
		if tc.tenant == open {
			w.stepUp(tc.tenant, request, sub, nonce)
		}
	}
}

// renew asks for a better proof.
func (w world) renew(tenant, request string) {
	w.Helper()
	_, err := w.As(tenant, "intake").Requests.RenewVerification(stack.Deadline(w.T), &fulfilmentv1.RenewVerificationRequest{
		RequestId: uuid.NewString(), Request: request,
	})
	if err != nil {
		w.Fatal(err)
	}
}

// stepUp asks for a better proof and gives it.
func (w world) stepUp(tenant, request, sub, before string) {
	w.Helper()
	w.renew(tenant, request)
	nonce := w.nonce(tenant, request)
	if nonce == before {
		w.Error("a nonce is given out twice")
	}
	w.handed("a better proof", tenant, request, w.Provider.Sign(w.signed(sub, nonce)), passed, 0)
	w.moves("a better proof", tenant, request)
}

// guessingSignIn: a request in the name of an address is answered alike, whoever
// hands in a good sign-in of their own.
func guessingSignIn(w world) {
	known, _ := w.linked(open)
	_, mallory := w.linked(open)
	var answers []*fulfilmentv1.VerifyRequestResponse
	var explained [][]string
	for _, address := range []string{known, someone()} {
		request, nonce := w.invited(open, address)
		answers = append(answers, w.handed(address, open, request, w.Provider.Sign(w.signed(mallory, nonce)), pending, 4))
		x := w.explain(open, request)
		explained = append(explained, append(x.GetSuffices(), x.GetAwaited(), x.GetReason()))
	}
	if answers[0].String() != answers[1].String() || !slices.Equal(explained[0], explained[1]) {
		w.Errorf("somebody who is known is answered with %v %v, a stranger with %v %v", answers[0], explained[0], answers[1], explained[1])
	}
}

// mergedSignIn: a sign-in that came to somebody by a merge, which may have been a
// mistake, is not of long standing with them; and theirs no more once it is undone.
func mergedSignIn(w world) {
	address, sub := someone(), "sub-"+uuid.NewString()
	jane := w.Register(open, address)
	res, err := w.As(open, "product").Subjects.RegisterSubject(stack.Deadline(w.T), &identityv1.RegisterSubjectRequest{
		RequestId: uuid.NewString(), Identifiers: []*identityv1.Identifier{w.SSO(sub)},
	})
	if err != nil {
		w.Fatal(err)
	}
	before, nonce := w.invited(open, address)
	w.handed("before the merge", open, before, w.Provider.Sign(w.signed(sub, nonce)), pending, 4)
	staff := w.As(open, "verifier", "dpo").Merges
	merged, err := staff.MergeSubjects(stack.For(stack.Deadline(w.T), "case.handling"), &identityv1.MergeSubjectsRequest{
		RequestId: uuid.NewString(), SubjectRef: jane, OtherRef: res.GetSubjectRef(), Evidence: "ticket:1",
	})
	if err != nil {
		w.Fatal(err)
	}
	within, nonce := w.invited(open, address)
	if got := w.handed("the merged one", open, within, w.Provider.Sign(w.signed(sub, nonce)), passed, 0); got.GetAssuranceLevel() != 2 {
		w.Errorf("the merged one reaches level %d", got.GetAssuranceLevel())
	}
	w.unmoved("the merged one", open, within)
	_, err = staff.UnmergeSubjects(stack.For(stack.Deadline(w.T), "case.handling"), &identityv1.UnmergeSubjectsRequest{
		RequestId: uuid.NewString(), SubjectRef: jane, Merge: merged.GetMerge(), Reason: "wrong_person",
	})
	if err != nil {
		w.Fatal(err)
	}
	after, nonce := w.invited(open, address)
	w.handed("after it was undone", open, after, w.Provider.Sign(w.signed(sub, nonce)), pending, 4)
}

// brokenMailbox: who reads a person's mail passes where a channel is enough, and
// has nothing where the tenant asks for a sign-in that can't be phished.
func brokenMailbox(w world) {
	for tenant, want := range map[string]string{open: "", strict: "ASSURANCE_TOO_LOW"} {
		address, sub := w.linked(tenant)
		request := w.Submit(tenant, erasure, policy, address)
		got := w.give(tenant, request, w.code(address, 1))
		if got.GetState() != passed || got.GetAssuranceLevel() != 3 || got.GetReason() != want {
			w.Errorf("%s: level %d of %d, %q", tenant, got.GetAssuranceLevel(), got.GetNeededLevel(), got.GetReason())
		}
		if want == "" {
			w.moves(tenant, tenant, request)
			continue
		}
		w.unmoved(tenant, tenant, request)
		if x := w.explain(tenant, request); !slices.Contains(x.GetSuffices(), "assertion_phishing_resistant") || slices.Contains(x.GetSuffices(), "settled_channel") {
			w.Errorf("%s: would suffice: %v", tenant, x.GetSuffices())
		}
		w.renew(tenant, request)
		token := w.Provider.Sign(rpctest.With(w.signed(sub, w.nonce(tenant, request)), "acr", "phr"))
		w.handed("the person themselves", tenant, request, token, passed, 0)
		w.moves("the person themselves", tenant, request)
	}
}
