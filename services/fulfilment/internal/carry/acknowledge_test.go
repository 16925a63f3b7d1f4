package carry_test

import (
	"fmt"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
)

// acknowledged counts the mail that an address has got.
func acknowledged(w *fake.World, address string) int {
	n := 0
	for _, m := range w.Post.Sent {
		if m.To == address {
			n++
		}
	}
	return n
}

func TestOneAddressGetsFiveAcknowledgementsInAnHour(t *testing.T) {
	w := fake.NewWorld(t)
	w.AddSystem("shop")
	for i := range 20 {
		w.Submit(request.Erasure, fmt.Sprint("r", i))
	}
	w.Settle()
	if n := acknowledged(w, fake.Jane); n != 5 {
		t.Errorf("%d at once", n)
	}
	w.Clock.To(w.Clock.Now().Add(time.Hour))
	w.Submit(request.Erasure, "later")
	w.Settle()
	if n := acknowledged(w, fake.Jane); n != 6 {
		t.Errorf("%d after an hour", n)
	}
}

func TestNobodyIsWrittenToWhomIdentityDoesNotKnow(t *testing.T) {
	w := fake.NewWorld(t)
	w.AddSystem("shop")
	w.Peers.Set(func(p *fake.Peers) { delete(p.Known, fake.Jane) })
	agg := w.Submit(request.Erasure, "r1")
	w.Settle()
	if n := len(w.Post.Sent); n != 0 {
		t.Errorf("%d messages to a stranger", n)
	}
	if s := w.State(agg); s.Verification == "" || s.Closed {
		t.Errorf("the request does not go on: %+v", request.Explain(s))
	}
}
