package consentd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	full    = consentv1.Consistency_CONSISTENCY_FULL
	bounded = consentv1.Consistency_CONSISTENCY_BOUNDED
)

// patient publishes a policy whose answers may be two seconds old in an outage.
func patient(t *testing.T, cc *grpc.ClientConn) {
	t.Helper()
	c := consentv1.NewPolicyServiceClient(cc)
	b, err := fs.ReadFile(policydoc.Published(), "qcera.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte("  expressions: [explicit]"), []byte("  outage_seconds: 2\n  expressions: [explicit]"), 1)
	doc, err := policydoc.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PublishPolicy(deadline(t), &consentv1.PublishPolicyRequest{RequestId: request(10), Document: b}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PostPolicy(deadline(t), &consentv1.PostPolicyRequest{
		RequestId: request(11), Policy: "qcera", Version: 1, TextHash: doc.TextSHA256, PostedAt: timestamppb.Now(),
	}); err != nil {
		t.Fatal(err)
	}
}

// decide records that the person gives or withdraws.
func decide(t *testing.T, c consentv1.ConsentServiceClient, n int, d consentv1.Decision) {
	t.Helper()
	_, err := c.RecordDecision(deadline(t), &consentv1.RecordDecisionRequest{
		RequestId: request(1000 + n), SubjectRef: subject, Policy: "qcera", DecidedAt: timestamppb.Now(), Evidence: "sha256:abc",
		Choices: []*consentv1.Choice{{Purpose: "mail.periodic", Decision: d, Expression: consentv1.Expression_EXPRESSION_EXPLICIT}},
	})
	if err != nil {
		t.Fatalf("record: %v", err)
	}
}

// says is a replica's answer: a reason, or the reason why there is none.
func says(ctx context.Context, c consentv1.ConsentServiceClient, want consentv1.Consistency, ask *consentv1.CheckRequest) string {
	ctx, cancel := context.WithTimeout(ctx, 800*time.Millisecond)
	defer cancel()
	ask.Consistency = want
	res, err := c.Check(ctx, ask)
	if err == nil {
		return res.GetAnswer().GetReason()
	}
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return status.Code(err).String()
}

func TestAReplicaNeverAnswersFromBeforeAWithdrawalThatWasAcknowledged(t *testing.T) {
	w := newWorld(t)
	first, _ := w.start(t)
	second, _ := w.start(t)
	patient(t, w.dial(t, first, "dpo"))
	writer := consentv1.NewConsentServiceClient(w.dial(t, first, "product"))
	readers := []consentv1.ConsentServiceClient{writer, consentv1.NewConsentServiceClient(w.dial(t, second, "product"))}
	rounds := func(what string, from int) {
		for i := range 10 {
			decide(t, writer, from+2*i, consentv1.Decision_DECISION_GIVEN)
			for n, r := range readers {
				if got := says(t.Context(), r, full, mail()); got != "CONSENT_GIVEN" {
					t.Fatalf("%s, round %d, replica %d: %s after giving", what, i, n, got)
				}
			}
			decide(t, writer, from+2*i+1, consentv1.Decision_DECISION_WITHDRAWN)
			for n, r := range readers {
				if got := says(t.Context(), r, full, mail()); got != "CONSENT_WITHDRAWN" {
					t.Fatalf("%s, round %d, replica %d: %s after withdrawing", what, i, n, got)
				}
			}
		}
	}
	rounds("all well", 0)
	w.redis.Kill()
	rounds("Redis away", 100)
	if err := w.redis.Start(); err != nil {
		t.Fatal(err)
	}
	rounds("Redis empty", 200)
}

func TestInAnOutageOldAnswersStandAsLongAsThePolicySaysAndForSensitiveDataNot(t *testing.T) {
	w := newWorld(t)
	r, _ := w.start(t)
	patient(t, w.dial(t, r, "dpo"))
	c := consentv1.NewConsentServiceClient(w.dial(t, r, "product"))
	decide(t, c, 0, consentv1.Decision_DECISION_GIVEN)
	sensitive := mail()
	sensitive.Question.Categories = []string{"leave.absence"}
	until := func(what string, want string, consistency consentv1.Consistency, ask *consentv1.CheckRequest) {
		t.Helper()
		testwait.For(t, 10*time.Second, func() error {
			if got := says(t.Context(), c, consistency, ask); got != want {
				return fmt.Errorf("%s: %s", what, got)
			}
			return nil
		})
	}
	until("in memory", "CONSENT_GIVEN", bounded, mail())
	before := says(t.Context(), c, bounded, sensitive)

	w.nats.Stop()
	stopped := time.Now()
	if got := says(t.Context(), c, full, mail()); got != "LOG_UNAVAILABLE" && got != "DeadlineExceeded" {
		t.Errorf("fully consistent without a log: %s", got)
	}
	var plain, about time.Duration // how long each was still answered
	testwait.For(t, 20*time.Second, func() error {
		if says(t.Context(), c, bounded, sensitive) == before {
			about = time.Since(stopped)
		}
		got := says(t.Context(), c, bounded, mail())
		if got == "CONSENT_GIVEN" {
			plain = time.Since(stopped)
			return errors.New("still answered")
		}
		if got != "FRESHNESS_UNPROVEN" {
			return testwait.Final(fmt.Errorf("no answer because of %s", got))
		}
		return nil
	})
	if plain < time.Second || plain > 2500*time.Millisecond || about > 1500*time.Millisecond {
		t.Errorf("answered for %s, about sensitive data for %s", plain, about)
	}
	w.nats.Start(t)
	until("the log is back", "CONSENT_GIVEN", bounded, mail())
	until("the log is back", "CONSENT_GIVEN", full, mail())
}
