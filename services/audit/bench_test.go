package audit_test

import (
	"sync"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/es"

	"google.golang.org/protobuf/proto"
)

// BenchmarkReplay times the replay of everything, of a person and of a request
// on a log of 20,000 commits: a thousand people, each with a request. Run it
// with go test ./services/audit -run '^$' -bench Replay.
func BenchmarkReplay(b *testing.B) {
	h := newHistory(b)
	const people, workers = 1000, 8
	refs, requests := make([]string, people), make([]string, people)
	var writing sync.WaitGroup
	for w := range workers {
		writing.Go(func() {
			for i := w; i < people; i += workers {
				refs[i], requests[i] = h.live(b)
			}
		})
	}
	writing.Wait()
	for _, tc := range []struct {
		name  string
		f     audit.Filter
		shown uint64
	}{
		{"everyone", audit.Filter{Tenant: "t1"}, 20 * people},
		{"person", audit.Filter{Subject: refs[people/2]}, 20},
		{"request", audit.Filter{Request: requests[people/2]}, 12},
		{"unverified person", audit.Filter{Subject: refs[people/2], SkipSignatures: true}, 20},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, s := h.replay(b, tc.f)
				if s.Shown != tc.shown {
					b.Fatalf("%d commits are shown, want %d", s.Shown, tc.shown)
				}
			}
		})
	}
}

// live writes the twenty commits of somebody's life.
func (h *history) live(t testing.TB) (ref, request string) {
	ref, request = id(t), id(t)
	of := func(domain, kind, id string) es.Aggregate {
		return es.Aggregate{Context: domain, Tenant: "t1", Type: kind, ID: id}
	}
	verified := &fulfilmentv1.RequestVerified{SubjectRef: ref, AssuranceLevel: 2}
	head := es.Head{}
	events := []struct {
		event string
		m     proto.Message
	}{
		{"request.submitted", &fulfilmentv1.RequestSubmitted{Channel: "web"}},
		{"request.notice_owed", &fulfilmentv1.NoticeOwed{}},
		{"request.verification_started", &fulfilmentv1.VerificationStarted{}},
		{"request.verified", verified},
	}
	for len(events) < 12 {
		events = append(events, events[1])
	}
	for _, e := range events {
		head = h.append(t, head, of("fulfilment", "request", request), e.event, e.m)
	}
	for _, domain := range []string{"identity", "consent"} {
		head = es.Head{}
		for range 4 {
			head = h.append(t, head, of(domain, "person", ref), "person.lived", destroyed("x"))
		}
	}
	return ref, request
}

// append is write without a memory, for many at a time.
func (h *history) append(t testing.TB, head es.Head, agg es.Aggregate, event string, m proto.Message) es.Head {
	data, err := proto.Marshal(m)
	if err != nil {
		t.Error(err)
	}
	r, err := h.log.Append(t.Context(), head, es.Commit{
		ID: id(t), CommandID: id(t), Aggregate: agg, Time: time.Now(), Events: []es.Event{{Type: event, Schema: 1, Data: data}},
	})
	if err != nil {
		t.Error(err)
	}
	next, err := head.Next(r)
	if err != nil {
		t.Error(err)
	}
	return next
}
