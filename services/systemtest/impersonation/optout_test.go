package impersonation_test

import (
	"errors"
	"time"

	"habeas.internal/services/audit"
	"habeas.internal/services/internal/drp"
	"habeas.internal/services/internal/testwait"
)

func optsOut(w world) {
	jane, p := someone(), w.agent(open, nil)
	ref := w.Register(open, jane)
	signals := func() (n int) {
		for _, e := range w.Replay(audit.Filter{Tenant: open}) {
			for _, ev := range e.Events {
				if e.ID == ref && ev.Type == "person.signal_received" && ev.Data["signal"] == "opt_out" && ev.Data["honoured"] == true {
					n++
				}
			}
		}
		return n
	}
	private, _ := newKey(w.T)
	w.refused("no mandate", open, p.id, party{p.id, private}.asks(open, jane, map[string]any{"exercise": drp.OptOut}), "AGENT_SIGNATURE_INVALID")
	if n := signals(); n != 0 {
		w.Errorf("%d opt-outs bind before any was taken", n)
	}
	for _, address := range []string{jane, someone()} {
		request := w.heard(address, open, p.id, p.asks(open, address, map[string]any{"exercise": drp.OptOut, "email_verified": false}))
		testwait.For(w.T, 30*time.Second, func() error {
			if got := w.standing(open, p.id, request); got.GetStatus() != "fulfilled" {
				return errors.New("it stands at " + got.GetStatus())
			}
			return nil
		})
	}
	if n := signals(); n != 1 {
		w.Errorf("%d opt-outs bind, want Jane's", n)
	}
	if n := w.Mail.Count(jane); n != 0 {
		w.Errorf("Jane had to answer %d messages", n)
	}
}
