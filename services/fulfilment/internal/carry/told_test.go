package carry_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/internal/mail"
	"habeas.internal/services/fulfilment/request"
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
