package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"habeas.internal/services/habeas/internal/cli"
	"habeas.internal/services/internal/testwait"
)

// installation is `habeas up` as it runs in a test.
type installation struct {
	data string
	stop func() result
}

// syncBuffer may be written and read at once.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// up runs `habeas up --no-demo` on a folder until stop is called or the test
// ends, and returns when it shows its endpoints.
func up(t *testing.T, data string) *installation {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var out, errs syncBuffer
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Run(ctx, []string{"up", "--no-demo", "--data", data, "-o", "json"}, cli.Streams{
			In: strings.NewReader(""), Out: &out, Err: &errs,
		})
	}()
	in := &installation{data: data, stop: sync.OnceValue(func() result {
		cancel()
		return result{<-ended, out.String(), errs.String()}
	})}
	t.Cleanup(func() { in.stop() })
	testwait.For(t, time.Minute, func() error {
		select {
		case code := <-ended:
			ended <- code
			t.Fatalf("up ended with code %d\n%s", code, errs.String())
		default:
		}
		var shown struct{ Client string }
		return json.Unmarshal([]byte(out.String()), &shown)
	})
	return in
}

func TestUpTakesUpItsFolderAgain(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for range 2 {
		in := up(t, data)
		for _, name := range []string{"client.yaml", "endpoints.json"} {
			if info, err := os.Stat(filepath.Join(data, name)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v %v", name, info, err)
			}
		}
		if r := in.stop(); r.code != cli.ExitOK {
			t.Fatalf("exit code %d\n%s", r.code, r.err)
		}
	}
}

func TestAFolderBelongsToOneProcess(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	up(t, data)
	var out, errs bytes.Buffer
	code := cli.Run(t.Context(), []string{"up", "--no-demo", "--data", data}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != cli.ExitUnavailable || !strings.Contains(errs.String(), "another process") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

func timeOf(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}
