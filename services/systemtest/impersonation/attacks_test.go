package impersonation_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
)

// The tenants: one without safeguards, one with the usual ones, and one that
// takes any known channel and holds what is proven.
const (
	open    = "open"
	strict  = "strict" // as open, and asks for level 4
	guarded = "guarded"
	held    = "held"
	policy  = "caseworks"
)

const (
	erasure  = fulfilmentv1.Right_RIGHT_ERASURE
	passed   = identityv1.VerificationState_VERIFICATION_STATE_PASSED
	pending  = identityv1.VerificationState_VERIFICATION_STATE_OPEN
	failed   = identityv1.VerificationState_VERIFICATION_STATE_FAILED
	received = fulfilmentv1.RequestState_REQUEST_STATE_RECEIVED
)

type world struct {
	*testing.T
	*stack.Stack
}

func TestImpersonationSuite(t *testing.T) {
	s := stack.New(t)
	s.Start()
	s.Tenant(open)
	s.Tenant(strict)
	s.GuardedTenant(guarded, nil)
	s.GuardedTenant(held, &identityv1.Safeguards{Delay: durationpb.New(72 * time.Hour), ChannelAge: durationpb.New(0)})
	for _, tenant := range []string{open, strict, guarded, held} {
		s.Publish(tenant, policy, time.Now().Add(-time.Hour))
	}
	s.SignInAt(open)
	s.SignInAt(guarded)
	s.SignInAt(strict)
	s.Assure(strict, 4)
	s.Employ(open, "case.handling")
	for name, attack := range map[string]func(world){
		"an officer alone lowers no safeguard":                               loneOfficer,
		"nobody makes another organisation's tenant":                         foreignTenant,
		"a sign-in that is not theirs proves nothing":                        foreignSignIn,
		"a sign-in that came by a merge is not of long standing":             mergedSignIn,
		"a broken mailbox is not enough where the tenant wants more":         brokenMailbox,
		"a sign-in counts once":                                              replayedSignIn,
		"a sign-in that was linked lately is not enough":                     freshSignIn,
		"a sign-in tells nobody whether somebody is known":                   guessingSignIn,
		"an address that looks like theirs gets no code":                     lookAlikes,
		"a link that a scanner opens does nothing":                           linkPrefetch,
		"who takes a request in can't vouch for the person":                  insider,
		"a letter with an old postmark proves nothing":                       oldLetter,
		"the code of another request does not count":                         foreignCode,
		"codes can't be guessed within a request":                            guessing,
		"nor over many requests":                                             manyRequests,
		"a channel that was added lately is not enough":                      freshChannel,
		"a telephone whose SIM was taken over is not enough":                 simSwap,
		"nor gets it a code once its company knows":                          portedNumber,
		"a channel that somebody adds to the account is not asked":           addedChannel,
		"an erasure in their name is cancelled by a channel they still have": deletionAsAttack,
	} {
		t.Run(name, func(t *testing.T) { attack(world{t, s.Within(t)}) })
	}
}

func someone() string { return "jane.j" + uuid.NewString()[:8] + "@people.example" }

var code = regexp.MustCompile(`\b[0-9]{8}\b`)

// codes are those that an address was sent.
func (w world) codes(address string) []string {
	var out []string
	for _, m := range w.Mail.Mails(address) {
		if c := code.FindString(m.Text); c != "" && m.Subject[:9] == "Your code" {
			out = append(out, c)
		}
	}
	return out
}

// code waits for the code of a number, from 1, at an address.
func (w world) code(address string, number int) string {
	w.Helper()
	testwait.For(w.T, 30*time.Second, func() error {
		if n := len(w.codes(address)); n < number {
			return fmt.Errorf("%d codes, want %d", n, number)
		}
		return nil
	})
	return w.codes(address)[number-1]
}

// give hands a code in, as soon as it may be.
func (w world) give(tenant, request, code string) *fulfilmentv1.VerifyRequestResponse {
	w.Helper()
	var res *fulfilmentv1.VerifyRequestResponse
	id := uuid.NewString()
	testwait.For(w.T, 30*time.Second, func() (err error) {
		res, err = w.As(tenant, "intake").Requests.VerifyRequest(stack.Deadline(w.T), &fulfilmentv1.VerifyRequestRequest{
			RequestId: id, Request: request, Code: code,
		})
		if _, reason, _ := stack.Answer(err); err != nil && reason != "VERIFICATION_NOT_STARTED" {
			return testwait.Final(fmt.Errorf("verify: %w (%s)", err, reason))
		}
		return err
	})
	return res
}

func (w world) explain(tenant, request string) *fulfilmentv1.ExplainRequestResponse {
	w.Helper()
	res, err := w.As(tenant, "dpo").Requests.ExplainRequest(stack.Deadline(w.T), &fulfilmentv1.ExplainRequestRequest{Request: request})
	if err != nil {
		w.Fatal(err)
	}
	return res
}

// unmoved fails if a request has got past the question of who asks.
func (w world) unmoved(what, tenant, request string) {
	w.Helper()
	x := w.explain(tenant, request)
	happened := func(event string) bool {
		return slices.ContainsFunc(x.GetHistory(), func(s *fulfilmentv1.Step) bool { return s.GetEvent() == event })
	}
	if happened("request.manifest_committed") || happened("request.frozen") || happened("request.activated") {
		w.Errorf("%s: the request is %v", what, x.GetRequest().GetState())
	}
}

// moves waits until a request has got past it.
func (w world) moves(what, tenant, request string) {
	w.Helper()
	testwait.For(w.T, 30*time.Second, func() error {
		if state := w.explain(tenant, request).GetRequest().GetState(); state == received {
			return errors.New(what + ": the request stays where it is")
		}
		return nil
	})
}

// asked waits until identity has been asked to verify.
func (w world) asked(tenant, request string) {
	w.Helper()
	testwait.For(w.T, 30*time.Second, func() error {
		if x := w.explain(tenant, request); x.GetAwaited() != "verification.code" {
			return errors.New("awaited: " + x.GetAwaited())
		}
		return nil
	})
}

func lookAlikes(w world) {
	jane := "jane" + uuid.NewString()[:8] + "@people.example"
	w.Register(open, jane)
	for what, address := range map[string]string{
		"plus-addressing":       "jane+me" + jane[4:],
		"a Cyrillic letter":     "j\u0430ne" + jane[4:],
		"another domain":        jane[:len(jane)-7] + "examp1e",
		"a domain that extends": jane + ".evil.example",
		"a dot":                 "j.ane" + jane[4:],
	} {
		res, err := w.As(open, "intake").Requests.SubmitRequest(stack.Deadline(w.T), &fulfilmentv1.SubmitRequestRequest{
			RequestId: uuid.NewString(), Right: erasure, Policy: policy, Channel: fulfilmentv1.RequestChannel_REQUEST_CHANNEL_WEB,
			Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: address},
		})
		if _, _, field := stack.Answer(err); field == "identifier.value" {
			continue // no address at all
		}
		if err != nil {
			w.Fatal(err)
		}
		request := res.GetRequest()
		w.asked(open, request)
		if got := w.give(open, request, "00000000"); got.GetState() != pending {
			w.Errorf("%s: a guess is answered with %v", what, got.GetState())
		}
		if n := w.Mail.Count(address); n != 0 {
			w.Errorf("%s: got %d messages", what, n)
		}
		w.unmoved(what, open, request)
	}
	request := w.Submit(open, erasure, policy, jane)
	if got := w.give(open, request, w.code(jane, 1)); got.GetState() != passed {
		w.Errorf("Jane herself is answered with %v", got.GetState())
	}
	w.moves("Jane herself", open, request)
	if n := len(w.codes(jane)); n != 1 {
		w.Errorf("Jane got %d codes, want the one that she asked for", n)
	}
}

func foreignCode(w world) {
	jane, mallory := someone(), someone()
	w.Register(open, jane)
	w.Register(open, mallory)
	hers, own := w.Submit(open, erasure, policy, jane), w.Submit(open, erasure, policy, mallory)
	stolen := w.code(mallory, 1)
	if got := w.give(open, hers, stolen); got.GetState() != pending || got.GetAttemptsLeft() != 4 {
		w.Errorf("the code of Mallory's request is answered with %v, %d attempts left", got.GetState(), got.GetAttemptsLeft())
	}
	w.unmoved("a foreign code", open, hers)
	if got := w.give(open, own, stolen); got.GetState() != passed {
		w.Errorf("where it belongs it is answered with %v", got.GetState())
	}
}

// other is a code that is not the right one.
func other(right string, n int) string {
	if wrong := fmt.Sprintf("%08d", n); wrong != right {
		return wrong
	}
	return "99999999"
}

func guessing(w world) {
	jane := someone()
	w.Register(open, jane)
	request := w.Submit(open, erasure, policy, jane)
	right := w.code(jane, 1)
	var got *fulfilmentv1.VerifyRequestResponse
	for n := range 5 {
		got = w.give(open, request, other(right, n))
	}
	if got.GetState() != failed {
		w.Errorf("the fifth guess is answered with %v", got.GetState())
	}
	_, err := w.As(open, "intake").Requests.VerifyRequest(stack.Deadline(w.T), &fulfilmentv1.VerifyRequestRequest{
		RequestId: uuid.NewString(), Request: request, Code: right,
	})
	if _, reason, _ := stack.Answer(err); reason != "VERIFICATION_NOT_OPEN" {
		w.Errorf("the right code after that is answered with %v (%s)", err, reason)
	}
	w.unmoved("five guesses", open, request)
	twin := w.Submit(open, erasure, policy, jane)
	right = w.code(jane, 2)
	for n := range 4 {
		w.give(open, twin, other(right, n))
	}
	if got := w.give(open, twin, right); got.GetState() != passed {
		w.Errorf("the right code after four guesses is answered with %v", got.GetState())
	}
}

func freshChannel(w world) {
	for _, tc := range []struct {
		tenant, reason string
		level          uint32
	}{{guarded, "ASSURANCE_TOO_LOW", 2}, {open, "", 3}} {
		jane := someone()
		w.Register(tc.tenant, jane) // a moment ago
		request := w.Submit(tc.tenant, erasure, policy, jane)
		got := w.give(tc.tenant, request, w.code(jane, 1))
		if got.GetState() != passed || got.GetReason() != tc.reason || got.GetAssuranceLevel() != tc.level || got.GetNeededLevel() != 3 {
			w.Errorf("%s: %v, level %d of %d, %q", tc.tenant, got.GetState(), got.GetAssuranceLevel(), got.GetNeededLevel(), got.GetReason())
		}
		if tc.reason == "" {
			w.moves(tc.tenant, tc.tenant, request)
			continue
		}
		w.unmoved(tc.tenant, tc.tenant, request)
		if x := w.explain(tc.tenant, request); x.GetReason() != tc.reason || !slices.Contains(x.GetSuffices(), "settled_channel") {
			w.Errorf("explained by %q, would suffice: %v", x.GetReason(), x.GetSuffices())
		}
	}
}

// link adds an address to a person, as their session does.
func (w world) link(tenant, ref, address string) {
	w.Helper()
	_, err := w.As(tenant, "product").Subjects.LinkIdentifier(stack.Deadline(w.T), &identityv1.LinkIdentifierRequest{
		RequestId: uuid.NewString(), SubjectRef: ref,
		Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: address},
	})
	if err != nil {
		w.Fatal(err)
	}
}

var cancels = regexp.MustCompile(`this code: ([a-z2-7]{26})`)

func deletionAsAttack(w world) {
	for what, right := range map[string]bool{"Jane": true, "somebody without the message": false} {
		taken, still := someone(), someone() // the first mailbox has been broken into
		w.link(held, w.Register(held, taken), still)
		request := w.Submit(held, erasure, policy, taken)
		if got := w.give(held, request, w.code(taken, 1)); got.GetState() != passed || got.GetReason() != "" {
			w.Fatalf("the thief is answered with %v %q", got.GetState(), got.GetReason())
		}
		var found []string
		testwait.For(w.T, 30*time.Second, func() error {
			for _, m := range w.Mail.Mails(still) {
				if found = cancels.FindStringSubmatch(m.Text); found != nil {
					return nil
				}
			}
			return errors.New("her other channel is not told")
		})
		if x := w.explain(held, request); x.GetReason() != "SAFEGUARD_DELAY" || x.GetNextTryAt().AsTime().Before(time.Now().Add(71*time.Hour)) {
			w.Errorf("explained by %q until %v", x.GetReason(), x.GetNextTryAt().AsTime())
		}
		typed := found[1]
		if !right {
			typed = uuid.NewString()
		}
		_, err := w.As(held, "intake").Requests.CancelRequest(stack.Deadline(w.T), &fulfilmentv1.CancelRequestRequest{
			RequestId: uuid.NewString(), Request: request, Code: typed, Reason: fulfilmentv1.CancelReason_CANCEL_REASON_NOT_ME,
		})
		if _, reason, _ := stack.Answer(err); (reason == "") != right {
			w.Errorf("%s is answered with %v (%s)", what, err, reason)
		}
		if right {
			if got := w.Closed(held, request); got.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_CANCELLED || len(got.GetLeaves()) > 0 {
				w.Errorf("%s: the request ended as %v", what, got.GetOutcome())
			}
		}
		w.unmoved(what, held, request)
	}
}
