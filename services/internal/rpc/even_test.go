package rpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/rpc"
)

func TestAnEvenMethodsAnswersLeaveAfterTheFloor(t *testing.T) {
	const floor = 80 * time.Millisecond
	even := rpc.Even{Floor: floor, Methods: []string{samplev1.BookService_Sign_FullMethodName}}
	for _, tc := range []struct {
		name   string
		even   rpc.Even
		sign   func(context.Context) error
		steps  int // of the floor, at least
		prompt bool
	}{
		{"a good one", even, func(context.Context) error { return nil }, 1, false},
		{"a bad one", even, func(context.Context) error { return errors.New("no") }, 1, false},
		{"one whose handler panics", even, func(context.Context) error { panic("no") }, 1, false},
		{"one that took longer, after the next", even, func(context.Context) error { <-time.After(floor + floor/8); return nil }, 2, false},
		{"one that hides nothing, at once", even, func(ctx context.Context) error { rpc.AtOnce(ctx); return nil }, 0, true},
		{"one without a floor, at once", rpc.Even{Methods: even.Methods}, func(context.Context) error { return nil }, 0, true},
		{"one of another method, at once", rpc.Even{Floor: floor}, func(context.Context) error { return nil }, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, func(c *rpc.Config) { c.Even = tc.even })
			w.book.sign = func(ctx context.Context, _ *samplev1.SignRequest) (*samplev1.SignResponse, error) {
				return &samplev1.SignResponse{Entry: 1}, tc.sign(ctx)
			}
			least := time.Hour
			for range 3 { // the first connects
				began := time.Now()
				_, _ = w.client(t, "").Sign(w.as(t, "product"), goodSign())
				least = min(least, time.Since(began))
			}
			if least < time.Duration(tc.steps)*floor || tc.prompt && least >= floor {
				t.Errorf("the quickest of three took %s", least)
			}
		})
	}
}

func TestAMethodThatIsNotServedCantBeEven(t *testing.T) {
	w := prepare(t)
	w.config.Even = rpc.Even{Floor: time.Second, Methods: []string{"/habeas.sample.v1.BookService/Sing"}}
	if _, err := rpc.NewServer(w.config); err == nil || !strings.Contains(err.Error(), "Sing") {
		t.Errorf("got %v", err)
	}
}

func TestWhoDoesNotWaitKeepsNothingBusy(t *testing.T) {
	w := newWorld(t, func(c *rpc.Config) {
		c.Even = rpc.Even{Floor: time.Minute, Methods: []string{samplev1.BookService_Sign_FullMethodName}}
	})
	ctx, cancel := context.WithTimeout(w.as(t, "product"), 300*time.Millisecond)
	defer cancel()
	_, err := w.client(t, "").Sign(ctx, goodSign())
	if err == nil {
		t.Fatal("answered before the floor")
	}
	stop, ended := context.WithTimeout(t.Context(), 20*time.Second)
	defer ended()
	if err := w.server.Stop(stop); err != nil {
		t.Errorf("the server waits for an answer that nobody waits for: %v", err)
	}
}
