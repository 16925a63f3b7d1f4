package upkeep_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"habeas.internal/services/identity/internal/upkeep"
	"habeas.internal/services/internal/daemon/logs"
	"habeas.internal/services/internal/seal/lookup"
	"habeas.internal/services/internal/testwait"
)

func TestPeppersAreTurnedWhenTheyAreOldEnough(t *testing.T) {
	const quarter = 90 * 24 * time.Hour
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ended := map[string]time.Time{"old": noon.Add(-quarter), "young": noon.Add(1 - quarter)}
	created := map[string]time.Time{"first": noon.Add(-quarter), "new": noon, "young": noon.Add(-9 * quarter), "sick": noon.Add(-quarter), "busy": noon.Add(-quarter)}
	sick := errors.New("sick")
	var turned []string
	p := upkeep.Peppers{
		Age: quarter, Now: func() time.Time { return noon },
		Tenants: func(ctx context.Context, do func(context.Context, string) error) error {
			for _, tenant := range []string{"sick", "busy", "old", "young", "first", "new"} {
				if err := do(ctx, tenant); err != nil {
					return err
				}
			}
			return nil
		},
		Ended:   func(_ context.Context, tenant string) (time.Time, error) { return ended[tenant], nil },
		Created: func(_ context.Context, tenant string) (time.Time, error) { return created[tenant], nil },
		Rotate: func(_ context.Context, tenant string) error {
			switch tenant {
			case "sick":
				return sick
			case "busy":
				return lookup.ErrUnsettled
			}
			turned = append(turned, tenant)
			return nil
		},
	}
	if err := p.Turn(t.Context()); !errors.Is(err, sick) || errors.Is(err, lookup.ErrUnsettled) {
		t.Errorf("got %v, want what made one fail", err)
	}
	if !slices.Equal(turned, []string{"old", "first"}) {
		t.Errorf("turned %v", turned)
	}
	if due, err := p.Due(t.Context()); err != nil || !slices.Equal(due, []string{"sick", "busy", "old", "first"}) {
		t.Errorf("due are %v (%v)", due, err)
	}
}

func TestATaskThatFailsRunsAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var runs atomic.Int64
	done := make(chan error, 1)
	task := upkeep.Task{Name: "test", Every: time.Millisecond, Do: func(context.Context) error {
		runs.Add(1)
		return errors.New("not today")
	}}
	go func() { done <- task.Run(ctx, logs.Discard()) }()
	testwait.For(t, 10*time.Second, func() error {
		if runs.Load() < 3 {
			return errors.New("not run three times yet")
		}
		return nil
	})
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ended with %v", err)
	}
}
