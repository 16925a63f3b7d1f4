package carry_test

import (
	"testing"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
)

// TestAnApprovalIsForThePersonItWasGivenFor: whoever is known by something else by
// then, or is merged with somebody, is not erased under it, even where no row came with
// it. The twin is a tenant that asks nobody: what is known at the moment is erased.
func TestAnApprovalIsForThePersonItWasGivenFor(t *testing.T) {
	for name, change := range map[string]func(*fake.Peers){
		"another identifier, without a row": func(p *fake.Peers) { p.Known["jane@elsewhere.example"] = fake.JaneRef },
		"a merge, without a row":            func(p *fake.Peers) { p.Merged = map[string][]string{fake.JaneRef: {anna}} },
	} {
		t.Run(name, func(t *testing.T) {
			w, shop, crm := world(t)
			w.Peers.Approval = true
			agg := erasure(w)
			w.Run(soon(w))
			assign(t, w, agg, request.Approver, anna)
			before := w.State(agg).Manifest()
			must(t, approve(w, agg))
			w.Peers.Set(change)
			w.Run(soon(w))
			whole(t, w, shop, crm)
			s := w.State(agg)
			if !s.AwaitsApproval() || s.Approval.Review || s.Manifest() == before {
				t.Fatalf("awaits %t, reviewed %t, the manifest is\n%s", s.AwaitsApproval(), !s.Approval.Review, s.Manifest())
			}
			must(t, approve(w, agg))
			w.Run(soon(w))
			if s := w.State(agg); !s.Closed || !s.Forgotten {
				t.Errorf("it is not carried out in the end: %+v", request.Explain(s))
			}

			twin, _, _ := world(t)
			agg = erasure(twin)
			twin.Peers.Set(change)
			twin.Run(soon(twin))
			if !twin.State(agg).Forgotten {
				t.Error("the twin shows nothing: nobody had to approve, and nobody was forgotten")
			}
		})
	}
}

// TestWhoIsMergedLastIsNotForgottenUnderAnApproval: identity destroys the keys of all
// whom it takes for the person then, after the last system.
func TestWhoIsMergedLastIsNotForgottenUnderAnApproval(t *testing.T) {
	w, shop, crm := world(t)
	w.Peers.Approval = true
	systems := 0
	w.Crash = func(at string) error {
		if at == carry.PointCompleted {
			if systems++; systems == 2 {
				w.Peers.Set(func(p *fake.Peers) { p.Merged = map[string][]string{fake.JaneRef: {anna}} })
			}
		}
		return nil
	}
	agg := erasure(w)
	w.Run(soon(w))
	assign(t, w, agg, request.Approver, anna)
	must(t, approve(w, agg))
	w.Run(soon(w))
	s := w.State(agg)
	if shop.Of(fake.Jane)+crm.Of(fake.Jane) > 2 || s.Forgotten || !s.AwaitsApproval() {
		// one invoice each is kept
		t.Fatalf("%d values left, forgotten %t, awaits %t", shop.Of(fake.Jane)+crm.Of(fake.Jane), s.Forgotten, s.AwaitsApproval())
	}
	must(t, approve(w, agg))
	w.Run(soon(w))
	if s := w.State(agg); !s.Closed || !s.Forgotten {
		t.Errorf("it is not carried out in the end: %+v", request.Explain(s))
	}
}

// TestAnErasureThatWasCutOffErasesNothingElseUnderItsApproval: what came in place of
// what a first chunk erased is as many rows as were approved, and none of those. The
// twin is cut off as well, and nothing comes: it goes on without asking.
func TestAnErasureThatWasCutOffErasesNothingElseUnderItsApproval(t *testing.T) {
	for name, refilled := range map[string]bool{"refilled": true, "as it was left": false} {
		t.Run(name, func(t *testing.T) {
			w := fake.NewWorld(t)
			shop := w.AddSystem("shop")
			shop.Chunked = true
			w.Peers.Approval = true
			announced := 0
			w.Crash = func(at string) error {
				if at != carry.PointAnnounced {
					return nil
				}
				if announced++; announced == 2 { // the chunk before has been committed
					return fake.ErrCrash
				}
				return nil
			}
			agg := erasure(w)
			w.Run(soon(w))
			assign(t, w, agg, request.Approver, anna)
			must(t, approve(w, agg))
			w.Settle()
			if refilled {
				shop.Set(func(h *fake.Holder) {
					h.Rows = append(h.Rows, fake.Row{Owner: fake.Jane, Collection: "invoice", Values: map[string]string{"user.financial": "99"}})
				})
			}
			w.Run(soon(w))
			s := w.State(agg)
			if announced < 2 {
				t.Fatal("it was not cut off")
			}
			if refilled != s.AwaitsApproval() || refilled == s.Closed {
				t.Errorf("awaits approval %t, closed %t: %+v", s.AwaitsApproval(), s.Closed, request.Explain(s))
			}
			if refilled {
				must(t, approve(w, agg))
				w.Run(soon(w))
				if s := w.State(agg); !s.Closed {
					t.Errorf("it is not carried out in the end: %+v", request.Explain(s))
				}
			}
		})
	}
}
