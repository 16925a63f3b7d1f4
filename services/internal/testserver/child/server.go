package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"habeas.internal/services/internal/testwait"
)

// startGrace is how long a server may take to get ready. It is generous: the
// machine may be busy with other tests, and a server may have a log to read.
const startGrace = 60 * time.Second

// ErrPortTaken says that somebody else took the port before the server could.
var ErrPortTaken = errors.New("the port is taken")

// ErrEnded says that the server gave up; its output tells why.
var ErrEnded = errors.New("it ended")

// Server is a process that can be ended and started again. Its methods may be
// called from any goroutine; they return errors rather than end the test.
type Server struct {
	// Command is what each start runs.
	Command Command
	// ReadyLine is a text that the server prints when it serves.
	ReadyLine string

	t       testing.TB
	mu      sync.Mutex
	process *Process
	// logged is how much of the output is of earlier runs.
	logged int64
}

// NewServer prepares a server that has not been started. Its output is shown
// if the test fails.
func NewServer(t testing.TB, command Command, readyLine string) *Server {
	ShowOnFailure(t, command)
	return &Server{t: t, Command: command, ReadyLine: readyLine}
}

// Start runs the server and returns when it is ready. ErrPortTaken means that
// another port may do.
func (s *Server) Start() error {
	if err := s.Launch(); err != nil {
		return err
	}
	return s.AwaitReady()
}

// Launch runs the server and returns at once.
func (s *Server) Launch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs() {
		return fmt.Errorf("start %s: it runs already", s.Command.Name)
	}
	if info, err := os.Stat(s.Command.LogFile()); err == nil {
		s.logged = info.Size()
	}
	process, err := Start(s.t, s.Command)
	if err != nil {
		return err
	}
	s.process = process
	return nil
}

// AwaitReady waits for the server that Launch ran.
func (s *Server) AwaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startGrace)
	defer cancel()
	if err := testwait.Until(ctx, s.ready); err != nil {
		return fmt.Errorf("start %s: %w", s.Command.Name, err)
	}
	return nil
}

func (s *Server) ready() error {
	running := s.Running()
	printed, err := s.printed()
	switch {
	case err != nil:
		return err
	case running && strings.Contains(printed, s.ReadyLine):
		return nil
	case running:
		return errors.New("it does not serve yet")
	case strings.Contains(strings.ToLower(printed), "address already in use"):
		return testwait.Final(ErrPortTaken)
	}
	return testwait.Final(ErrEnded)
}

// printed is the output since the last start.
func (s *Server) printed() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := os.ReadFile(s.Command.LogFile())
	if err != nil {
		return "", fmt.Errorf("read output: %w", err)
	}
	return string(text[min(s.logged, int64(len(text))):]), nil
}

// Running says whether the process exists, paused or not.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs()
}

func (s *Server) runs() bool {
	if s.process == nil {
		return false
	}
	select {
	case <-s.process.Ended():
		return false
	default:
		return true
	}
}

// Kill ends the process as a crash would (SIGKILL) and waits for its end.
func (s *Server) Kill() {
	if p := s.current(); p != nil {
		p.Kill()
	}
}

// Stop ends the process in order (SIGTERM) and waits for its end.
func (s *Server) Stop() error {
	if p := s.current(); p != nil {
		return p.Stop()
	}
	return nil
}

// Pause freezes the process (SIGSTOP): its connections stay open and silent.
// It returns when the process stands still, not before.
func (s *Server) Pause() error {
	if p := s.current(); p != nil {
		return p.pause()
	}
	return os.ErrProcessDone
}

// Resume lets a paused process go on (SIGCONT).
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT) }

// LogFile holds what the server printed, in all its runs.
func (s *Server) LogFile() string { return s.Command.LogFile() }

func (s *Server) signal(signal syscall.Signal) error {
	if p := s.current(); p != nil {
		return p.Signal(signal)
	}
	return os.ErrProcessDone
}

func (s *Server) current() *Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}
