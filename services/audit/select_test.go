package audit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/es"

	"github.com/google/go-cmp/cmp"
)

func of(domain, kind, id string) es.Aggregate {
	return es.Aggregate{Context: domain, Tenant: "t1", Type: kind, ID: id}
}

// names are the events of entries in order.
func names(entries []audit.Entry) string {
	var out []string
	for _, e := range entries {
		for _, ev := range e.Events {
			out = append(out, ev.Type)
		}
	}
	return strings.Join(out, " ")
}

// life is somebody who asks to be forgotten, and is.
type life struct{ ref, request string }

// lives writes two people's lives, each step of the one before that of the
// other.
func (h *history) lives(t *testing.T) (one, other life) {
	t.Helper()
	all := []life{{id(t), id(t)}, {id(t), id(t)}}
	verifications, notices := []string{id(t), id(t)}, []string{id(t), id(t)}
	for _, step := range []func(i int, l life){
		func(_ int, l life) {
			h.write(t, of("identity", "subject", l.ref), "subject.registered", &identityv1.SubjectRegistered{})
		},
		func(_ int, l life) {
			h.writeFor(t, l.request, of("fulfilment", "request", l.request), "request.submitted", &fulfilmentv1.RequestSubmitted{
				Channel: "web", Identifier: &sealv1.Sealed{Holder: []byte("request-" + l.request)},
			})
		},
		func(i int, l life) {
			h.writeFor(t, l.request, of("fulfilment", "notice", notices[i]), "notice.sent", &fulfilmentv1.NoticeSent{})
		},
		func(i int, l life) { // both are by the request's id alone
			h.writeFor(t, l.request, of("identity", "verification", verifications[i]), "verification.started", &identityv1.VerificationStarted{})
		},
		func(i int, _ life) {
			h.write(t, of("identity", "verification", verifications[i]), "verification.passed", &identityv1.VerificationPassed{})
		},
		func(_ int, l life) {
			h.writeFor(t, l.request, of("fulfilment", "request", l.request), "request.verified", &fulfilmentv1.RequestVerified{SubjectRef: l.ref})
		},
		func(_ int, l life) {
			h.writeFor(t, l.request, of("consent", "person", l.ref), "person.strange", destroyed(""))
		},
		func(_ int, l life) {
			h.writeFor(t, l.request, of("identity", "subject", l.ref), "subject.forgotten", &identityv1.SubjectForgotten{})
		},
		func(_ int, l life) {
			h.write(t, of("identity", "keyring", "subject-"+l.ref), keyDestroyed, destroyed("subject-"+l.ref))
		},
		func(_ int, l life) {
			h.writeFor(t, l.request, of("fulfilment", "request", l.request), "request.closed", &fulfilmentv1.RequestClosed{})
		},
	} {
		for i, l := range all {
			step(i, l)
		}
	}
	return all[0], all[1]
}

const (
	ofTheRequest = "request.submitted notice.sent verification.started verification.passed request.verified person.strange subject.forgotten request.closed"
	ofThePerson  = "subject.registered request.submitted notice.sent verification.started verification.passed request.verified person.strange " +
		"subject.forgotten keyring.key_destroyed request.closed"
)

func TestAPersonIsFoundInEveryContextAlsoWhenForgotten(t *testing.T) {
	h := newHistory(t)
	one, other := h.lives(t)
	everyone, s := h.replay(t, audit.Filter{Tenant: "t1"})
	if len(everyone) != 20 || s.Searched != 0 {
		t.Errorf("everyone has %d commits, of which %d were searched", len(everyone), s.Searched)
	}
	for _, l := range []life{one, other} {
		got, s := h.replay(t, audit.Filter{Subject: l.ref})
		if names(got) != ofThePerson || !s.Verified || s.Shown != 10 {
			t.Errorf("of the person: %s\nwant %s\n%+v", names(got), ofThePerson, s)
		}
		for _, e := range got {
			for _, ev := range e.Events {
				if text := fmt.Sprint(ev.Data); ev.Type == "request.submitted" && !strings.Contains(text, "[sealed under request-"+l.request+"]") {
					t.Errorf("what is sealed is shown as %s", text)
				}
			}
		}
	}
}

func TestOfARequestEverythingIsShownThatWasDoneForIt(t *testing.T) {
	h := newHistory(t)
	one, other := h.lives(t)
	for _, l := range []life{one, other} {
		got, s := h.replay(t, audit.Filter{Request: l.request})
		if names(got) != ofTheRequest || s.Searched != 0 {
			t.Errorf("of the request: %s\nwant %s", names(got), ofTheRequest)
		}
	}
	both, _ := h.replay(t, audit.Filter{Subject: one.ref, Request: other.request})
	if len(both) != 18 {
		t.Errorf("one's person and the other's request have %d commits", len(both))
	}
}

// TestAReplayReadsTheLogOnceAndRequestsTwice: for a person the contexts of
// requests are read before, and nothing else is.
func TestAReplayReadsTheLogOnceAndRequestsTwice(t *testing.T) {
	h := newHistory(t)
	one, _ := h.lives(t)
	_, all := h.replay(t, audit.Filter{})
	_, unsealed := h.replay(t, audit.Filter{Tenant: es.LogTenant})
	var told []uint64
	auditor := audit.New(h.log, contexts())
	auditor.Tell(func(read uint64) { told = append(told, read) })
	s, err := auditor.Replay(t.Context(), audit.Filter{Subject: one.ref}, func(audit.Entry) error { return nil })
	if err != nil || s.Read != all.Read {
		t.Errorf("of a person %d commits are read, of everyone %d, %v", s.Read, all.Read, err)
	}
	const ofRequests, controlled = 8, 3 // fulfilment's own, and its third of the control commits
	if want := ofRequests + unsealed.Shown/controlled; s.Searched != want {
		t.Errorf("%d commits are searched for requests, want %d", s.Searched, want)
	}
	if len(told) != 0 {
		t.Errorf("a short reading is told at %v", told)
	}
}

func TestAnUnknownIDShowsNothingAndIsStillVerified(t *testing.T) {
	h := newHistory(t)
	one, _ := h.lives(t)
	_, all := h.replay(t, audit.Filter{})
	for name, f := range map[string]audit.Filter{
		"person": {Subject: id(t)}, "request": {Request: id(t)}, "tenant": {Tenant: "t9"},
		"person of another tenant": {Subject: one.ref, Tenant: "t9"}, "request of another tenant": {Request: one.request, Tenant: "t9"},
		"before everything": {Subject: one.ref, Until: time.Unix(1, 0)},
	} {
		got, s := h.replay(t, f)
		if len(got) != 0 || s.Shown != 0 || !s.Verified || s.Read != all.Read {
			t.Errorf("%s: %s, %+v", name, names(got), s)
		}
	}
}

// TestAReplayEndsAtAMoment holds what is shown as of moments at and between any
// two commits against what had been stored by then.
func TestAReplayEndsAtAMoment(t *testing.T) {
	h := newHistory(t)
	one, _ := h.lives(t)
	everyone, _ := h.replay(t, audit.Filter{Tenant: "t1"})
	person, _ := h.replay(t, audit.Filter{Subject: one.ref})
	request, _ := h.replay(t, audit.Filter{Request: one.request})
	known := person[5].Stored // from request.verified on, the request is theirs
	for i, e := range everyone {
		moments := []time.Time{e.Stored}
		if i+1 < len(everyone) {
			moments = append(moments, e.Stored.Add(everyone[i+1].Stored.Sub(e.Stored)/2), everyone[i+1].Stored.Add(-time.Nanosecond))
		}
		for _, at := range moments {
			for name, tc := range map[string]struct {
				f    audit.Filter
				want []audit.Entry
			}{
				"everyone": {audit.Filter{Tenant: "t1"}, until(at, everyone)},
				"request":  {audit.Filter{Request: one.request}, until(at, request)},
				"person":   {audit.Filter{Subject: one.ref}, until(at, person)},
			} {
				if name == "person" && at.Before(known) {
					tc.want = until(at, person[:1]) // nobody knows yet who asks
				}
				tc.f.Until, tc.f.SkipSignatures = at, true
				got, _ := h.replay(t, tc.f)
				if diff := cmp.Diff(names(tc.want), names(got)); diff != "" {
					t.Errorf("%s after commit %d (-want +got):\n%s", name, i, diff)
				}
			}
		}
	}
}

// until are the entries that were stored by a moment.
func until(at time.Time, entries []audit.Entry) []audit.Entry {
	var out []audit.Entry
	for _, e := range entries {
		if !e.Stored.After(at) {
			out = append(out, e)
		}
	}
	return out
}
