package chaos_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testwait"
)

// audience is a projection and a process that follow the log while its servers
// are killed. Neither may halt: nothing is wrong with history.
type audience struct {
	log   *jetstream.Log
	sink  *listSink
	end   context.CancelFunc
	ended chan error

	mu   sync.Mutex
	seen map[string]bool // commits that the process reacted to
}

func seat(t *testing.T, log *jetstream.Log) *audience {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	a := &audience{log: log, sink: &listSink{}, end: cancel, ended: make(chan error, 2), seen: map[string]bool{}}
	go func() {
		a.ended <- log.Project(ctx, jetstream.Projection{Name: "list", Context: domain, Sink: a.sink})
	}()
	go func() {
		a.ended <- log.RunProcess(ctx, jetstream.Process{
			Name: es.DeriveID("", "process", t.Name()), Context: domain, AckWait: time.Second,
			React: func(_ context.Context, r es.Recorded) error {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.seen[r.ID] = true
				return nil
			},
		})
	}()
	return a
}

// leave waits until both have seen what the log holds, and compares.
func (a *audience) leave(t *testing.T) {
	t.Helper()
	var want []string
	var reactions int
	for r, err := range a.log.Scan(t.Context(), domain, nil) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, r.ID)
		if r.Aggregate.Tenant != es.LogTenant {
			reactions++
		}
	}
	testwait.For(t, time.Minute, func() error {
		select {
		case err := <-a.ended:
			return testwait.Final(fmt.Errorf("a reader gave up: %w", err))
		default:
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.seen) < reactions || a.sink.reached() < uint64(len(want)) {
			return fmt.Errorf("the process reacted to %d of %d, the projection is at %d of %d",
				len(a.seen), reactions, a.sink.reached(), len(want))
		}
		return nil
	})
	a.end()
	for range 2 {
		if err := <-a.ended; err != nil {
			t.Errorf("a reader ended with %v", err)
		}
	}
	if !slices.Equal(a.sink.applied, want) {
		t.Errorf("the projection applied %d commits, the log holds %d, or in another order", len(a.sink.applied), len(want))
	}
}
