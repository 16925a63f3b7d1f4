package verification_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/identity/verification"
)

func TestACheckByStaffReachesNoMoreThanWhatItShows(t *testing.T) {
	const code, settled = verification.LevelCode, verification.LevelSettled
	one, two, three := verification.Points{1}, verification.Points{1, 2}, verification.Points{1, 2, 3}
	for _, tc := range []struct {
		name     string
		before   uint32
		how      verification.How
		points   verification.Points
		declared bool
		want     uint32
	}{
		{"one point shows nothing", 0, verification.InPerson, one, true, 0},
		{"two points are a match", 0, verification.KnownPoints, two, false, 2},
		{"three points on their own are no more", 0, verification.KnownPoints, three, true, 2},
		{"nor with a copy of a document", 0, verification.DocumentCopy, three, true, 2},
		{"three points, a declaration and a code over a known channel are level 3", code, verification.KnownPoints, three, true, 3},
		{"without the declaration they are not", code, verification.KnownPoints, three, false, 2},
		{"nor with two points", code, verification.KnownPoints, two, true, 2},
		{"who is called on a known number has confirmed", 0, verification.CallBack, three, true, 3},
		{"so has who shows a document on the spot", 0, verification.InPerson, three, true, 3},
		{"or by video", 0, verification.VideoCall, three, true, 3},
		{"who comes and declares nothing has matched", 0, verification.InPerson, three, false, 2},
		{"what was proven for level 3 is level 4 once somebody has looked", settled, verification.KnownPoints, two, false, 4},
		{"if they have compared anything", settled, verification.InPerson, one, true, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := verification.Reached(tc.before, tc.how, tc.points, tc.declared); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func TestChecksByStaff(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	open := verification.Verification{Phase: verification.Open, Request: "r", Subject: "jane", ExpiresAt: noon}
	began := open
	began.ReviewUntil = noon.Add(verification.ReviewTime)
	passed := verification.Evolve(open, verification.Succeeded{Level: verification.LevelSettled, Method: verification.MethodCode})
	full := verification.Review{
		By: "vera", Result: verification.Confirmed, How: verification.InPerson, Points: verification.Points{1, 2, 3}, Declared: true, At: noon.Add(-time.Minute),
	}
	with := func(change func(*verification.Review)) verification.Review {
		r := full
		change(&r)
		return r
	}
	late := with(func(r *verification.Review) { r.At = noon.Add(13 * 24 * time.Hour) })
	for _, tc := range []struct {
		name  string
		s     verification.Verification
		cmd   verification.Command
		err   error
		phase verification.Phase
		level uint32
	}{
		{"a person who is there is confirmed", open, full, nil, verification.Passed, 3},
		{"what was proven passes better", passed, full, nil, verification.Passed, 4},
		{"a denial ends it", open, with(func(r *verification.Review) { r.Result = verification.NotConfirmed }), nil, verification.Failed, 0},
		{"whatever was proven", passed, with(func(r *verification.Review) { r.Result = verification.NotConfirmed }), nil, verification.Failed, 3},
		{"nobody can be compared with nobody", verification.Verification{Phase: verification.Open, ExpiresAt: noon}, full, verification.ErrNobody, verification.Open, 0},
		{"after the code's end it is too late", open, late, verification.ErrClosed, verification.Open, 0},
		{"unless the check was begun", began, late, nil, verification.Passed, 3},
		{"for two weeks", began, with(func(r *verification.Review) { r.At = noon.Add(15 * 24 * time.Hour) }), verification.ErrClosed, verification.Open, 0},
		{"a check is made in some way", open, with(func(r *verification.Review) { r.How = 0 }), verification.ErrMethod, verification.Open, 0},
		{"a copy of a document needs a doubt", open, with(func(r *verification.Review) { r.How = verification.DocumentCopy }), verification.ErrDoubt, verification.Open, 0},
		{"the code ends as it would", began, verification.Check{Right: true, At: noon.Add(time.Hour)}, verification.ErrClosed, verification.Open, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			events, err := verification.Decide(tc.s, tc.cmd)
			if !errors.Is(err, tc.err) {
				t.Fatalf("got %v, want %v", err, tc.err)
			}
			s := tc.s
			for _, ev := range events {
				s = verification.Evolve(s, ev)
			}
			if s.Phase != tc.phase || s.Level != tc.level || (err == nil) != (s.CheckedBy == "vera") {
				t.Errorf("phase %d, level %d, checked by %q", s.Phase, s.Level, s.CheckedBy)
			}
			refused := slices.ContainsFunc(events, func(ev verification.Event) bool { _, ok := ev.(verification.CheckRefused); return ok })
			if refused != (err != nil) {
				t.Errorf("a refusal stands in the log: %t", refused)
			}
		})
	}
}

// TestNobodyAddsToTheirOwnWordBySayingItAgain: the same check by staff, twice,
// is one check; its twin is one after a proof of the person's own.
func TestNobodyAddsToTheirOwnWordBySayingItAgain(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	open := verification.Verification{Phase: verification.Open, Request: "r", Subject: "jane", ExpiresAt: noon}
	coded := verification.Evolve(open, verification.Succeeded{Level: verification.LevelCode, Method: verification.MethodCode})
	settled := verification.Evolve(open, verification.Succeeded{Level: verification.LevelSettled, Method: verification.MethodCode})
	for _, tc := range []struct {
		name  string
		s     verification.Verification
		how   verification.How
		level uint32
	}{
		{"in person", open, verification.InPerson, 3},
		{"by what is known alone", open, verification.KnownPoints, 2},
		{"the twin, after a code", coded, verification.KnownPoints, 3},
		{"the twin, after a code over a channel of long standing", settled, verification.KnownPoints, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.s
			for _, by := range []string{"vera", "vera", "otto"} {
				events, err := verification.Decide(s, verification.Review{
					By: by, Result: verification.Confirmed, How: tc.how, Points: verification.Points{1, 2, 3}, Declared: true, At: noon.Add(-time.Minute),
				})
				if err != nil {
					t.Fatal(err)
				}
				for _, ev := range events {
					s = verification.Evolve(s, ev)
				}
				if s.Level != tc.level {
					t.Errorf("after %s: level %d, want %d", by, s.Level, tc.level)
				}
			}
		})
	}
}
