package conformance_test

import (
	"fmt"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	gpc = consentv1.Signal_SIGNAL_GPC
	dnt = consentv1.Signal_SIGNAL_DNT
)

// sends has the person's browser signal, and says which signals bind.
func (p *person) sends(honoured map[consentv1.Signal]bool, signals ...consentv1.Signal) {
	p.w.Helper()
	res, err := p.product.Consent.ApplySignal(stack.Deadline(p.w), &consentv1.ApplySignalRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref, Policy: p.policy, Signals: signals, ReceivedAt: timestamppb.Now(),
	})
	if err != nil {
		p.w.Fatalf("signal %v: %v", signals, err)
	}
	got, want := map[consentv1.Signal]bool{}, map[consentv1.Signal]bool{}
	for _, o := range res.GetOutcomes() {
		got[o.GetSignal()] = o.GetHonoured()
	}
	for _, s := range signals {
		want[s] = honoured[s]
		p.acts = append(p.acts, fmt.Sprintf("person.signal_received %s %s %v", p.policy, map[consentv1.Signal]string{gpc: "gpc", dnt: "dnt"}[s], honoured[s]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		p.w.Errorf("which of %v bind (-want +got):\n%s", signals, diff)
	}
}

// doNotTrack shows PT-08: every signal is recorded each time it comes. Do Not
// Track changes nothing, alone or beside another; Global Privacy Control keeps
// data from being shared, alone or beside Do Not Track, which no clause of the
// policy can suspend where a law binds it.
func doNotTrack(t *testing.T, w *world) {
	pages := ask{purpose: "service.monitor", category: "usage.pages", source: "observed"}
	const open, stopped = "PURPOSE_DESCRIBED", "SHARING_OPTED_OUT"
	shared := w.shares(personnelTenant, pages)
	published := map[consentv1.Signal]bool{gpc: true, dnt: false}
	for _, tc := range []struct {
		name    string
		signals [][]consentv1.Signal // of several visits
		sharing string
	}{
		{"no signal", nil, open},
		{"do not track", [][]consentv1.Signal{{dnt}}, open},
		{"do not track, twice", [][]consentv1.Signal{{dnt}, {dnt}}, open},
		{"global privacy control", [][]consentv1.Signal{{gpc}}, stopped},
		{"both at once", [][]consentv1.Signal{{dnt, gpc}}, stopped},
		{"both at once, twice", [][]consentv1.Signal{{gpc, dnt}, {gpc, dnt}}, stopped},
		{"do not track after global privacy control", [][]consentv1.Signal{{gpc}, {dnt}}, stopped},
	} {
		p := w.stranger(personnelTenant, personnelTenant)
		p.allowed("shared, before "+tc.name, shared, open)
		for _, signals := range tc.signals {
			p.sends(published, signals...)
		}
		p.answered("shared, after "+tc.name, p.product, shared, tc.sharing == open, tc.sharing)
		p.allowed("followed, after "+tc.name, pages, "PURPOSE_DESCRIBED")
	}
	const tracking, control = "{signal: dnt, honoured: false, clause: PT-08}", "{signal: gpc, honoured: true, clause: PT-08, house: true}"
	w.flips(pages, change{tracking, "{signal: dnt, honoured: true, clause: PT-08}"}, dnt, stopped)
	suspended := change{control, "{signal: gpc, honoured: false, clause: PT-08}"}
	w.cannotPublish(personnelTenant, second(t, personnelTenant, suspended), "document.signals[1].honoured")
	w.flips(pages, change{control + " # a rule pack binds it", "{signal: gpc, honoured: false, clause: PT-08}"}, gpc, open,
		change{"rules: [ccpa, cal-1798-83, hipaa, coppa]", "rules: [cal-1798-83, hipaa, coppa]"})
}

// flips shows that the policy's own sentence decides about a signal.
func (w *world) flips(pages ask, sentence change, signal consentv1.Signal, reason string, more ...change) {
	w.Helper()
	p := w.stranger(w.tenantOf(personnelTenant, append(more, sentence)...), personnelTenant)
	stopped := reason == "SHARING_OPTED_OUT"
	p.sends(map[consentv1.Signal]bool{signal: stopped}, signal)
	p.answered("shared, under a policy that says otherwise", p.product, w.shares(p.tenant, pages), !stopped, reason)
}

// shares is the question whether data may go to a provider that has uses of its
// own for it.
func (w *world) shares(tenant string, a ask) ask {
	w.Helper()
	to := w.party(tenant, "service_provider", a, func(r *consentv1.RecipientProfile) { r.OwnUse = true })
	a.action, a.recipient = "disclose", to.id
	return a
}
