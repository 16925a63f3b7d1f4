package merge_test

import (
	"errors"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
)

// TestAPolicyThatComesIntoForceLaterJudgesAgesThatAreKnown: it blocks, and erases
// nobody who is not under it.
func TestAPolicyThatComesIntoForceLaterJudgesAgesThatAreKnown(t *testing.T) {
	w := newWorld(t)
	child := w.Register(tenant, "timmy@people.example")
	testwait.For(t, patience, func() error {
		_, err := w.As(tenant, "verifier").Ages.RecordAge(stack.Deadline(w), &identityv1.RecordAgeRequest{
			RequestId: uuid.NewString(), SubjectRef: child, Source: identityv1.AgeSource_AGE_SOURCE_DOCUMENT,
			BirthDate: time.Now().AddDate(-6, 0, 0).Format("2006-01-02"), Evidence: "case:7",
		})
		return err
	})
	w.Publish(tenant, "qcera", time.Now().Add(-time.Minute))
	blocked := func() error {
		res, err := w.As(tenant, "product").Ages.GetAgeStatus(stack.Deadline(t), &identityv1.GetAgeStatusRequest{SubjectRef: child})
		if err != nil {
			return err
		}
		for _, b := range res.GetBlocks() {
			if b.GetPolicy() == "qcera" {
				if b.GetRequest() != "" {
					return testwait.Final(errors.New("an erasure was asked for, of somebody who is not under the policy"))
				}
				return nil
			}
		}
		return errors.New("the new policy blocks nobody")
	}
	w.restart("HABEAS_SWEEP_EVERY=500ms")
	testwait.For(t, patience, blocked)
}
