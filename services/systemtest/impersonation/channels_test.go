package impersonation_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// patience is generous: a machine may be slow.
const patience = time.Minute

// letter submits an erasure that came by post at a moment.
func (w world) letter(tenant, address string, at time.Time) string {
	w.Helper()
	res, err := w.As(tenant, "intake").Requests.SubmitRequest(stack.Deadline(w.T), &fulfilmentv1.SubmitRequestRequest{
		RequestId: uuid.NewString(), Right: erasure, Policy: policy, Channel: fulfilmentv1.RequestChannel_REQUEST_CHANNEL_LETTER,
		ReceivedAt: timestamppb.New(at), Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: address},
	})
	if err != nil {
		w.Fatal(err)
	}
	return res.GetRequest()
}

// oldLetter: a postmark that makes a request overdue hurries nobody past the proof.
// The twin has the code, as whoever is let past it would be: the same letter is
// carried out at once, and nothing else stood in between.
func oldLetter(w world) {
	jane := someone()
	w.Register(open, jane)
	request := w.letter(open, jane, time.Now().AddDate(0, -2, 0))
	w.asked(open, request)
	if x := w.explain(open, request); !x.GetRequest().GetDueAt().AsTime().Before(time.Now()) {
		w.Errorf("the letter is due on %v: it is no attack", x.GetRequest().GetDueAt().AsTime())
	}
	w.unmoved("an overdue letter", open, request)
	if got := w.give(open, request, w.code(jane, 1)); got.GetState() != passed {
		w.Errorf("the code is answered with %v", got.GetState())
	}
	w.moves("an overdue letter without the proof", open, request)
}

// manyRequests: each request has a code and five guesses of its own, so the number of
// codes that one person is sent is bounded. The twins are as many requests for as many
// people, whom that number does not bound together: all get a code, and the last of
// them can be guessed.
func manyRequests(w world) {
	const most, more = 10, 3 // codes that a person is sent in an hour
	jane := someone()
	w.Register(open, jane)
	var last string
	for range most + more {
		last = w.Submit(open, erasure, policy, jane)
		w.asked(open, last)
	}
	w.code(jane, most)
	for n := range 5 { // until the last request is decided, its code was not sent
		w.give(open, last, fmt.Sprintf("%08d", n))
	}
	if n := len(w.codes(jane)); n != most {
		w.Errorf("%d codes, want %d and no more to guess", n, most)
	}
	var other, request string
	for range most + more {
		other = someone()
		w.Register(open, other)
		request = w.Submit(open, erasure, policy, other)
		w.code(other, 1)
	}
	if got := w.give(open, request, w.code(other, 1)); got.GetState() != passed {
		w.Errorf("the code that nothing bounds is answered with %v", got.GetState())
	}
}

// addedChannel: whoever is in her session for a moment and adds an address gets no
// code by it, because it goes to the one that was known first. The twin has no other
// address: the code goes to the one that was added, and where its age does not count
// either, her data is erased by it.
func addedChannel(w world) {
	jane, expartner := someone(), someone()
	w.link(open, w.Register(open, jane), expartner)
	request := w.Submit(open, erasure, policy, expartner)
	w.give(open, request, other(w.code(jane, 1), 0)) // the code has gone to her
	if n := len(w.codes(expartner)); n != 0 {
		w.Errorf("the address that was added got %d codes", n)
	}
	w.unmoved("an address that was added", open, request)
	for _, tenant := range []string{open, guarded} {
		added := someone()
		w.link(tenant, w.phone(tenant, number()), added)
		request := w.Submit(tenant, erasure, policy, added)
		got := w.give(tenant, request, w.code(added, 1))
		if tenant == open {
			w.moves("without both defences", tenant, request)
			continue
		}
		if got.GetReason() != "ASSURANCE_TOO_LOW" {
			w.Errorf("where age counts it is answered with %q", got.GetReason())
		}
		w.unmoved("where age counts", tenant, request)
	}
}

// number is a telephone number that nobody else has.
func number() string { return fmt.Sprintf("+4930%07d", 1_000_000+rand.IntN(9_000_000)) } //nolint:gosec // no secret

// phone registers somebody who is known by a telephone number alone.
func (w world) phone(tenant, number string) string {
	w.Helper()
	res, err := w.As(tenant, "product").Subjects.RegisterSubject(stack.Deadline(w.T), &identityv1.RegisterSubjectRequest{
		RequestId:   uuid.NewString(),
		Identifiers: []*identityv1.Identifier{{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE, Value: number}},
	})
	if err != nil {
		w.Fatal(err)
	}
	return res.GetSubjectRef()
}

// call submits an erasure in the name of whoever has a number.
func (w world) call(tenant, number string) string {
	w.Helper()
	res, err := w.As(tenant, "intake").Requests.SubmitRequest(stack.Deadline(w.T), &fulfilmentv1.SubmitRequestRequest{
		RequestId: uuid.NewString(), Right: erasure, Policy: policy, Channel: fulfilmentv1.RequestChannel_REQUEST_CHANNEL_PHONE,
		Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE, Value: number},
	})
	if err != nil {
		w.Fatal(err)
	}
	return res.GetRequest()
}

// texted waits for the code that a number was sent.
func (w world) texted(number string) string {
	w.Helper()
	testwait.For(w.T, patience, func() error {
		if len(w.Texts.Texts(number)) == 0 {
			return errors.New("no text message")
		}
		return nil
	})
	return code.FindString(w.Texts.Texts(number)[0])
}

// simSwap: the thief has another SIM for her number, of long standing, and reads the
// code. It is the right one, and not enough. The twin is a mailbox of the same
// standing, which is: were a text message worth as much, her data would be erased.
func simSwap(w world) {
	hers := number()
	w.phone(open, hers)
	request := w.call(open, hers)
	got := w.give(open, request, w.texted(hers))
	if got.GetState() != passed || got.GetAssuranceLevel() != 2 || got.GetReason() != "ASSURANCE_TOO_LOW" {
		w.Errorf("the thief is answered with %v, level %d, %q", got.GetState(), got.GetAssuranceLevel(), got.GetReason())
	}
	w.unmoved("a telephone that was taken over", open, request)
	_, err := w.As(open, "intake").Requests.RenewVerification(stack.Deadline(w.T), &fulfilmentv1.RenewVerificationRequest{
		RequestId: uuid.NewString(), Request: request,
	})
	if _, reason, _ := stack.Answer(err); reason != "" { // a sign-in would do there, and she has none
		w.Errorf("asking again is answered with %v (%s)", err, reason)
	}
	jane := someone()
	w.Register(open, jane)
	twin := w.Submit(open, erasure, policy, jane)
	if got := w.give(open, twin, w.code(jane, 1)); got.GetAssuranceLevel() != 3 {
		w.Errorf("a mailbox reaches %d", got.GetAssuranceLevel())
	}
	w.moves("a proof that is worth more", open, twin)
}

// portedNumber: the gateway knows of the other SIM, and the thief does not even get the
// code. The twin is a number of which it knows nothing.
func portedNumber(w world) {
	hers, twin := number(), number()
	w.Texts.Port(hers, time.Now().Add(-time.Hour))
	w.phone(open, hers)
	w.phone(open, twin)
	request, other := w.call(open, hers), w.call(open, twin)
	testwait.For(w.T, patience, func() error {
		if w.Texts.Denied(hers) == 0 {
			return errors.New("the gateway was not asked")
		}
		return nil
	})
	if got := w.give(open, other, w.texted(twin)); got.GetState() != passed {
		w.Errorf("the twin is answered with %v", got.GetState())
	}
	if n := len(w.Texts.Texts(hers)); n != 0 {
		w.Errorf("the thief got %d messages", n)
	}
	if got := w.give(open, request, "00000000"); got.GetState() != pending || got.GetAttemptsLeft() != 4 {
		w.Errorf("a guess is answered with %v, %d attempts left", got.GetState(), got.GetAttemptsLeft())
	}
	w.unmoved("a number that was ported", open, request)
}
