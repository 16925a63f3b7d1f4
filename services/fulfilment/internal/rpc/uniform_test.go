package rpc_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/fake"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// TestAnUnverifiedRequestTellsNothingOfNotices: whether somebody is known shows
// in whether they are written to.
func TestAnUnverifiedRequestTellsNothingOfNotices(t *testing.T) {
	s := serve(t)
	c := s.as(t, fake.Tenant, actor, "intake", "agent")
	id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
	s.Settle()
	got, err := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.GetHistory()) == 0 {
		t.Error("the request has no history")
	}
	for _, step := range got.GetHistory() {
		if strings.Contains(step.GetEvent(), "notice") {
			t.Errorf("before anybody is verified the history tells of %s", step.GetEvent())
		}
	}
}

// TestAnUnverifiedRequestEndsAlikeForEverybody: only the one who is known gets a
// message, and neither the answers nor a mail server or a service that is away
// tell whether somebody did.
func TestAnUnverifiedRequestEndsAlikeForEverybody(t *testing.T) {
	for name, trouble := range map[string]func(s *service){
		"all is well":       func(*service) {},
		"no mail goes out":  func(s *service) { s.Post.Set(func(p *fake.Post) { p.Down = errors.New("down") }) },
		"identity is short": func(s *service) { s.Peers.Set(func(p *fake.Peers) { p.Away["ListIdentifiers"] = true }) },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			c := s.as(t, fake.Tenant, actor, "intake", "agent")
			known := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ERASURE)
			r := submission(key2, fulfilmentv1.Right_RIGHT_ERASURE)
			r.Identifier.Value = "nobody@example.com"
			stranger, err := c.SubmitRequest(deadline(t), r)
			if err != nil {
				t.Fatal(err)
			}
			s.Settle()
			trouble(s)
			for _, after := range []time.Duration{0, 17 * time.Minute, 20 * time.Minute} {
				s.Run(s.Clock.Now().Add(after))
				if diff := cmp.Diff(alike(t, c, known), alike(t, c, stranger.GetRequest()), protocmp.Transform(), protocmp.IgnoreFields(&timestamppb.Timestamp{}, "nanos")); diff != "" {
					t.Errorf("after %s (-known +stranger):\n%s", after, diff)
				}
			}
			var templates []string
			for _, m := range s.Post.Sent {
				if m.To != fake.Jane {
					t.Errorf("a message to somebody else")
				}
				templates = append(templates, m.Subject)
			}
			want := name == "all is well"
			if got := slices.Contains(templates, fake.Organisation+": Your request could not be confirmed"); got != want {
				t.Errorf("the message went out: %t, want %t; %q", got, want, templates)
			}
		})
	}
}

// alike is all that is told of a request, without what tells two apart that
// are alike.
func alike(t *testing.T, c *api, id string) *fulfilmentv1.ExplainRequestResponse {
	t.Helper()
	got, err := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.RetryRequest(deadline(t), &fulfilmentv1.RetryRequestRequest{RequestId: uuid.NewString(), Request: id})
	code, reason, _ := answer(err)
	got.Request.Request, got.Reason = "", got.GetReason()+code.String()+reason
	for _, step := range got.GetHistory() {
		step.Causation, step.TraceId, step.At = "", "", nil
	}
	return got
}
