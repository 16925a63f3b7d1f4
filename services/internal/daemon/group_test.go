package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
)

var errBroken = errors.New("log is broken")

// diary notes what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// loop is a part that runs until it is stopped, and says so.
func (d *diary) loop(name string) daemon.Part {
	return daemon.Part{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		d.note(name + " ended")
		return ctx.Err()
	}}
}

func TestPartsStopInTheReverseOrder(t *testing.T) {
	var d diary
	server := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	reason, err := daemon.RunParts(ctx, 5*time.Second, d.loop("store"), d.loop("projector"), daemon.Part{
		Name: "grpc",
		Run: func(context.Context) error {
			<-server
			d.note("grpc ended")
			return nil
		},
		Stop: func(context.Context) error {
			d.note("grpc stops")
			close(server)
			return nil
		},
	})
	if err != nil || reason != "SHUTTING_DOWN" {
		t.Errorf("got %v for %s", err, reason)
	}
	want := []string{"grpc stops", "grpc ended", "projector ended", "store ended"}
	if diff := cmp.Diff(want, d.lines); diff != "" {
		t.Error(diff)
	}
}

func TestTheFirstFailureStopsAllOthers(t *testing.T) {
	for name, row := range map[string]struct {
		run    func(context.Context) error
		want   error
		reason string
		code   int
	}{
		"a failure":                {func(context.Context) error { return errBroken }, errBroken, "PART_FAILED", 1},
		"an end that nobody wants": {func(context.Context) error { return nil }, daemon.ErrEnded, "PART_FAILED", 1},
		"a halt":                   {func(context.Context) error { return daemon.Halt("SEQUENCE_GAP", errBroken) }, errBroken, "SEQUENCE_GAP", 3},
		"a panic":                  {func(context.Context) error { panic("planted value") }, nil, "PANIC", 3},
	} {
		t.Run(name, func(t *testing.T) {
			var d diary
			reason, err := daemon.RunParts(t.Context(), 5*time.Second, d.loop("store"), daemon.Part{Name: "projector", Run: row.run}, d.loop("grpc"))
			if row.want != nil && !errors.Is(err, row.want) || reason != row.reason || daemon.ExitCode(err) != row.code {
				t.Errorf("got %v for %s, exit code %d", err, reason, daemon.ExitCode(err))
			}
			if text := fmt.Sprint(err); !strings.HasPrefix(text, "projector: ") || strings.Contains(text, "planted") {
				t.Errorf("error is %q", text)
			}
			if diff := cmp.Diff([]string{"grpc ended", "store ended"}, d.lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPartThatDoesNotStopIsNamedAndTheOthersStillEnd(t *testing.T) {
	var d diary
	stuck := make(chan struct{})
	t.Cleanup(func() { close(stuck) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := daemon.RunParts(ctx, 100*time.Millisecond, d.loop("store"), daemon.Part{Name: "mill", Run: func(context.Context) error {
		<-stuck
		return nil
	}})
	if !errors.Is(err, daemon.ErrStuck) || !strings.Contains(err.Error(), "mill: ") {
		t.Errorf("got %v, want the stuck part named", err)
	}
}

func TestWhatGoesWrongWhileStoppingIsReported(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := daemon.RunParts(ctx, 5*time.Second,
		daemon.Part{Name: "flusher", Run: func(ctx context.Context) error {
			<-ctx.Done()
			return errBroken
		}},
		daemon.Part{
			Name: "server",
			Run: func(ctx context.Context) error {
				<-ctx.Done()
				return nil
			},
			Stop: func(context.Context) error { return errors.New("calls were cut off") },
		})
	if text := fmt.Sprint(err); text != "server: calls were cut off\nflusher: log is broken" {
		t.Errorf("got %q", text)
	}
}

func TestExitCodesTellSupervisorsWhatToDo(t *testing.T) {
	for code, err := range map[int]error{
		daemon.ExitOK: nil, daemon.ExitFailed: errBroken,
		daemon.ExitHalted: fmt.Errorf("consentd: %w", errors.Join(errBroken, daemon.Halt("X", errBroken))),
		daemon.ExitConfig: fmt.Errorf("load: %w", errors.Join(env.Problem{Variable: "HABEAS_X", Text: "must be set"})),
	} {
		if got := daemon.ExitCode(err); got != code {
			t.Errorf("%v: exit code %d, want %d", err, got, code)
		}
	}
}
