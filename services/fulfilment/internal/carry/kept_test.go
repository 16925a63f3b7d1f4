package carry_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

// stubborn is a world with a system in which rows are kept for tax, and others
// stay for what they are. Once Jane's address is gone it finds nothing of her.
func stubborn(t *testing.T, chunked bool) (*fake.World, *fake.Holder) {
	w := fake.NewWorld(t)
	w.Peers.Keep["user.financial"] = true
	h := w.AddSystem("shop")
	h.Anchored, h.Chunked, h.Described = true, chunked, "archive"
	h.Collection = append(
		h.Collection,
		connector.Part{Collection: "archive", Category: "user.content"},
		connector.Part{Collection: "customer", Category: "user.unique_id"},
		connector.Part{Collection: "household", Category: "user.location"},
		connector.Part{Collection: "invoice", Category: "user.unique_id"},
		connector.Part{Collection: "letter", Category: "user.content"},
	)
	for i, r := range h.Rows {
		r.Fixed = map[string]bool{"user.unique_id": true}
		r.Values["user.unique_id"] = "7"
		h.Rows[i] = r
	}
	content := func() map[string]string { return map[string]string{"user.content": "dear"} }
	h.Rows = append(
		h.Rows,
		fake.Row{Owner: fake.Jane, Collection: "archive", Values: content()},
		fake.Row{Owner: fake.Jane, Collection: "letter", Values: content()},
		fake.Row{Owner: fake.Jane, Collection: "letter", Values: content(), Shared: true},
		fake.Row{Owner: fake.Jane, Collection: "household", Values: map[string]string{"user.location": "x"}, Shared: true},
	)
	return w, h
}

// ends are the outcomes of leaves, with counts and reasons.
func ends(s request.Request) []string {
	var out []string
	for _, l := range s.Leaves {
		why := l.Why()
		out = append(out, fmt.Sprintf(
			"%s %s: %d, %d deleted, %d masked, %d kept, %d shared, %s, %s, until %s", l.Collection, l.Category, l.Outcome,
			l.Deleted, l.Masked, l.Kept, l.Shared, why.Reason, why.Authority, why.Until.Format(time.DateOnly),
		))
	}
	return out
}

const (
	inTenYears = "2036-11-22"
	inOneYear  = "2027-11-22"
	never      = "0001-01-01"
)

func stubbornEnds() []string {
	return []string{
		"customer user.contact: 1, 1 deleted, 0 masked, 0 kept, 0 shared, , , until " + never,
		"invoice user.financial: 4, 0 deleted, 0 masked, 0 kept, 0 shared, legal_obligation.tax, 26 CFR 1.6001-1, until " + inTenYears,
		"ticket user.content: 5, 0 deleted, 0 masked, 0 kept, 0 shared, , , until " + never,
		"archive user.content: 4, 0 deleted, 0 masked, 1 kept, 0 shared, kept_by_description, system description, until " + inOneYear,
		"customer user.unique_id: 4, 0 deleted, 0 masked, 1 kept, 0 shared, key_of_retained_row, 26 CFR 1.6001-1, until " + inTenYears,
		"household user.location: 4, 0 deleted, 0 masked, 0 kept, 1 shared, shared_with_others, rights of others, until " + inOneYear,
		"invoice user.unique_id: 4, 0 deleted, 0 masked, 1 kept, 0 shared, key_of_retained_row, 26 CFR 1.6001-1, until " + inTenYears,
		"letter user.content: 4, 1 deleted, 0 masked, 0 kept, 1 shared, shared_with_others, rights of others, until " + inOneYear,
	}
}

func checkStubborn(t *testing.T, w *fake.World, h *fake.Holder, agg es.Aggregate) {
	t.Helper()
	s := w.State(agg)
	if !s.Finished || s.Outcome != request.CompleteWithRetained {
		t.Fatalf("finished %t, outcome %d, %v", s.Finished, s.Outcome, ends(s))
	}
	if got := ends(s); !slices.Equal(got, stubbornEnds()) {
		t.Errorf("the leaves ended as\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(stubbornEnds(), "\n"))
	}
	if n := h.Of(fake.Jane); n != 6 || h.Violations > 0 {
		t.Errorf("%d values of Jane's are left, want 6; %d changes without a permit", n, h.Violations)
	}
}

func TestALeafOfWhichSomethingStaysSaysSoWhereverTheWorkIsCutOff(t *testing.T) {
	t.Run("undisturbed", func(t *testing.T) {
		w, h := stubborn(t, false)
		agg := erasure(w)
		w.Run(soon(w))
		checkStubborn(t, w, h, agg)
		kept := w.Post.Sent[len(w.Post.Sent)-1].Text
		for _, why := range []string{"legal_obligation.tax", "key_of_retained_row", "kept_by_description", "shared_with_others"} {
			if !strings.Contains(kept, why) {
				t.Errorf("the person is not told of %s:\n%s", why, kept)
			}
		}
	})
	points := []string{
		carry.PointLocated, carry.PointPermitted, carry.PointStarted, carry.PointSuppressed, carry.PointAnnounced,
		carry.PointErased, carry.PointVerifiedAbsent, carry.PointPermitEnded, carry.PointCompleted,
	}
	for _, chunked := range []bool{false, true} {
		for _, point := range points {
			for nth := 1; nth <= 4; nth++ {
				if nth > 1 && (!chunked || point != carry.PointAnnounced) {
					continue
				}
				t.Run(fmt.Sprintf("cut off at %s the %d. time, in chunks %t", point, nth, chunked), func(t *testing.T) {
					w, h := stubborn(t, chunked)
					met := 0
					w.Crash = func(at string) error {
						if at == point {
							if met++; met == nth {
								return fake.ErrCrash
							}
						}
						return nil
					}
					agg := erasure(w)
					w.Run(soon(w))
					checkStubborn(t, w, h, agg)
					if met < nth {
						t.Errorf("the point was met %d times", met)
					}
				})
			}
		}
	}
}

// givenUp runs an erasure whose attempt somebody else gives up at a point, the
// nth time that it is met, and returns what is left then.
func givenUp(t *testing.T, w *fake.World, h *fake.Holder, point string, nth int) (agg es.Aggregate, left int) {
	t.Helper()
	w.Crash = func(at string) error {
		if at != point {
			return nil
		}
		if nth--; nth == 0 {
			later := w.Clock.Now().Add(time.Hour)
			_, err := w.Handlers.Requests.Handle(t.Context(), agg, es.Command[request.Command]{
				ID: "fail", At: w.Clock.Now(), Data: request.FailStep{Step: request.StepErase, System: "shop", Reason: "X", At: later},
			})
			if err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	agg = w.Submit(request.Erasure, "r1")
	w.Settle()
	w.Verify(agg)
	w.Settle()
	if w.State(agg).Closed {
		t.Error("the request is closed")
	}
	return agg, h.Of(fake.Jane)
}

func TestNothingIsCommittedThatCannotBeAnnounced(t *testing.T) {
	w, h := stubborn(t, false)
	before := h.Of(fake.Jane)
	agg, left := givenUp(t, w, h, carry.PointSuppressed, 1)
	if left != before {
		t.Errorf("%d values of Jane's are left of %d, though the attempt had ended", left, before)
	}
	w.Run(soon(w))
	checkStubborn(t, w, h, agg)
}

func TestAPermitIsToldOfWhatWasCommittedBeforeAFailure(t *testing.T) {
	w, h := stubborn(t, true)
	before := h.Of(fake.Jane)
	agg, left := givenUp(t, w, h, carry.PointAnnounced, 3) // her letter
	if left != before-1 {
		t.Errorf("%d values of Jane's are left of %d, want all but one", left, before)
	}
	if calls := w.Peers.Seen(); !slices.Contains(calls, "EndPermit 1") {
		t.Errorf("the permit was not told of one row: %v", calls)
	}
	w.Run(soon(w))
	checkStubborn(t, w, h, agg)
}

func TestTheEndDestroysBothKeysAndRemembersTheIdentifiers(t *testing.T) {
	for _, point := range []string{"", carry.PointOwnSuppressed, carry.PointForgotten} {
		t.Run("cut off at "+point, func(t *testing.T) {
			w, _, _ := world(t)
			crashed := false
			w.Crash = func(at string) error {
				if at == point && !crashed {
					crashed = true
					return fake.ErrCrash
				}
				return nil
			}
			agg := erasure(w)
			w.Run(soon(w))
			checkErased(t, w, agg)
			if !w.State(agg).OwnSuppressed {
				t.Error("it is not recorded that the identifiers are remembered")
			}
			calls := w.Peers.Seen()
			forgotten := slices.IndexFunc(calls, func(c string) bool { return strings.HasPrefix(c, "ForgetSubject") })
			suppressed := 0
			for _, c := range calls[:forgotten] {
				if strings.HasPrefix(c, "Suppress") {
					suppressed++
				}
			}
			if suppressed < 3 || w.Peers.Remembered["habeas.identifier.email="+fake.Jane].Before(w.Clock.Now().AddDate(0, 0, 27)) {
				t.Errorf("%d values were remembered before the person was forgotten: %v", suppressed, slices.Sorted(maps.Keys(w.Peers.Remembered)))
			}
			for _, class := range []string{"KEY_CLASS_REQUEST", "KEY_CLASS_EVIDENCE"} {
				if !slices.Contains(w.Peers.Ended, class) {
					t.Errorf("%s lives on: %v", class, w.Peers.Ended)
				}
			}
		})
	}
}
