package carry_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

const day = 24 * time.Hour

// soon is long enough for every retry of the tests and before anything expires.
func soon(w *fake.World) time.Time { return w.Clock.Now().Add(2 * day) }

func world(t *testing.T) (*fake.World, *fake.Holder, *fake.Holder) {
	w := fake.NewWorld(t)
	shop, crm := w.AddSystem("shop"), w.AddSystem("crm")
	w.Peers.Keep["user.financial"] = true
	return w, shop, crm
}

// erased is a request for erasure, verified.
func erasure(w *fake.World) es.Aggregate {
	agg := w.Submit(request.Erasure, "r1")
	w.Settle()
	w.Verify(agg)
	return agg
}

func outcomes(s request.Request) string {
	names := map[request.LeafOutcome]string{
		request.Open: "open", request.Erased: "erased", request.Masked: "masked", request.Collected: "collected",
		request.Retained: "retained", request.NotHeld: "not-held", request.Lost: "lost",
	}
	var out []string
	for _, l := range s.Leaves {
		out = append(out, l.System+"."+l.Collection+"="+names[l.Outcome])
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

const erasedOutcomes = "crm.customer=erased crm.invoice=retained crm.ticket=not-held " +
	"shop.customer=erased shop.invoice=retained shop.ticket=not-held"

func checkErased(t *testing.T, w *fake.World, agg es.Aggregate) {
	t.Helper()
	s := w.State(agg)
	if !s.Closed || !s.Finished || s.Outcome != request.CompleteWithRetained {
		t.Fatalf("closed %t, finished %t, outcome %d; %s; %+v", s.Closed, s.Finished, s.Outcome, outcomes(s), request.Explain(s))
	}
	if got := outcomes(s); got != erasedOutcomes {
		t.Errorf("leaves: %s", got)
	}
	for name, h := range w.Systems.Holders {
		if n := h.Of(fake.Jane); n != 1 {
			t.Errorf("%s still has %d values of Jane's, want the one that is kept", name, n)
		}
		if n := h.Of("john@example.com"); n != 2 {
			t.Errorf("%s has %d values of John's, want both", name, n)
		}
		if h.Violations > 0 {
			t.Errorf("%s was changed %d times without a permit", name, h.Violations)
		}
	}
	if last := w.Peers.Facts[len(w.Peers.Facts)-1]; last != consentv1.Fact_FACT_ERASED {
		t.Errorf("consent was told %s last", last)
	}
	if !s.KeyDestroyed || !slices.Contains(w.Peers.Destroyed, "request-closed") {
		t.Error("the request's key lives on")
	}
}

func TestAnErasureIsCarriedOut(t *testing.T) {
	w, _, _ := world(t)
	w.Peers.Refusals = []*identityv1.KeptRefusal{{Policy: "qcera", Purpose: "mail.periodic", Channel: "email", RefusedOn: "2026-01-02"}}
	agg := erasure(w)
	w.Run(soon(w))
	checkErased(t, w, agg)
	var sent []string
	for _, m := range w.Post.Sent {
		if m.To != fake.Jane {
			t.Errorf("a notice went to %q", m.To)
		}
		sent = append(sent, m.Subject)
	}
	if !strings.HasPrefix(w.Post.Sent[0].Text, "This is a message of Acme Stores.") {
		t.Errorf("nobody knows whose message it is:\n%s", w.Post.Sent[0].Text)
	}
	if !slices.Equal(sent, []string{fake.Organisation + ": We have received your request", fake.Organisation + ": Your data has been erased, but for what must be kept"}) {
		t.Errorf("notices: %v", sent)
	}
	if n, ok := w.Peers.Kept[fake.Jane]; !ok || n != 1 {
		t.Errorf("%d refusals are kept beyond the erasure: %v", n, w.Peers.Kept)
	}
	order := []string{"ApplyFact FACT_RESTRICTED", "FixIdentifiers fix", "ListIdentifiers", "FixIdentifiers search", "ListIdentifiers", "Evaluate", "RequestPermit", "Suppress", "EndPermit", "ListRefusals", "KeepRefusals", "ForgetSubject", "ApplyFact FACT_ERASED", "DestroyKeys"}
	at := 0
	for _, call := range w.Peers.Seen() {
		if at < len(order) && strings.HasPrefix(call, order[at]) {
			at++
		}
	}
	if at < len(order) {
		t.Errorf("%s did not come in its turn: %v", order[at], w.Peers.Seen())
	}
}

func TestAnErasureEndsTheSameWhereverItIsCutOff(t *testing.T) {
	for _, point := range carry.Points() {
		if strings.HasPrefix(point, "package") || strings.HasPrefix(point, "turn") {
			continue
		}
		for _, times := range []int{1, 3} {
			t.Run(point, func(t *testing.T) {
				w, _, _ := world(t)
				crashes := 0
				w.Crash = func(at string) error {
					if at == point && crashes < times {
						crashes++
						return fake.ErrCrash
					}
					return nil
				}
				agg := erasure(w)
				w.Run(soon(w))
				checkErased(t, w, agg)
				if crashes == 0 {
					t.Error("this point was not met")
				}
			})
		}
	}
}

func TestASystemThatFailsIsTriedAgainAndBlocksNoOther(t *testing.T) {
	for _, tc := range []struct {
		name  string
		brake func(h *fake.Holder)
		mend  func(h *fake.Holder)
		why   string
	}{
		{"it does not answer", func(h *fake.Holder) { h.Down = connector.ErrUnreachable }, func(h *fake.Holder) { h.Down = "" }, "SYSTEM_UNREACHABLE"},
		{"it is busy", func(h *fake.Holder) { h.Broken = connector.ErrBusy }, func(h *fake.Holder) { h.Broken = "" }, "SYSTEM_BUSY"},
		{"it refuses", func(h *fake.Holder) { h.Broken = connector.ErrConstraint }, func(h *fake.Holder) { h.Broken = "" }, "SYSTEM_CONSTRAINT"},
		{"it lies", func(h *fake.Holder) { h.Lies = true }, func(h *fake.Holder) { h.Lies = false }, "ROWS_REMAIN"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, shop, crm := world(t)
			crm.Set(tc.brake)
			agg := erasure(w)
			w.Run(soon(w))
			s := w.State(agg)
			if shop.Of(fake.Jane) != 1 {
				t.Error("the other system was not worked on")
			}
			x := request.Explain(s)
			if s.Closed || x.Actor != request.ActorSystem || x.System != "crm" || x.Reason != tc.why || x.NextTryAt.IsZero() {
				t.Fatalf("closed %t, explained as %+v", s.Closed, x)
			}
			crm.Set(tc.mend)
			w.Run(soon(w))
			checkErased(t, w, agg)
		})
	}
}

func TestAHoldDefersAndItsReleaseResumes(t *testing.T) {
	w, shop, crm := world(t)
	w.Peers.Set(func(p *fake.Peers) { p.Held = true })
	agg := erasure(w)
	w.Run(soon(w))
	s := w.State(agg)
	x := request.Explain(s)
	if s.Closed || x.Actor != request.ActorRetention || x.Reason != "PERSON_ON_HOLD" || shop.Erasures+crm.Erasures > 0 || len(w.Peers.Suppressed) > 0 {
		t.Fatalf("under a hold: closed %t, %+v, %d and %d erasures", s.Closed, x, shop.Erasures, crm.Erasures)
	}
	w.Peers.Set(func(p *fake.Peers) { p.Held = false })
	released := es.Recorded{Commit: es.Commit{
		ID:        "bbbbbbbbbbbbbbbbbbbbbbbbba",
		Aggregate: es.Aggregate{Context: "retention", Tenant: fake.Tenant, Type: "person", ID: fake.JaneRef},
		Events:    []es.Event{{Type: "person.hold_released"}},
	}}
	if err := w.Carrier.Holds().React(t.Context(), released); err != nil {
		t.Fatal(err)
	}
	w.Settle() // at once: no timer is needed
	w.Run(soon(w))
	checkErased(t, w, agg)
}

func TestAnAccessMakesAPackageThatEnds(t *testing.T) {
	for _, point := range []string{"", carry.PointStarted, carry.PointPackageBegun, carry.PointPackageWritten, carry.PointPackageExpired} {
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
			agg := w.Submit(request.Access, "r1")
			w.Settle()
			w.Verify(agg)
			w.Run(soon(w))
			s := w.State(agg)
			if !s.Closed || s.Outcome != request.Complete || !s.Package.Ready {
				t.Fatalf("closed %t, outcome %d, %s", s.Closed, s.Outcome, outcomes(s))
			}
			want := "crm.customer=collected crm.invoice=collected crm.ticket=not-held " +
				"shop.customer=collected shop.invoice=collected shop.ticket=not-held"
			if got := outcomes(s); got != want {
				t.Errorf("leaves: %s", got)
			}
			w.Run(w.Clock.Now().Add(31 * day))
			if s = w.State(agg); !s.Package.Expired || !s.Finished {
				t.Errorf("package expired %t, finished %t", s.Package.Expired, s.Finished)
			}
		})
	}
}

func TestNobodyWhoIsNotVerifiedTouchesAnything(t *testing.T) {
	w, shop, _ := world(t)
	agg := w.Submit(request.Erasure, "r1")
	w.Run(soon(w))
	s := w.State(agg)
	if s.Outcome != request.NotVerified || s.Planned || shop.Erasures > 0 || len(w.Peers.Facts) > 0 {
		t.Errorf("outcome %d, planned %t", s.Outcome, s.Planned)
	}
	if !s.Finished || !s.KeyDestroyed {
		t.Error("what the request said about its requester lives on")
	}
}

func TestADuplicateIsAnsweredWithTheFirst(t *testing.T) {
	w, _, crm := world(t)
	crm.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	first := erasure(w)
	w.Settle()
	second := w.Submit(request.Erasure, "r2")
	w.Settle()
	w.Verify(second)
	w.Settle()
	if s := w.State(second); s.Stage() != request.Waiting || s.Behind != first.ID {
		t.Fatalf("the second is at %d behind %q", s.Stage(), s.Behind)
	}
	crm.Set(func(h *fake.Holder) { h.Down = "" })
	w.Run(soon(w))
	checkErased(t, w, first)
	if s := w.State(second); s.Outcome != request.Duplicate || s.DuplicateOf != first.ID || !s.Finished {
		t.Errorf("the second ended as %d of %q", s.Outcome, s.DuplicateOf)
	}
}

func TestADuplicateTakesThePlaceOfOneThatIsWithdrawn(t *testing.T) {
	w, _, crm := world(t)
	crm.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	w.Systems.Holders["shop"].Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	first := erasure(w)
	w.Settle()
	second := w.Submit(request.Erasure, "r2")
	w.Settle()
	w.Verify(second)
	w.Settle()
	_, err := w.Handlers.Requests.Handle(t.Context(), first, es.Command[request.Command]{
		ID: "withdraw", At: w.Clock.Now(), Data: request.Withdraw{At: w.Clock.Now()},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range w.Systems.Holders {
		h.Set(func(h *fake.Holder) { h.Down = "" })
	}
	w.Run(soon(w))
	if s := w.State(first); s.Outcome != request.WithdrawnByPerson {
		t.Errorf("the first ended as %d", s.Outcome)
	}
	checkErased(t, w, second)
}

func TestAWithdrawalLeavesNothingBehindWhereverItComes(t *testing.T) {
	for _, point := range []string{carry.PointEntered, carry.PointFrozen, carry.PointPlanned} {
		for _, dies := range []bool{false, true} {
			t.Run(point, func(t *testing.T) {
				w, shop, _ := world(t)
				var first es.Aggregate
				withdrawn := false
				w.Crash = func(at string) error {
					if at != point || withdrawn {
						return nil
					}
					withdrawn = true
					_, err := w.Handlers.Requests.Handle(t.Context(), first, es.Command[request.Command]{
						ID: "withdraw", At: w.Clock.Now(), Data: request.Withdraw{At: w.Clock.Now()},
					})
					if err != nil {
						t.Error(err)
					}
					if dies {
						return fake.ErrCrash
					}
					return nil
				}
				first = erasure(w)
				w.Run(soon(w))
				if s := w.State(first); !withdrawn || s.Outcome != request.WithdrawnByPerson || !s.Finished || shop.Of(fake.Jane) != 2 {
					t.Fatalf("withdrawn %t, ended as %d, finished %t", withdrawn, s.Outcome, s.Finished)
				}
				if n := len(w.Peers.Facts); n > 0 && w.Peers.Facts[n-1] != consentv1.Fact_FACT_UNRESTRICTED {
					t.Errorf("consent was told %v", w.Peers.Facts)
				}
				second := w.Submit(request.Erasure, "r2")
				w.Settle()
				w.Verify(second)
				w.Run(soon(w))
				checkErased(t, w, second)
			})
		}
	}
}

func TestAnErasureWaitsForAnAccess(t *testing.T) {
	w, _, crm := world(t)
	crm.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
	access := w.Submit(request.Access, "a")
	w.Settle()
	w.Verify(access)
	w.Settle()
	later := erasure(w)
	w.Settle()
	if s := w.State(later); s.Stage() != request.Waiting || s.SameRight {
		t.Fatalf("the erasure is at %d", s.Stage())
	}
	crm.Set(func(h *fake.Holder) { h.Down = "" })
	w.Run(soon(w))
	if s := w.State(access); s.Outcome != request.Complete {
		t.Errorf("the access ended as %d: %s", s.Outcome, outcomes(s))
	}
	checkErased(t, w, later)
}
