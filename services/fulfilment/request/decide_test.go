package request_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/request"

	"github.com/google/go-cmp/cmp"
)

const (
	subject = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	notice  = "bbbbbbbbbbbbbbbbbbbbbbbbba"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func after(d time.Duration) time.Time { return noon().Add(d) }

func submitted(right request.Right) request.Event {
	return request.Submitted{Right: right, ReceivedAt: noon(), At: noon(), Terms: request.Terms{DueAt: after(720 * time.Hour)}}
}

// verified is an erasure whose person is known.
func verified() []request.Event {
	return []request.Event{
		submitted(request.Erasure),
		request.VerificationStarted{Verification: notice, ExpiresAt: after(15 * time.Minute), At: noon()},
		request.Verified{SubjectRef: subject, Level: 2, At: noon()},
	}
}

func leaf(n uint32, system string, d request.Decision) request.Planned {
	p := request.Planned{Leaf: n, System: system, Version: 1, Collection: "customer", Category: "user.contact", Decision: d}
	if d == request.Keep {
		p.Ground, p.Authority, p.Until, p.Rows = "legal_obligation.tax", "26 CFR 1.6001-1", after(time.Hour), 2
	}
	return p
}

// planned is an erasure with a manifest of these leaves.
func planned(leaves ...request.Planned) []request.Event {
	return append(verified(), request.Activated{At: noon()}, request.Frozen{At: noon()}, request.ManifestCommitted{Leaves: leaves, At: noon()})
}

func started(rows uint64) request.Event {
	return request.LeavesStarted{
		System: "shop", Attempt: 1, Permit: notice, PermitAt: after(time.Minute), Leaves: []request.Found{{Leaf: 1, Rows: rows}}, At: noon(),
	}
}

func completed(o request.LeafOutcome) request.Event {
	return request.LeavesCompleted{System: "shop", Leaves: []request.Ended{{Done: request.Done{Leaf: 1}, Outcome: o}}, At: noon()}
}

func with(events []request.Event, more ...request.Event) []request.Event {
	return slices.Concat(events, more)
}

func one(e request.Event) []request.Event { return []request.Event{e} }

func erases() request.Planned { return leaf(1, "shop", request.Erase) }

// decision is what a command does to a request with a history.
type decision struct {
	name  string
	given []request.Event
	when  request.Command
	then  []request.Event
	err   error
}

func openings() []decision {
	return []decision{
		{"a request is not received in the future", nil, request.Submit{ReceivedAt: after(1), At: noon()}, nil, request.ErrInFuture},
		{"submitting twice is a no-op", verified(), request.Submit{}, nil, nil},
		{"nobody commands a request that is not there", nil, request.Withdraw{}, nil, request.ErrNoRequest},
		{"no code is taken before there is one", one(submitted(request.Access)), request.CheckOpen{}, nil, request.ErrNotStarted},
		{
			"no code is taken after a withdrawal", with(verified(), request.Withdrawn{}),
			request.CheckOpen{},
			one(request.CommandRefused{Command: "verify", Reason: "VERIFICATION_NOT_OPEN"}), request.ErrNotOpen,
		},
		{"no proof is asked for again before there is one", one(submitted(request.Access)), request.Renew{At: noon()}, nil, nil},
		{
			"nor when it is enough",
			verified(),
			request.Renew{At: noon()},
			one(request.CommandRefused{Command: "renew", Reason: "VERIFICATION_NOT_NEEDED"}),
			request.ErrProven,
		},
		{
			"nor where it can't be better",
			[]request.Event{
				request.Submitted{Right: request.Access, Terms: request.Terms{Level: 3}, ReceivedAt: noon(), At: noon()},
				request.VerificationStarted{Verification: notice},
				request.Verified{SubjectRef: "jane", Level: 2},
			},
			request.Renew{Vain: true, At: noon()},
			one(request.CommandRefused{Command: "renew", Reason: "CHANNELS_TOO_YOUNG"}),
			request.ErrYoung,
		},
		{
			"nor after a withdrawal",
			with(verified(), request.Withdrawn{}),
			request.Renew{At: noon()},
			one(request.CommandRefused{Command: "renew", Reason: "VERIFICATION_NOT_OPEN"}),
			request.ErrNotOpen,
		},
		{"nobody is activated before they are verified", one(submitted(request.Access)), request.Activate{At: noon()}, nil, request.ErrOutOfStep},
		{"nothing is planned before the turn comes", verified(), request.CommitManifest{Leaves: []request.Planned{erases()}}, nil, request.ErrOutOfStep},
		{
			"an erasure is not planned before the person is frozen", with(verified(), request.Activated{}),
			request.CommitManifest{Leaves: []request.Planned{erases()}},
			nil, request.ErrOutOfStep,
		},
		{
			"an empty scope is no scope", with(verified(), request.Activated{}, request.Frozen{}),
			request.CommitManifest{},
			nil, request.ErrNotInManifest,
		},
		{
			"what is kept has a ground, an authority and an end", with(verified(), request.Activated{}, request.Frozen{}),
			request.CommitManifest{Leaves: []request.Planned{{Leaf: 1, System: "shop", Decision: request.Keep, Ground: "x"}}},
			nil, request.ErrNotInManifest,
		},
	}
}

func works() []decision {
	found := []request.Found{{Leaf: 1, Rows: 3}}
	start := request.StartLeaves{System: "shop", Permit: notice, PermitAt: after(time.Minute), Leaves: found, At: noon()}
	late := start
	late.At, late.PermitAt = after(2*time.Minute), after(3*time.Minute)
	bare := start
	bare.Permit = ""
	done := request.CompleteLeaves{System: "shop", Leaves: []request.Done{{Leaf: 1, Deleted: 3}}, Reread: true, At: noon()}
	unread := done
	unread.Reread = false
	return []decision{
		{"a scope is fixed once", planned(erases()), request.CommitManifest{Leaves: []request.Planned{leaf(1, "crm", request.Erase)}}, nil, nil},
		{
			"a system that was away brings its decisions", planned(leaf(1, "shop", request.Undecided)),
			request.DecideLeaves{System: "shop", Leaves: []request.Planned{erases()}, At: noon()},
			one(request.LeavesDecided{System: "shop", Leaves: []request.Planned{erases()}, At: noon()}), nil,
		},
		{
			"it can't bring another scope", planned(leaf(1, "shop", request.Undecided)),
			request.DecideLeaves{System: "shop", Leaves: []request.Planned{leaf(2, "shop", request.Erase)}},
			nil, request.ErrNotInManifest,
		},
		{"to keep stands", planned(leaf(1, "shop", request.Keep)), request.DecideLeaves{System: "shop", Leaves: []request.Planned{erases()}}, nil, nil},
		{
			"what was to be erased may have to be kept", planned(erases()),
			request.DecideLeaves{System: "shop", Leaves: []request.Planned{leaf(1, "shop", request.Keep)}},
			one(request.LeavesDecided{System: "shop", Leaves: []request.Planned{leaf(1, "shop", request.Keep)}}), nil,
		},
		{"to erase stands as it is", planned(erases()), request.DecideLeaves{System: "shop", Leaves: []request.Planned{erases()}}, nil, nil},
		{"what is to be destroyed is started under a permit", planned(erases()), start, one(started(3)), nil},
		{"nothing is destroyed without a permit", planned(erases()), bare, nil, request.ErrOutOfStep},
		{"nobody starts while somebody may be at work", with(planned(erases()), started(3)), start, nil, request.ErrOutOfStep},
		{"an ended permit lets the next one start", with(planned(erases()), started(3)), late, []request.Event{request.LeavesStarted{
			System: "shop", Attempt: 2, Permit: notice, PermitAt: late.PermitAt, Leaves: found, At: late.At,
		}}, nil},
		{"nothing is started after a withdrawal", with(planned(erases()), request.Withdrawn{}), start, nil, request.ErrOutOfStep},
		{"a leaf that was not started does not end", planned(erases()), done, nil, request.ErrOutOfStep},
		{"what was not read again is not erased", with(planned(erases()), started(3)), unread, nil, request.ErrNotReread},
		{"a leaf ends as erased", with(planned(erases()), started(3)), done, []request.Event{request.LeavesCompleted{
			System: "shop", Leaves: []request.Ended{{Done: request.Done{Leaf: 1, Deleted: 3}, Outcome: request.Erased}}, At: noon(),
		}}, nil},
		{
			"rows that are found no more, though no try said that it erased them, may still be there", with(planned(erases()), started(3)),
			request.CompleteLeaves{System: "shop", Leaves: []request.Done{{Leaf: 1}}, Reread: true, At: noon()},
			one(request.LeavesCompleted{System: "shop", At: noon(), Leaves: []request.Ended{{
				Done: request.Done{Leaf: 1}, Outcome: request.Retained,
				Because: request.Because{Reason: request.NoLongerFound, Authority: "none", Until: noon().AddDate(1, 0, 0)},
			}}}), nil,
		},
		{
			"a leaf of which nothing was ever found is not held", with(planned(erases()), started(0)),
			request.CompleteLeaves{System: "shop", Leaves: []request.Done{{Leaf: 1}}, Reread: true, At: noon()},
			one(completed(request.NotHeld)), nil,
		},
		{
			"what is kept was not touched", with(planned(leaf(1, "shop", request.Keep)), started(3)),
			request.CompleteLeaves{System: "shop", Leaves: []request.Done{{Leaf: 1, Masked: 1}}, Reread: true},
			nil, request.ErrNotInManifest,
		},
		{"an outcome never changes", with(planned(erases()), started(3), completed(request.Erased)), done, nil, nil},
	}
}

func endings() []decision {
	ready := request.PackageReady{Package: "p", ExpiresAt: noon().Add(1)}
	return []decision{
		{
			"a withdrawal comes too late once something was started", with(planned(erases()), started(3)),
			request.Withdraw{At: noon()},
			one(request.CommandRefused{Command: "withdraw", Reason: "REQUEST_ALREADY_STARTED"}), request.ErrTooLate,
		},
		{
			"a withdrawn erasure does not close while the person may be restricted",
			with(verified(), request.Activated{}, request.Withdrawn{}),
			request.Close{},
			nil, request.ErrOutOfStep,
		},
		{"a withdrawal before is taken", planned(erases()), request.Withdraw{At: noon()}, one(request.Withdrawn{At: noon()}), nil},
		{
			"a retry of nothing is refused", planned(erases()),
			request.Retry{At: noon()},
			one(request.CommandRefused{Command: "retry", Reason: "NOTHING_TO_RETRY"}), request.ErrNothingFailed,
		},
		{
			"a step that fails is tried again later", planned(erases()),
			request.FailStep{Step: request.StepErase, System: "shop", Reason: "X", At: noon()},
			one(request.StepFailed{Step: request.StepErase, System: "shop", Failures: 1, Reason: "X", NextTryAt: after(time.Second), At: noon()}), nil,
		},
		{"a request does not close before its leaves have ended", with(planned(erases()), started(3)), request.Close{}, nil, request.ErrOutOfStep},
		{"nor before the person is forgotten", with(planned(erases()), started(3), completed(request.Erased)), request.Close{}, nil, request.ErrOutOfStep},
		{
			"it closes with the outcome of its leaves",
			with(planned(erases()), started(3), completed(request.Erased), request.SubjectForgotten{}, request.RestrictionEnded{Erased: true}),
			request.Close{At: noon()},
			one2(request.RemainderStated{SubjectRef: subject, Forgotten: true}, request.Closed{Outcome: request.Complete, At: noon()}), nil,
		},
		{
			"a closed request stays closed", one2(submitted(request.Access), request.Closed{Outcome: request.NotVerified}),
			request.Retry{},
			one(request.CommandRefused{Command: "retry", Reason: "REQUEST_CLOSED"}), request.ErrOver,
		},
		{
			"its key lives until the last notice is out",
			one2(submitted(request.Access), request.NoticeOwed{Notice: notice, Template: "acknowledged"}, request.Closed{Outcome: request.NotVerified}),
			request.DestroyKey{},
			nil, request.ErrOutOfStep,
		},
		{
			"a package that is not there is not read", one(submitted(request.Access)),
			request.ReadPackage{At: noon()},
			one(request.CommandRefused{Command: "download", Reason: "PACKAGE_NOT_AVAILABLE"}), request.ErrNoPackage,
		},
		{
			"one that holds data of somebody else by now is not read, and ends", one2(submitted(request.Access), ready),
			request.ReadPackage{Separated: true, At: noon()},
			one2(request.CommandRefused{Command: "download", Reason: "PACKAGE_NOT_AVAILABLE"}, request.PackageRevoked{Reason: request.PackageSeparated, At: noon()}),
			request.ErrNoPackage,
		},
		{
			"a package is revoked once", one2(submitted(request.Access), ready, request.PackageRevoked{Reason: request.PackageErased}),
			request.RevokePackage{Reason: request.PackageErased, At: noon()},
			nil, nil,
		},
	}
}

func TestDecide(t *testing.T) {
	for _, tc := range slices.Concat(openings(), works(), announcements(), remains(), resumed(), remembered(), endings(), staffings(), approvals(), instructions(), rejections()) {
		t.Run(tc.name, func(t *testing.T) {
			got, err := request.Decide(fold(tc.given), tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func one2(events ...request.Event) []request.Event { return events }

func fold(events []request.Event) request.Request {
	var s request.Request
	for _, ev := range events {
		s = request.Evolve(s, ev)
	}
	return s
}
