package carry_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/rpc/client"
)

const other = "jane@work.example"

// guarded is an erasure of Jane's that needs a level and is held for a time.
func guarded(t *testing.T, level uint32, delay time.Duration) (*fake.World, es.Aggregate) {
	t.Helper()
	return guardedBy(t, level, delay, func(*fake.World) {})
}

func guardedBy(t *testing.T, level uint32, delay time.Duration, change func(*fake.World)) (*fake.World, es.Aggregate) {
	t.Helper()
	w := fake.NewWorld(t)
	change(w)
	w.AddSystem("shop")
	w.Peers.Set(func(p *fake.Peers) { p.Known[other], p.Level = fake.JaneRef, level })
	agg, now := carry.RequestOf(fake.Tenant, es.DeriveID(fake.Tenant, "submit", "r1")), w.Clock.Now()
	_, err := w.Handlers.Requests.Handle(t.Context(), agg, es.Command[request.Command]{
		ID: "r1", At: now, Data: request.Submit{
			Right: request.Erasure, Kind: 1, Identifier: personal.Clear(fake.Jane), Channel: "web", ReceivedAt: now, At: now,
			Terms: request.Terms{Policy: "shop", PolicyVersion: 3, Pack: "gdpr@1", Zone: "UTC", DueAt: now.AddDate(0, 1, 0), Level: 3, Delay: delay},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.Verify(agg)
	w.Settle()
	return w, agg
}

// untouched fails if anything has been looked up for the request.
func untouched(t *testing.T, w *fake.World, agg es.Aggregate) {
	t.Helper()
	if s := w.State(agg); s.Planned || s.Frozen || s.Placed {
		t.Errorf("planned %t, frozen %t, in the docket %t", s.Planned, s.Frozen, s.Placed)
	}
}

func TestNothingIsLookedUpBelowTheLevelThatARequestNeeds(t *testing.T) {
	w, agg := guarded(t, 2, 0)
	w.Run(w.Clock.Now().Add(24 * time.Hour))
	untouched(t, w, agg)
	s := w.State(agg)
	if x := request.Explain(s); x.Reason != request.TooLow || x.Actor != request.ActorPerson || s.Stage() != request.Received {
		t.Errorf("explained as %+v at stage %d", x, s.Stage())
	}
	if !slices.Contains(s.Lacking(request.Offers{}), "settled_channel") {
		t.Errorf("would suffice: %v", s.Lacking(request.Offers{}))
	}
	w.Peers.Set(func(p *fake.Peers) { p.Level = 3 })
	w.Verify(agg) // the twin: a better proof of the same person
	w.Run(soon(w))
	if s := w.State(agg); s.Outcome != request.Complete || s.Lacking(request.Offers{}) != nil {
		t.Errorf("after a better proof it ended as %d, lacking %v", s.Outcome, s.Lacking(request.Offers{}))
	}
}

// TestWhoHasProvenTooLittleIsToldOnce: in words, at the address that the code went to,
// and nobody is told whose proof was enough.
func TestWhoHasProvenTooLittleIsToldOnce(t *testing.T) {
	for level, want := range map[uint32]int{2: 1, 3: 0} {
		w, agg := guarded(t, level, 0)
		w.Run(w.Clock.Now().Add(24 * time.Hour))
		var told []string
		for _, m := range w.Post.Sent {
			if strings.Contains(m.Subject, "More is needed") {
				told = append(told, m.To)
			}
		}
		if len(told) != want || want > 0 && told[0] != fake.Jane {
			t.Errorf("at level %d %d messages were sent, to %q", level, len(told), told)
		}
		if s := w.State(agg); want > 0 && (len(s.Failures) > 0 || request.Explain(s).Awaited != "verification.more") {
			t.Errorf("explained as %+v, failures %v", request.Explain(s), s.Failures)
		}
	}
}

// renew asks for a better proof.
func renew(t *testing.T, w *fake.World, agg es.Aggregate, id string) error {
	t.Helper()
	_, err := w.Handlers.Requests.Handle(t.Context(), agg, es.Command[request.Command]{ID: id, At: w.Clock.Now(), Data: request.Renew{At: w.Clock.Now()}})
	return err
}

func TestABetterProofCanBeAskedForSomeTimes(t *testing.T) {
	w, agg := guarded(t, 2, 0)
	first := w.State(agg).Verification
	for n := range request.MaxRenewals {
		if err := renew(t, w, agg, "renew-"+strconv.Itoa(n)); err != nil {
			t.Fatal(err)
		}
		if err := renew(t, w, agg, "again-"+strconv.Itoa(n)); err != nil { // it is being asked for
			t.Fatal(err)
		}
		if n == 0 {
			if x := request.Explain(w.State(agg)); x.Awaited != "verification.start" || x.Actor != request.ActorFulfilment {
				t.Errorf("explained as %+v", x)
			}
		}
		w.Settle()
	}
	if err := renew(t, w, agg, "once-more"); !errors.Is(err, request.ErrRenewals) {
		t.Errorf("after %d times: %v", request.MaxRenewals, err)
	}
	s := w.State(agg)
	if s.Verification == first || s.Verification == "" || s.Renewals != request.MaxRenewals || s.Level != 2 {
		t.Errorf("verification %q after %q, renewed %d times, level %d", s.Verification, first, s.Renewals, s.Level)
	}
	if x := request.Explain(s); x.Reason != request.TooLow || x.Awaited != "verification.more" {
		t.Errorf("explained as %+v", x)
	}
	w.Peers.Set(func(p *fake.Peers) { p.Level = 3 })
	w.Verify(agg)
	w.Run(soon(w))
	if s := w.State(agg); s.Outcome != request.Complete {
		t.Errorf("after a better proof it ended as %d", s.Outcome)
	}
}

func TestARequestThatIsNotProvenWellEnoughIsGivenUp(t *testing.T) {
	w, agg := guarded(t, 2, 0)
	w.Run(w.Clock.Now().Add(15 * 24 * time.Hour))
	s := w.State(agg)
	if s.Outcome != request.NotVerified || s.Unverified != request.TooLow || s.Planned {
		t.Errorf("ended as %d because of %q, planned %t", s.Outcome, s.Unverified, s.Planned)
	}
}

var cancelCode = regexp.MustCompile(`this code: ([a-z2-7]{26})`)

// told are the codes that the addresses were sent, by address.
func told(w *fake.World) map[string]string {
	out := map[string]string{}
	for _, m := range w.Post.Sent {
		if found := cancelCode.FindStringSubmatch(m.Text); found != nil {
			out[m.To] = found[1]
		}
	}
	return out
}

func TestAProvenRequestIsHeldWhileAllKnownChannelsAreTold(t *testing.T) {
	w, agg := guarded(t, 3, 72*time.Hour)
	w.Run(w.Clock.Now().Add(71 * time.Hour))
	untouched(t, w, agg)
	if got := told(w); len(got) != 2 || got[fake.Jane] == "" || got[fake.Jane] != got[other] {
		t.Errorf("told %d channels", len(got))
	}
	s := w.State(agg)
	if x := request.Explain(s); x.Reason != request.DelayRuns || !x.NextTryAt.Equal(s.DelayUntil) {
		t.Errorf("explained as %+v", x)
	}
	w.Restart() // what is held is in the log
	w.Run(w.Clock.Now().Add(2 * time.Hour))
	if s := w.State(agg); s.Outcome != request.Complete {
		t.Errorf("after the delay it ended as %d: %+v", s.Outcome, request.Explain(s))
	}
}

func TestARequestInSomebodysNameIsCancelledByAnyChannel(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(string) string
		want  request.Outcome
	}{
		{"with the code that was sent", strings.ToUpper, request.CancelledByPerson},
		{"not with another", func(code string) string { return code[1:] + "a" }, request.Complete},
		{"nor with none", func(string) string { return "" }, request.Complete},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, agg := guarded(t, 3, 72*time.Hour)
			w.Run(w.Clock.Now().Add(time.Hour))
			right, err := w.Carrier.Cancels(client.WithTenant(context.Background(), agg.Tenant), agg, w.State(agg), tc.spoil(told(w)[other]))
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Handlers.Requests.Handle(t.Context(), agg, es.Command[request.Command]{
				ID: "cancel", At: w.Clock.Now(), Data: request.Cancel{Right: right, Reason: "NOT_ME", At: w.Clock.Now()},
			})
			if (err == nil) != (tc.want == request.CancelledByPerson) {
				t.Errorf("answered with %v", err)
			}
			w.Run(w.Clock.Now().Add(80 * time.Hour))
			if s := w.State(agg); s.Outcome != tc.want || s.Planned == (tc.want == request.CancelledByPerson) {
				t.Errorf("ended as %d, planned %t", s.Outcome, s.Planned)
			}
		})
	}
}
