package reload_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"habeas.internal/services/internal/rpc/reload"
)

type fixture struct {
	path    string
	now     time.Time
	reads   int
	reports []error
	value   *reload.Value[string]
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{path: filepath.Join(t.TempDir(), "value"), now: time.Unix(1_800_000_000, 0)}
	f.write(t, "one")
	v, err := reload.New(reload.Config[string]{
		Files: []string{f.path}, Every: time.Second, Now: func() time.Time { return f.now },
		Read: f.read, Report: func(err error) { f.reports = append(f.reports, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	f.value = v
	return f
}

func (f *fixture) read() (string, error) {
	f.reads++
	text, err := os.ReadFile(f.path)
	if string(text) == "broken" {
		return "", errors.New("broken")
	}
	return string(text), err
}

// write replaces the file in one step, as whoever renews certificates does.
func (f *fixture) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(f.path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) want(t *testing.T, text string, reads, reports int) {
	t.Helper()
	if got := f.value.Get(); got != text || f.reads != reads || len(f.reports) != reports {
		t.Errorf("got %q after %d reads and %d reports, want %q, %d, %d", got, f.reads, len(f.reports), text, reads, reports)
	}
}

func TestAChangeIsSeenAfterTheInterval(t *testing.T) {
	f := newFixture(t)
	f.write(t, "two")
	f.want(t, "one", 1, 0)
	f.now = f.now.Add(time.Second)
	f.want(t, "two", 2, 0)
	f.now = f.now.Add(time.Minute)
	f.want(t, "two", 2, 0)
}

func TestABrokenOrMissingFileLeavesTheValueInForceAndIsReported(t *testing.T) {
	f := newFixture(t)
	f.write(t, "broken")
	f.now = f.now.Add(time.Second)
	f.want(t, "one", 2, 1)
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Second)
	f.want(t, "one", 2, 2)
	f.write(t, "three")
	f.now = f.now.Add(time.Second)
	f.want(t, "three", 3, 2)
}

func TestTheFirstReadMustSucceed(t *testing.T) {
	_, err := reload.New(reload.Config[string]{Files: []string{filepath.Join(t.TempDir(), "none")}})
	if err == nil {
		t.Error("a missing file was accepted")
	}
}

func TestManyMayAskAtOnce(t *testing.T) {
	f := newFixture(t)
	var wrong atomic.Int64
	done := make(chan struct{})
	for range 8 {
		go func() {
			for range 1000 {
				if f.value.Get() != "one" {
					wrong.Add(1)
				}
			}
			done <- struct{}{}
		}()
	}
	for range 8 {
		<-done
	}
	if wrong.Load() != 0 {
		t.Errorf("%d wrong answers", wrong.Load())
	}
}
