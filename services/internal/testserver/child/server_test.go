package child_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/internal/testserver/child"
	"habeas.internal/services/internal/testwait"
)

func TestAServerIsReadyWhenItSaysSoAndCanBeStartedAgain(t *testing.T) {
	s := script(t, "echo serving; exec sleep 60")
	for range 2 {
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err == nil {
			t.Fatal("a running server was started a second time")
		}
		s.Kill()
		if s.Running() {
			t.Fatal("the killed server still runs")
		}
	}
	if err := s.Pause(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("pausing a dead server gave %v, want that it has ended", err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stopping a dead server gave %v", err)
	}
	if got := strings.Count(child.Tail(s.LogFile()), "serving"); got != 2 {
		t.Errorf("the output shows %d starts, want 2", got)
	}
}

func TestAServerThatEndsIsReportedAtOnce(t *testing.T) {
	for text, want := range map[string]error{
		"echo 'bind: Address already in use'; exit 1": child.ErrPortTaken,
		"echo 'out of memory'; exit 1":                child.ErrEnded,
	} {
		s := script(t, text)
		if err := s.Start(); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", text, err, want)
		}
	}
}

func TestStopLetsAServerEndInOrder(t *testing.T) {
	s := script(t, "trap 'echo goodbye; exit 0' TERM; echo serving; while :; do sleep 0.05; done")
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := child.Tail(s.LogFile()); !strings.Contains(got, "goodbye") {
		t.Errorf("the server could not say goodbye: %q", got)
	}
}

func TestKillEndsTheChildrenOfTheServerToo(t *testing.T) {
	s := script(t, "sleep 60 & echo child $! serving; wait")
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscanf(child.Tail(s.LogFile()), "child %d", &pid); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	testwait.For(t, 10*time.Second, func() error {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(state), ") Z ") {
			return nil
		}
		return errors.New("the child still runs")
	})
}

func TestAFreePortCanBeListenedOn(t *testing.T) {
	port, err := child.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", child.Loopback(port))
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
}

// script is a server made of a few lines of shell.
func script(t *testing.T, text string) *child.Server {
	t.Helper()
	return child.NewServer(t, child.Command{
		Name: "script", Path: "/bin/sh", Args: []string{"-c", text}, LogDir: t.TempDir(),
	}, "serving")
}
