package carry_test

import (
	"strings"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
)

func TestAnIdentifierThatMovedIsNotThePersonsAnyMore(t *testing.T) {
	for _, right := range []request.Right{request.Access, request.Erasure} {
		w := fake.NewWorld(t)
		shop := w.AddSystem("shop")
		shop.Down = connector.ErrUnreachable
		agg := w.Submit(right, "r1")
		w.Settle()
		w.Verify(agg)
		w.Run(w.Clock.Now().Add(time.Minute))
		w.Peers.Set(func(p *fake.Peers) {
			delete(p.Known, fake.Jane)
			p.Known["jane.new@example.com"] = fake.JaneRef
			p.Known[fake.Jane] = "ccccccccccccccccccccccccca"
		})
		shop.Set(func(h *fake.Holder) { h.Down = "" })
		w.Run(soon(w))
		s := w.State(agg)
		if s.Outcome != request.NothingHeld || shop.Of(fake.Jane) != 2 {
			t.Errorf("right %d ended as %d: %s; the new owner has %d values left of 2", right, s.Outcome, outcomes(s), shop.Of(fake.Jane))
		}
	}
}

func TestAnAccessAfterAnErasureIsAnsweredWithWhatIsRetained(t *testing.T) {
	for _, verified := range []string{"while it runs", "after it"} {
		t.Run(verified, func(t *testing.T) {
			w, shop, crm := world(t)
			access := w.Submit(request.Access, "a")
			w.Settle()
			crm.Set(func(h *fake.Holder) { h.Down = connector.ErrUnreachable })
			first := erasure(w)
			w.Run(w.Clock.Now().Add(time.Minute))
			if verified == "while it runs" {
				w.Verify(access)
				w.Settle()
			}
			crm.Set(func(h *fake.Holder) { h.Down = "" })
			w.Run(w.Clock.Now().Add(10 * time.Minute))
			checkErased(t, w, first)
			shop.Set(func(h *fake.Holder) { // somebody else registers with the address
				h.Rows = append(h.Rows, fake.Row{Owner: fake.Jane, Collection: "ticket", Values: map[string]string{"user.content": "theirs"}})
			})
			if verified != "while it runs" {
				w.Verify(access)
			}
			w.Run(w.Clock.Now().Add(10 * time.Minute))
			s := w.State(access)
			want := "crm.customer=not-held crm.invoice=retained crm.ticket=not-held " +
				"shop.customer=not-held shop.invoice=retained shop.ticket=not-held"
			if s.Outcome != request.CompleteWithRetained || s.After != first.ID || s.Package.Name != "" || outcomes(s) != want {
				t.Fatalf("ended as %d after %q: %s; %+v", s.Outcome, s.After, outcomes(s), request.Explain(s))
			}
			last := w.Post.Sent[len(w.Post.Sent)-1]
			for _, part := range []string{first.ID, "user.financial", "26 CFR 1.6001-1", "2036"} {
				if last.To != fake.Jane || !strings.Contains(last.Text, part) {
					t.Errorf("the notice lacks %q:\n%s", part, last.Text)
				}
			}
		})
	}
}

func TestAnErasureAfterAnErasureIsAnsweredWithIt(t *testing.T) {
	w, shop, _ := world(t)
	late := w.Submit(request.Erasure, "late")
	w.Settle()
	first := erasure(w)
	w.Run(w.Clock.Now().Add(time.Minute))
	checkErased(t, w, first)
	shop.Set(func(h *fake.Holder) {
		h.Rows = append(h.Rows, fake.Row{Owner: fake.Jane, Collection: "ticket", Values: map[string]string{"user.content": "theirs"}})
	})
	w.Verify(late)
	w.Run(w.Clock.Now().Add(time.Hour))
	if s := w.State(late); s.Outcome != request.Duplicate || s.DuplicateOf != first.ID || !s.Finished || shop.Of(fake.Jane) != 2 {
		t.Errorf("ended as %d of %q, finished %t, %d values left", s.Outcome, s.DuplicateOf, s.Finished, shop.Of(fake.Jane))
	}
}

func TestARequestOfAPersonWhoIsGoneEndsAndTouchesNothing(t *testing.T) {
	for right, want := range map[request.Right]struct {
		outcome request.Outcome
		reason  string
	}{
		request.Access:  {request.Incomplete, ""}, // its scope was fixed: it was verified
		request.Erasure: {request.NotVerified, "SUBJECT_FORGOTTEN"},
	} {
		w, shop, crm := world(t)
		for _, h := range []*fake.Holder{shop, crm} {
			h.Down = connector.ErrUnreachable
		}
		agg := w.Submit(right, "r1")
		w.Settle()
		w.Verify(agg)
		w.Run(w.Clock.Now().Add(time.Minute))
		w.Peers.Set(func(p *fake.Peers) { delete(p.Known, fake.Jane) })
		for _, h := range []*fake.Holder{shop, crm} {
			h.Set(func(h *fake.Holder) { h.Down = "" })
		}
		w.Run(soon(w))
		s := w.State(agg)
		if s.Outcome != want.outcome || s.Unverified != want.reason || !s.Finished || shop.Of(fake.Jane) != 2 || s.Package.Ready {
			t.Errorf("right %d ended as %d, %q, finished %t: %s", right, s.Outcome, s.Unverified, s.Finished, outcomes(s))
		}
		if n := len(w.Peers.Facts); right == request.Erasure && w.Peers.Facts[n-1].String() != "FACT_UNRESTRICTED" {
			t.Errorf("consent was told %v", w.Peers.Facts)
		}
	}
}

func TestAnErasureThatWasBegunEndsWhenThePersonIsForgottenElsewhere(t *testing.T) {
	w, shop, crm := world(t)
	crm.Broken = connector.ErrBusy // it was begun there, and is not done
	agg := erasure(w)
	w.Run(soon(w))
	if s := w.State(agg); !s.Planned || request.Explain(s).System != "crm" {
		t.Fatalf("not begun: %+v", request.Explain(s))
	}
	w.Peers.Set(func(p *fake.Peers) { delete(p.Known, fake.Jane) })
	crm.Set(func(h *fake.Holder) { h.Broken = "" })
	w.Run(w.Clock.Now().Add(3 * time.Hour))
	s := w.State(agg)
	want := "crm.customer=lost crm.invoice=retained crm.ticket=lost shop.customer=erased shop.invoice=retained shop.ticket=not-held"
	if s.Outcome != request.Incomplete || !s.Finished || outcomes(s) != want || crm.Of(fake.Jane) != 2 || shop.Of(fake.Jane) != 1 {
		t.Fatalf("ended as %d, finished %t: %s; %+v", s.Outcome, s.Finished, outcomes(s), request.Explain(s))
	}
	for _, l := range s.Leaves {
		if l.Outcome == request.Lost && l.Because.Reason != "SUBJECT_FORGOTTEN" {
			t.Errorf("leaf %d is lost for %q", l.Leaf, l.Because.Reason)
		}
	}
	last := w.Post.Sent[len(w.Post.Sent)-1]
	if last.To != fake.Jane || last.Subject != fake.Organisation+": Your request could not be finished" || !strings.Contains(last.Text, "user.contact (crm, customer)") {
		t.Errorf("told %q:\n%s", last.Subject, last.Text)
	}
}
