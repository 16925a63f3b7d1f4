package consentd_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// TestConsentThatEndsIsRecordedByItself: nobody acts, and whoever watches learns of
// the end; three replicas and a restart record it once.
func TestConsentThatEndsIsRecordedByItself(t *testing.T) {
	w := newWorld(t)
	first, _ := w.start(t)
	publishAll(t, w.dial(t, first, "dpo"))
	_, stop := w.start(t)
	third, _ := w.start(t)
	writer := consentv1.NewConsentServiceClient(w.dial(t, first, "product"))
	watched := watches(t, consentv1.NewAnswerServiceClient(w.dial(t, third, "holder")))
	const people = 5
	for n := range people {
		_, err := writer.RecordDecision(deadline(t), &consentv1.RecordDecisionRequest{
			RequestId: request(100 + n), SubjectRef: mortal(n), Policy: "qcera", DecidedAt: timestamppb.Now(), Evidence: "sha256:abc",
			Choices: []*consentv1.Choice{{
				Purpose: "mail.periodic", Decision: consentv1.Decision_DECISION_GIVEN, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
				ExpiresAt: timestamppb.New(time.Now().Add(3 * time.Second)),
			}},
		})
		if err != nil {
			t.Fatalf("record: %v", err)
		}
	}
	reader := consentv1.NewConsentServiceClient(w.dial(t, third, "product"))
	expired := func(n int) int { return expiries(t, reader, mortal(n)) }
	for n := range people {
		testwait.For(t, time.Minute, func() error {
			if expired(n) == 0 {
				return fmt.Errorf("nothing is recorded of %s", mortal(n))
			}
			return nil
		})
	}
	told := map[string]int{}
	for n := range people { // of the act, and of its end
		for told[mortal(n)] < 2 {
			select {
			case who := <-watched:
				told[who]++
			case <-time.After(time.Minute):
				t.Fatalf("the watch told %v", told)
			}
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	_, _ = w.start(t) // reads all from the beginning
	decide(t, writer, 900, consentv1.Decision_DECISION_GIVEN)
	for n := range people {
		if found := expired(n); found != 1 {
			t.Errorf("the end of %s was recorded %d times", mortal(n), found)
		}
	}
}

// expiries counts the ends that were recorded of somebody.
func expiries(t *testing.T, c consentv1.ConsentServiceClient, who string) int {
	t.Helper()
	res, err := c.ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: who})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, d := range res.GetDecisions() {
		if d.GetStatus() == "dpv:ConsentExpired" {
			found++
		}
	}
	return found
}

func mortal(n int) string { return fmt.Sprintf("%caaaaaaaaaaaaaaaaaaaaaaaaa", 'b'+rune(n)) }

// watches tells who has changed since it was called, until the test ends.
func watches(t *testing.T, c consentv1.AnswerServiceClient) <-chan string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	stream, err := c.Watch(ctx)
	if err == nil {
		err = stream.Send(&consentv1.WatchRequest{})
	}
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan string, 1000)
	go func() {
		for {
			r, err := stream.Recv()
			if err != nil {
				if t.Context().Err() == nil {
					t.Errorf("watch: %v", err)
				}
				return
			}
			for _, change := range r.GetChanges() {
				out <- change.GetId()
			}
		}
	}()
	return out
}
