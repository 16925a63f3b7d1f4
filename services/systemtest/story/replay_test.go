package story_test

import (
	"context"
	"slices"
	"testing"

	"habeas.internal/services/audit"

	"github.com/redis/go-redis/v9"
)

// replayed wipes Redis, while every service is stopped, before an auditor reads
// what became of a request and of the person who filed it.
func (w *world) replayed(t *testing.T, story told) {
	person, request, closed := story.person, story.closed.GetRequest(), story.closed
	client := redis.NewClient(&redis.Options{Addr: w.Redis.Addr()})
	defer func() { _ = client.Close() }()
	if err := client.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	ofRequest := w.Replay(audit.Filter{Tenant: tenant, Request: request})
	for _, want := range []string{
		"request.submitted", "verification.started", "verification.passed", "request.verified", "person.fact_applied",
		"request.manifest_committed", "person.permit_given", "request.leaves_started", "request.values_suppressed",
		"person.permit_ended", "request.leaves_completed", "request.recipients_told", "subject.forgotten", "notice.sent", "request.closed",
	} {
		if position(ofRequest, want) < 0 {
			t.Errorf("the replay of the request lacks %s; it has %v", want, names(ofRequest))
		}
	}
	if got := completed(t, ofRequest); got != len(closed.GetLeaves()) {
		t.Errorf("%d leaves were completed in the log, the request has %d", got, len(closed.GetLeaves()))
	}
	ofPerson := w.Replay(audit.Filter{Tenant: tenant, Subject: person})
	for _, want := range []string{"subject.registered", "request.closed", "keyring.key_destroyed"} {
		if position(ofPerson, want) < 0 {
			t.Errorf("the replay of the person lacks %s; it has %v", want, names(ofPerson))
		}
	}
	before := w.Replay(audit.Filter{Tenant: tenant, Request: request, Until: ofRequest[0].Stored})
	if len(before) == 0 || len(before) >= len(ofRequest) || position(before, "request.closed") >= 0 {
		t.Errorf("as of its arrival the request has %v", names(before))
	}
}

// completed counts the leaves that the log says have ended.
func completed(t *testing.T, entries []audit.Entry) int {
	t.Helper()
	n := 0
	for _, e := range entries {
		for _, ev := range e.Events {
			if ev.Type != "request.leaves_completed" {
				continue
			}
			leaves, ok := ev.Data["leaves"].([]any)
			if !ok {
				t.Fatalf("a completion lists no leaves: %v", ev.Data)
			}
			n += len(leaves)
		}
	}
	return n
}

// names are the events' names in order.
func names(entries []audit.Entry) []string {
	var out []string
	for _, e := range entries {
		for _, ev := range e.Events {
			out = append(out, ev.Type)
		}
	}
	return out
}

func position(entries []audit.Entry, event string) int { return slices.Index(names(entries), event) }
