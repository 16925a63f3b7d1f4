package intake_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/consent/intake"

	"github.com/google/go-cmp/cmp"
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func file(rows uint64) intake.File {
	return intake.File{Source: "old", Digest: "aa", Evidence: "form", Rows: rows}
}

func begun(rows uint64) intake.Event { return intake.Begun{File: file(rows), By: "b", At: noon()} }

func TestHowAnImportGoesOn(t *testing.T) {
	begin := intake.Begin{File: file(3), By: "b", At: noon()}
	resume, other := begin, begin
	resume.Resume, other.Rows = true, 4
	no := []intake.Row{{Number: 3, Line: 4, Reason: "EVIDENCE_REQUIRED"}}
	last := intake.Progressed{Done: 3, Recorded: 2, Refused: no, At: noon()}
	done := []intake.Event{begun(3), last, intake.Finished{Recorded: 2, Refused: 1, At: noon()}}
	for name, tc := range map[string]struct {
		before []intake.Event
		cmd    intake.Command
		then   []intake.Event
		want   error
	}{
		"it is begun":                          {nil, begin, []intake.Event{begun(3)}, nil},
		"it is not begun again while it lasts": {[]intake.Event{begun(3)}, begin, nil, intake.ErrBegun},
		"who goes on says so":                  {[]intake.Event{begun(3)}, resume, []intake.Event{intake.Resumed{By: "b", At: noon()}}, nil},
		"not with another number of rows":      {[]intake.Event{begun(3)}, other, nil, intake.ErrDiffers},
		"the same file again changes nothing":  {done, begin, nil, nil},
		"nor does going on with what is done":  {done, resume, nil, nil},
		"rows are done": {
			[]intake.Event{begun(3)}, intake.Progress{Recorded: 2, At: noon()}, []intake.Event{intake.Progressed{Done: 2, Recorded: 2, At: noon()}}, nil,
		},
		"the last row finishes it":   {[]intake.Event{begun(3)}, intake.Progress{Recorded: 2, Refused: no, At: noon()}, done[1:], nil},
		"there is none after it":     {done, intake.Progress{Recorded: 1, At: noon()}, nil, intake.ErrTooLong},
		"no rows are no progress":    {[]intake.Event{begun(3)}, intake.Progress{At: noon()}, nil, nil},
		"nothing is done before all": {nil, intake.Progress{Recorded: 1, At: noon()}, nil, intake.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			var s intake.Import
			for _, ev := range tc.before {
				s = intake.Evolve(s, ev)
			}
			got, err := intake.Decide(s, tc.cmd)
			if diff := cmp.Diff(tc.then, got); diff != "" || !errors.Is(err, tc.want) {
				t.Errorf("error %v, -want +got:\n%s", err, diff)
			}
		})
	}
}

func TestTheCountsAddUp(t *testing.T) {
	s := intake.Evolve(intake.Import{}, begun(10))
	for n := range uint64(5) {
		events, err := intake.Decide(s, intake.Progress{Recorded: 1, Refused: []intake.Row{{Number: 2*n + 2}}, At: noon()})
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			s = intake.Evolve(s, ev)
		}
	}
	if s.Recorded != 5 || s.Refused != 5 || s.Done != 10 || s.FinishedAt.IsZero() {
		t.Errorf("%+v", s)
	}
}
