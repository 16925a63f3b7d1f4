package carry_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/internal/mail"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

// TestNoKnownChannelIsPassedOverInSilence: what can't be told is named, and the
// hold is the same whether or not anybody could be told.
func TestNoKnownChannelIsPassedOverInSilence(t *testing.T) {
	refused := mail.Failure{Code: "SMTP_REFUSED", Reply: 550, Final: true}
	for _, tc := range []struct {
		name  string
		phone string
		texts bool
		down  error
		want  []request.Told
	}{
		{"two addresses are told", "", false, nil, []request.Told{{Kind: "email", State: request.ToldSent}, {Kind: "email", State: request.ToldSent}}},
		{"a telephone number can't be", "+493011111111", false, nil, []request.Told{{Kind: "email", State: request.ToldSent}, {Kind: "email", State: request.ToldSent}, {Kind: "phone", State: request.ToldUnreached}}},
		{"unless text messages are sent", "+493011111111", true, nil, []request.Told{{Kind: "email", State: request.ToldSent}, {Kind: "email", State: request.ToldSent}, {Kind: "phone", State: request.ToldSent}}},
		{"addresses that no server takes mail for are not", "", false, refused, []request.Told{{Kind: "email", State: request.ToldFailed}, {Kind: "email", State: request.ToldFailed}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, agg := guardedBy(t, 3, 72*time.Hour, func(w *fake.World) {
				w.Peers.Set(func(p *fake.Peers) { p.Phone = tc.phone })
				w.Post.Set(func(p *fake.Post) { p.Down = tc.down })
				w.Phones = tc.texts
				w.Restart()
			})
			w.Run(w.Clock.Now().Add(71 * time.Hour))
			untouched(t, w, agg)
			s := w.State(agg)
			if !slices.Equal(s.Told(), tc.want) {
				t.Errorf("told %v, want %v", s.Told(), tc.want)
			}
			text := slices.ContainsFunc(w.Post.Sent, func(m mail.Message) bool { return m.To == "+493011111111" })
			if text != tc.texts {
				t.Errorf("the telephone got a message: %t", text)
			}
			for _, m := range w.Post.Sent {
				if m.To == tc.phone && (m.HTML != "" || m.Subject != "" || len(m.Text) > 400 || !strings.Contains(m.Text, "https://privacy.example/cancel#"+agg.ID+".")) {
					t.Errorf("the telephone got %q", m.Text)
				}
			}
			if x := request.Explain(s); x.Reason != request.DelayRuns {
				t.Errorf("explained as %+v", x)
			}
		})
	}
}

// TestTheLinkThatCancelsTellsServersNothing: the code is behind the "#".
func TestTheLinkThatCancelsTellsServersNothing(t *testing.T) {
	w, agg := guarded(t, 3, 72*time.Hour)
	w.Run(w.Clock.Now().Add(time.Hour))
	code := told(w)[other]
	link := "https://privacy.example/cancel#" + agg.ID + "." + code
	if !slices.ContainsFunc(w.Post.Sent, func(m mail.Message) bool { return m.To == other && code != "" && strings.Contains(m.Text, link) }) {
		t.Errorf("no message to her other channel has the link")
	}
}

// TestAChannelThatGoesBetweenTwoTellingsMovesNoOther: it alone is passed over, and one
// that is linked meanwhile takes nobody's place.
func TestAChannelThatGoesBetweenTwoTellingsMovesNoOther(t *testing.T) {
	const last, late = "zoe@home.example", "a@mallory.example"
	for _, tc := range []struct {
		name    string
		between func(*fake.Peers)
		want    []string
	}{
		{"nothing goes", func(*fake.Peers) {}, []string{fake.Jane, other, last}},
		{"one that was told goes", func(p *fake.Peers) { delete(p.Known, fake.Jane) }, []string{fake.Jane, other, last}},
		{"one that was not told goes", func(p *fake.Peers) { delete(p.Known, other) }, []string{fake.Jane, last}},
		{"one goes and another comes", func(p *fake.Peers) { delete(p.Known, other); p.Known[late] = fake.JaneRef }, []string{fake.Jane, last}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, agg := guardedBy(t, 3, 72*time.Hour, func(w *fake.World) {
				w.Peers.Set(func(p *fake.Peers) { p.Known[last] = fake.JaneRef })
				changed, agg := false, carry.RequestOf(fake.Tenant, es.DeriveID(fake.Tenant, "submit", "r1"))
				w.Crash = func(point string) error {
					if point == carry.PointDrafted && !changed && !w.State(agg).DelayUntil.IsZero() { // the first telling
						changed = true
						w.Peers.Set(tc.between)
					}
					return nil
				}
			})
			w.Run(w.Clock.Now().Add(71 * time.Hour))
			untouched(t, w, agg)
			if got := slices.Sorted(maps.Keys(told(w))); !slices.Equal(got, tc.want) {
				t.Errorf("told %d of %d, or others than those", len(got), len(tc.want))
			}
		})
	}
}
