package testwait_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"habeas.internal/services/internal/testwait"
)

var errNotYet = errors.New("not yet")

func TestForReturnsAsSoonAsTheAnswerIsNil(t *testing.T) {
	asked := 0
	testwait.For(t, 10*time.Second, func() error {
		if asked++; asked < 3 {
			return errNotYet
		}
		return nil
	})
	if asked != 3 {
		t.Errorf("asked %d times, want 3", asked)
	}
}

func TestUntilReportsTheLastAnswerWhenTimeIsUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := testwait.Until(ctx, func() error {
		cancel()
		return errNotYet
	})
	if !errors.Is(err, errNotYet) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want both the last answer and the context's end", err)
	}
}

func TestUntilGivesUpAtOnceOnAFinalError(t *testing.T) {
	asked := 0
	err := testwait.Until(t.Context(), func() error {
		asked++
		return testwait.Final(errNotYet)
	})
	if !errors.Is(err, errNotYet) || asked != 1 {
		t.Errorf("got %v after %d questions, want the final error after one", err, asked)
	}
}
