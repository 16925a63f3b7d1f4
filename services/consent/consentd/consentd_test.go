package consentd_test

import (
	"fmt"
	"io/fs"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/testwait"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const subject = "aaaaaaaaaaaaaaaaaaaaaaaaaa"

// publishAll publishes and posts the policies that come with Habeas.
func publishAll(t *testing.T, cc *grpc.ClientConn) {
	t.Helper()
	c := consentv1.NewPolicyServiceClient(cc)
	for i, id := range []string{"caseworks", "personnel-technology", "qcera"} {
		b, err := fs.ReadFile(policydoc.Published(), id+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		doc, err := policydoc.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.PublishPolicy(deadline(t), &consentv1.PublishPolicyRequest{RequestId: request(10 + i), Document: b})
		if err != nil {
			t.Fatalf("publish: %v", err)
		}
		_, err = c.PostPolicy(deadline(t), &consentv1.PostPolicyRequest{
			RequestId: request(20 + i), Policy: id, Version: 1, TextHash: doc.TextSHA256, PostedAt: timestamppb.Now(),
		})
		if err != nil {
			t.Fatalf("post: %v", err)
		}
	}
}

func request(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func mail() *consentv1.CheckRequest {
	return &consentv1.CheckRequest{Question: &consentv1.Question{
		SubjectRef: subject, Policy: "qcera", Action: consentv1.Action_ACTION_ACCESS, Purpose: "mail.periodic",
		Categories: []string{"visitor.email"}, Source: consentv1.Source_SOURCE_ONLINE, Channel: "email",
	}}
}

func TestThePoliciesAreServedAndOutliveARestartAndAFlush(t *testing.T) {
	w := newWorld(t)
	r, stop := w.start(t)
	publishAll(t, w.dial(t, r, "dpo"))
	product := consentv1.NewConsentServiceClient(w.dial(t, r, "product"))
	given, err := product.RecordDecision(deadline(t), &consentv1.RecordDecisionRequest{
		RequestId: request(1), SubjectRef: subject, Policy: "qcera", Choices: []*consentv1.Choice{{
			Purpose: "mail.periodic", Decision: consentv1.Decision_DECISION_GIVEN, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
		}},
		DecidedAt: timestamppb.Now(), Evidence: "sha256:abc",
	})
	if err != nil {
		t.Fatalf("record: %v", err)
	}
	ask := mail()
	ask.ConsistencyToken = given.GetConsistencyToken()
	if res, err := product.Check(deadline(t), ask); err != nil || !res.GetAnswer().GetAllowed() || res.GetConsistencyToken() == "" {
		t.Fatalf("check: %v, error %v", res, err)
	}
	w.lists(t, w.dial(t, r, "auditor"))
	if err := stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}

	w.redis.Kill() // a restart is a flush
	if err := w.redis.Start(); err != nil {
		t.Fatal(err)
	}
	r, _ = w.start(t)
	w.lists(t, w.dial(t, r, "auditor"))
	product = consentv1.NewConsentServiceClient(w.dial(t, r, "product"))
	if res, err := product.Check(deadline(t), ask); err != nil || !res.GetAnswer().GetAllowed() {
		t.Errorf("check after the restart: %v, error %v", res, err)
	}
	_, err = product.RecordDecision(deadline(t), &consentv1.RecordDecisionRequest{
		RequestId: request(2), SubjectRef: subject, Policy: "qcera", DecidedAt: timestamppb.Now(), Choices: []*consentv1.Choice{{
			Purpose: "mail.periodic", Decision: consentv1.Decision_DECISION_WITHDRAWN, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
		}},
	})
	if err != nil {
		t.Fatalf("withdraw: %v", err)
	}
	if res, err := product.Check(deadline(t), mail()); err != nil || res.GetAnswer().GetReason() != "CONSENT_WITHDRAWN" {
		t.Errorf("check after the withdrawal: %v, error %v", res, err)
	}
}

// lists waits until all policies are listed as posted.
func (w *world) lists(t *testing.T, cc *grpc.ClientConn) {
	t.Helper()
	c := consentv1.NewPolicyServiceClient(cc)
	testwait.For(t, 20*time.Second, func() error {
		res, err := c.ListPolicies(deadline(t), &consentv1.ListPoliciesRequest{})
		if err != nil {
			return err
		}
		var got []string
		for _, v := range res.GetVersions() {
			got = append(got, fmt.Sprintf("%s %d %t", v.GetPolicy(), v.GetVersion(), v.GetPostedAt() != nil))
		}
		if diff := cmp.Diff([]string{"caseworks 1 true", "personnel-technology 1 true", "qcera 1 true"}, got); diff != "" {
			return fmt.Errorf("policies (-want +got):\n%s", diff)
		}
		return nil
	})
}
