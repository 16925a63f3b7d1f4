package verification_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/identity/verification"

	"github.com/google/go-cmp/cmp"
)

func TestAnAssertionProvesWhoAsks(t *testing.T) {
	digest := []byte{7}
	good := verification.Assert{Right: true, Level: 3, Settled: true, Digest: digest, At: noon}
	with := func(change func(a *verification.Assert)) verification.Assert {
		a := good
		change(&a)
		return a
	}
	passed := func(level uint32) []verification.Event {
		return []verification.Event{verification.Succeeded{Request: "r", Subject: "jane", Level: level, Method: "assertion", Assertion: digest}}
	}
	failed := func(n uint32) verification.Event { return verification.AttemptFailed{Attempts: n} }
	expired := []verification.Event{verification.Ended{Request: "r", Reason: "EXPIRED"}}
	closed := []verification.Event{verification.CheckRefused{Reason: "VERIFICATION_CLOSED"}}
	for _, tc := range []row{
		{"a right one passes, without any code on its way", opened("jane"), good, passed(3), nil},
		{"also while one is", sent(), good, passed(3), nil},
		{"of a link that is young it reaches level 2", opened("jane"), with(func(a *verification.Assert) { a.Settled = false }), passed(2), nil},
		{"however good the sign-in", opened("jane"), with(func(a *verification.Assert) { a.Settled, a.Level = false, 4 }), passed(2), nil},
		{"there is nothing above the highest level", opened("jane"), with(func(a *verification.Assert) { a.Level = 9 }), passed(4), nil},
		{"a wrong one is a wrong attempt", opened("jane"), with(func(a *verification.Assert) { a.Right = false }), []verification.Event{failed(1)}, nil},
		{"one that proves nothing is one, too", opened("jane"), with(func(a *verification.Assert) { a.Level = 0 }), []verification.Event{failed(1)}, nil},
		{"nobody is proven by a right one", opened(""), good, []verification.Event{failed(1)}, nil},
		{
			"wrong codes and wrong tokens are counted together",
			opened("jane", failed(4)),
			with(func(a *verification.Assert) { a.Right = false }),
			[]verification.Event{failed(5), verification.Ended{Request: "r", Reason: "ATTEMPTS_EXHAUSTED"}},
			nil,
		},
		{"a late one ends it", opened("jane"), with(func(a *verification.Assert) { a.At = noon.Add(15 * time.Minute) }), expired, nil},
		{
			"nor while it is open for staff alone",
			opened("jane", verification.CheckBegun{By: "vera", Until: noon.Add(24 * time.Hour)}),
			with(func(a *verification.Assert) { a.At = noon.Add(15 * time.Minute) }),
			closed,
			verification.ErrClosed,
		},
		{"one passes once", opened("jane", passed(3)...), good, closed, verification.ErrClosed},
		{"none comes after the end", opened("jane", expired...), good, closed, verification.ErrClosed},
		{"none comes before the beginning", nil, good, nil, verification.ErrNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s verification.Verification
			for _, ev := range tc.given {
				s = verification.Evolve(s, ev)
			}
			got, err := verification.Decide(s, tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAVerificationHasANonceOfItsOwn(t *testing.T) {
	events, err := verification.Decide(verification.Verification{}, verification.Start{Request: "r", Subject: "jane", Nonce: "n", At: noon})
	if err != nil {
		t.Fatal(err)
	}
	if s := verification.Evolve(verification.Verification{}, events[0]); s.Nonce != "n" {
		t.Errorf("the nonce is %q", s.Nonce)
	}
}
