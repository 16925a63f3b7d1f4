package story_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"
)

// life is the text that tells of one request, from arrival to the last key.
const life = "life-of-an-erasure-request.md"

var (
	// eventName is a name of an event, or of something else with one point in it.
	eventName = regexp.MustCompile("`([a-z]+\\.[a-z_]+)`")
	// ofAccess begins what the text says of access requests.
	ofAccess = "\nAn **access** request"
)

// otherwise are events of the text that an undisturbed request does not have.
func otherwise() []string {
	return []string{
		"notice.failed", "request.verification_failed", "request.queued", "docket.request_answered", "docket.request_promoted",
		"docket.request_yielded", "request.leaves_decided", "request.step_failed", "request.leaves_deferred", "person.hold_released",
		"request.resumed", "request.command_refused", "request.package_expired", "request.package_revoked",
		"request.approved", "request.approval_declined", "request.manifest_reviewed", "request.assigned",
		"request.need_granted", "request.need_ended", "request.scope_set", "request.rejected", "request.reopen_proposed", "request.reopened",
		"request.controller_named", "request.instruction_asked", "request.instruction_given",
	}
}

// mentioned are the events that the text names of an erasure and of an access,
// each once, in the order of the text.
func mentioned(t *testing.T) (erasure, access []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", life))
	if err != nil {
		t.Fatal(err)
	}
	of, rest, ok := strings.Cut(string(text), ofAccess)
	if !ok {
		t.Fatalf("%s has no paragraph that begins with %q", life, ofAccess)
	}
	for i, part := range []string{of, rest} {
		var out []string
		for _, m := range eventName.FindAllStringSubmatch(part, -1) {
			if !slices.Contains(out, m[1]) {
				out = append(out, m[1])
			}
		}
		if i == 0 {
			erasure = out
		} else {
			access = out
		}
	}
	return erasure, access
}

// TestTheTextNamesEventsOfTheContract: every name in the text is one of the
// contract's events.
func TestTheTextNamesEventsOfTheContract(t *testing.T) {
	contract := audit.NewRegistry().Names()
	erasure, access := mentioned(t)
	for _, name := range slices.Concat(erasure, access, otherwise()) {
		if !slices.Contains(contract, name) {
			t.Errorf("%s names %s, which the contract does not know", life, name)
		}
	}
	if len(erasure) < 30 || len(access) < 5 {
		t.Errorf("only %d and %d events were found", len(erasure), len(access))
	}
}

// threads are events that come in order among themselves. Notices go out, and
// are noted, beside the rest.
func threads(name string) string {
	switch {
	case strings.HasPrefix(name, "notice."):
		return "notice"
	case strings.HasPrefix(name, "request.notice_"):
		return "noted"
	}
	return ""
}

// isToldInOrder holds the text against the log: everything that an undisturbed
// request has is there, in the order of the text.
func isToldInOrder(t *testing.T, text []string, entries []audit.Entry) {
	t.Helper()
	told := names(entries)
	at, last := map[string]int{}, map[string]string{}
	for _, name := range text {
		if slices.Contains(otherwise(), name) {
			continue
		}
		thread := threads(name)
		found := slices.Index(told[at[thread]:], name) // systems work beside each other: one may have ended before
		if found < 0 {
			t.Errorf("the text names %s after %q, the log has %v", name, last[thread], told)
			continue
		}
		at[thread], last[thread] = at[thread]+found, name
	}
}

// finished waits until nothing of a request is left to be done.
func (w *world) finished(t *testing.T, request string) {
	t.Helper()
	testwait.For(t, time.Minute, func() error {
		res, err := w.As(tenant, "agent").Requests.ExplainRequest(stack.Deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: request})
		if err != nil {
			return err
		}
		if h := res.GetHistory(); h[len(h)-1].GetEvent() != "request.finished" {
			return fmt.Errorf("the last that happened is %s", h[len(h)-1].GetEvent())
		}
		return nil
	})
}
