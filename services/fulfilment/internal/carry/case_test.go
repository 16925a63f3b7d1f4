package carry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

const (
	vera = "veraveraveraveraveraverave"
	anna = "annaannaannaannaannaannaaa"
)

// command runs a command of a person's on a request.
func command(w *fake.World, agg es.Aggregate, data request.Command) error {
	w.T.Helper()
	_, err := w.Handlers.Requests.Handle(context.Background(), agg, es.Command[request.Command]{
		ID: fmt.Sprintf("person-%d", w.State(agg).Events), At: w.Clock.Now(), Data: data,
	})
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func assign(t *testing.T, w *fake.World, agg es.Aggregate, d request.Duty, staff string) {
	t.Helper()
	must(t, command(w, agg, request.Assign{Duty: d, Staff: staff, By: "intake", At: w.Clock.Now()}))
}

// approve approves the manifest as it stands.
func approve(w *fake.World, agg es.Aggregate) error {
	return command(w, agg, request.Approve{ApprovalBy: word(w, agg), Digest: "d"})
}

func word(w *fake.World, agg es.Aggregate) request.ApprovalBy {
	return request.ApprovalBy{By: anna, Revision: w.State(agg).Approval.Revision, Seen: true, At: w.Clock.Now()}
}

// whole fails if anything of Jane's was destroyed.
func whole(t *testing.T, w *fake.World, holders ...*fake.Holder) {
	t.Helper()
	for _, h := range holders {
		if h.Erasures > 0 || h.Of(fake.Jane) != 2 {
			t.Errorf("%s was touched: %d erasures, %d values left", h.Name, h.Erasures, h.Of(fake.Jane))
		}
	}
	if len(w.Peers.Suppressed) > 0 || len(w.Peers.Destroyed) > 0 {
		t.Errorf("suppressed %v, destroyed %v", w.Peers.Suppressed, w.Peers.Destroyed)
	}
}

// TestNothingIsErasedBeforeASecondPersonSaysSo waits for days, across restarts,
// and then erases. The twin is the same request of a tenant that does not ask for
// it: nobody says anything, and all is gone.
func TestNothingIsErasedBeforeASecondPersonSaysSo(t *testing.T) {
	w, shop, crm := world(t)
	w.Peers.Approval = true
	agg := erasure(w)
	w.Run(soon(w))
	assign(t, w, agg, request.Approver, anna)
	for range 3 {
		w.Restart()
		must(t, w.Carrier.Resume(context.Background(), agg))
		w.Run(soon(w))
		whole(t, w, shop, crm)
	}
	if x := request.Explain(w.State(agg)); x.Actor != request.ActorApprover || x.Awaited != "manifest.approval" || x.Since.After(w.Clock.Now().Add(-6*day)) {
		t.Errorf("explained as %+v", x)
	}
	must(t, approve(w, agg))
	w.Run(soon(w))
	checkErased(t, w, agg)

	twin, shop, crm := world(t)
	agg = erasure(twin)
	twin.Run(soon(twin))
	if shop.Of(fake.Jane) == 2 || crm.Of(fake.Jane) == 2 || !twin.State(agg).Closed {
		t.Error("the twin shows nothing: without approval nothing was erased either")
	}
}

// TestAKilledProcessApprovesNothing: wherever it dies, and however often, what
// waits for approval waits, and what is approved is carried out once.
func TestAKilledProcessApprovesNothing(t *testing.T) {
	for _, point := range carry.Points() {
		if strings.HasPrefix(point, "package") || strings.HasPrefix(point, "turn") {
			continue
		}
		t.Run(point, func(t *testing.T) {
			w, shop, crm := world(t)
			w.Peers.Approval = true
			crashes := 0
			w.Crash = func(at string) error {
				if at == point && crashes < 3 {
					crashes++
					return fake.ErrCrash
				}
				return nil
			}
			agg := erasure(w)
			w.Run(soon(w))
			whole(t, w, shop, crm)
			assign(t, w, agg, request.Approver, anna)
			must(t, approve(w, agg))
			w.Run(soon(w))
			checkErased(t, w, agg)
			if crashes == 0 {
				t.Error("this point was not met")
			}
		})
	}
}

// TestAnApprovalIsForTheManifestThatWasSeen: what has to be kept after all makes
// another manifest, and nothing is destroyed by the approval of the one before.
func TestAnApprovalIsForTheManifestThatWasSeen(t *testing.T) {
	w, shop, crm := world(t)
	w.Peers.Approval = true
	agg := erasure(w)
	w.Run(soon(w))
	assign(t, w, agg, request.Approver, anna)
	before := w.State(agg).Manifest()
	w.Peers.Set(func(p *fake.Peers) { p.Keep["user.contact"] = true })
	must(t, approve(w, agg))
	w.Run(soon(w))
	whole(t, w, shop, crm)
	s := w.State(agg)
	if !s.AwaitsApproval() || s.Manifest() == before {
		t.Fatalf("awaits %t, the manifest is\n%s", s.AwaitsApproval(), s.Manifest())
	}
	for range 2 { // each system says of its own that more is to be kept
		if w.State(agg).AwaitsApproval() {
			must(t, approve(w, agg))
			w.Run(soon(w))
		}
	}
	if s := w.State(agg); !s.Closed || s.Outcome != request.CompleteWithRetained {
		t.Errorf("closed %t as %d: %+v", s.Closed, s.Outcome, request.Explain(s))
	}
}

// TestAnAccessDoesNotWaitForAnApproval: neither before anything was destroyed, nor
// when a system that answered late makes the rest wait again.
func TestAnAccessDoesNotWaitForAnApproval(t *testing.T) {
	for name, late := range map[string]bool{"at first": false, "of a system that answers late": true} {
		t.Run(name, func(t *testing.T) {
			w, _, crm := world(t)
			w.Peers.Approval = true
			if late {
				crm.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
			}
			erases := erasure(w)
			w.Run(soon(w))
			assign(t, w, erases, request.Approver, anna)
			if late {
				must(t, approve(w, erases))
				w.Run(soon(w))
				crm.Set(func(h *fake.Holder) { h.Down = "" })
				w.Run(soon(w))
			}
			if s := w.State(erases); !s.AwaitsApproval() || s.Closed {
				t.Fatalf("awaits approval %t, closed %t", s.AwaitsApproval(), s.Closed)
			}
			shows := w.Submit(request.Access, "r2")
			w.Settle()
			w.Verify(shows)
			w.Run(soon(w))
			if s := w.State(shows); !s.Closed {
				t.Errorf("the access waits: %+v", request.Explain(s))
			}
			must(t, approve(w, erases))
			w.Run(soon(w))
			if s := w.State(erases); !s.Closed {
				t.Errorf("the erasure is not done: %+v", request.Explain(s))
			}
		})
	}
}

// TestWhatWasDeclinedIsEvaluatedAnew: the schedule was wrong, is put right, and
// the approver sees what comes of it.
func TestWhatWasDeclinedIsEvaluatedAnew(t *testing.T) {
	w, shop, crm := world(t)
	w.Peers.Approval = true
	agg := erasure(w)
	w.Run(soon(w))
	assign(t, w, agg, request.Approver, anna)
	must(t, command(w, agg, request.Decline{ApprovalBy: word(w, agg), Reason: "MUST_BE_KEPT"}))
	w.Peers.Set(func(p *fake.Peers) { p.Keep["user.contact"] = true })
	w.Run(soon(w))
	whole(t, w, shop, crm)
	if x := request.Explain(w.State(agg)); x.Actor != request.ActorFulfiller || x.Reason != "MUST_BE_KEPT" {
		t.Errorf("explained as %+v", x)
	}
	must(t, command(w, agg, request.Retry{At: w.Clock.Now()}))
	w.Run(soon(w))
	whole(t, w, shop, crm)
	s := w.State(agg)
	if x := request.Explain(s); !s.AwaitsApproval() || x.Actor != request.ActorApprover {
		t.Fatalf("explained as %+v", x)
	}
	for _, l := range s.Leaves {
		if l.Category == "user.contact" && l.Decision != request.Keep {
			t.Errorf("leaf %d was not evaluated anew", l.Leaf)
		}
	}
	must(t, approve(w, agg))
	w.Run(soon(w))
	if !w.State(agg).Closed {
		t.Errorf("%+v", request.Explain(w.State(agg)))
	}
}

// TestSettingsThatNobodyCanReadAreNoLeave: there is no manifest until they can be.
func TestSettingsThatNobodyCanReadAreNoLeave(t *testing.T) {
	w, shop, crm := world(t)
	w.Peers.Set(func(p *fake.Peers) { p.Approval, p.Away["GetSettings"] = true, true })
	agg := erasure(w)
	w.Run(soon(w))
	whole(t, w, shop, crm)
	if s := w.State(agg); s.Planned {
		t.Error("a manifest was made all the same")
	}
	w.Peers.Set(func(p *fake.Peers) { p.Away["GetSettings"] = false })
	w.Run(soon(w))
	if !w.State(agg).AwaitsApproval() {
		t.Error("it does not wait")
	}
}

// TestACaseShowsItsPersonToItsStaff: identity knows of the need from the moment on
// at which both the duty and the person are known, to the end of either, wherever
// the process dies.
func TestACaseShowsItsPersonToItsStaff(t *testing.T) {
	for _, point := range append([]string{""}, carry.CasePoints()...) {
		t.Run("killed at "+point, func(t *testing.T) {
			w, _, _ := world(t)
			w.Peers.Approval = true // so that it stays open
			crashes := 0
			w.Crash = func(at string) error {
				if at == point && crashes < 2 {
					crashes++
					return fake.ErrCrash
				}
				return nil
			}
			agg := w.Submit(request.Erasure, "r1")
			key := vera + " " + agg.ID
			assign(t, w, agg, request.Verifier, vera)
			w.Settle()
			if _, there := w.Peers.Needs[key]; there {
				t.Error("somebody may see a person whom nobody knows yet")
			}
			w.Verify(agg)
			w.Run(soon(w))
			if got := w.Peers.Needs[key]; got != fake.JaneRef {
				t.Errorf("may see %q", got)
			}
			w.Run(w.Clock.Now().Add(request.NeedLasts + day))
			must(t, w.Carrier.Resume(context.Background(), agg)) // as the sweep does
			if until := w.State(agg).Case.Needs[0].Until; !until.After(w.Clock.Now()) {
				t.Errorf("a need that ran out was not granted again: %s", until.Format(time.DateOnly))
			}
			must(t, command(w, agg, request.Unassign{Duty: request.Verifier, By: "intake", At: w.Clock.Now()}))
			w.Run(soon(w))
			if len(w.Peers.Needs) > 0 {
				t.Errorf("unassigned, they may still see: %v", w.Peers.Needs)
			}
			if point != "" && crashes == 0 {
				t.Error("this point was not met")
			}
		})
	}
}

// TestACaseThatIsOverShowsNobody: the need ends with the request.
func TestACaseThatIsOverShowsNobody(t *testing.T) {
	w, _, _ := world(t)
	agg := w.Submit(request.Erasure, "r1")
	assign(t, w, agg, request.Fulfiller, vera)
	w.Settle()
	w.Verify(agg)
	w.Run(soon(w))
	s := w.State(agg)
	if !s.Finished || len(w.Peers.Needs) > 0 || len(s.Case.Needs) > 0 {
		t.Errorf("finished %t, needs %v, %v", s.Finished, w.Peers.Needs, s.Case.Needs)
	}
	if err := command(w, agg, request.Assign{Duty: request.Verifier, Staff: anna, By: "intake"}); !errors.Is(err, request.ErrOver) {
		t.Errorf("assigned to a closed request: %v", err)
	}
}

// TestIdentityAwayKeepsNoRequestUp: what identity can't be told is told later.
func TestIdentityAwayKeepsNoRequestUp(t *testing.T) {
	w, _, _ := world(t)
	w.Peers.Set(func(p *fake.Peers) { p.Away["GrantNeed"], p.Away["EndNeed"] = true, true })
	agg := w.Submit(request.Erasure, "r1")
	assign(t, w, agg, request.Fulfiller, vera)
	w.Settle()
	w.Verify(agg)
	w.Run(soon(w))
	s := w.State(agg)
	if x := request.Explain(s); !s.Closed || s.Finished || x.Awaited != "case_need.retry" {
		t.Errorf("closed %t, finished %t, explained as %+v", s.Closed, s.Finished, x)
	}
	w.Peers.Set(func(p *fake.Peers) { p.Away["EndNeed"] = false })
	w.Run(soon(w))
	if !w.State(agg).Finished {
		t.Error("it does not come to its end")
	}
}

// TestWhatWasNotCountedIsNotErasedUnderAnApproval: rows that came since, and those of
// somebody who was taken for the same person since, make another manifest, which is
// approved anew.
func TestWhatWasNotCountedIsNotErasedUnderAnApproval(t *testing.T) {
	for name, more := range map[string]func(*fake.World, *fake.Holder){
		"rows that came since": func(_ *fake.World, shop *fake.Holder) {
			shop.Set(func(h *fake.Holder) {
				for range 50 {
					h.Rows = append(h.Rows, fake.Row{Owner: fake.Jane, Collection: "ticket", Values: map[string]string{"user.content": "1"}})
				}
			})
		},
		"somebody who was merged in since": func(w *fake.World, _ *fake.Holder) {
			w.Peers.Set(func(p *fake.Peers) { p.Known["john@example.com"] = fake.JaneRef })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, shop, crm := world(t)
			w.Peers.Approval = true
			agg := erasure(w)
			w.Run(soon(w))
			assign(t, w, agg, request.Approver, anna)
			more(w, shop)
			for range 3 { // each system that holds more asks again
				before := w.State(agg).Manifest()
				must(t, approve(w, agg))
				w.Run(soon(w))
				s := w.State(agg)
				if s.Manifest() == before && s.AwaitsApproval() {
					t.Error("the same manifest waits for another approval")
				}
				if !s.AwaitsApproval() {
					break
				}
			}
			if w.State(agg).Approval.Revision < 2 {
				t.Error("no other manifest was made")
			}
			for _, l := range w.State(agg).Leaves {
				if l.Rows < l.Deleted+l.Masked {
					t.Errorf("leaf %d: %d rows were approved, %d erased", l.Leaf, l.Rows, l.Deleted+l.Masked)
				}
			}
			if !w.State(agg).Closed || crm.Erasures == 0 {
				t.Error("it is not carried out in the end")
			}
		})
	}
}
