package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"habeas.internal/services/internal/testwait"
)

// Build compiles a daemon's command, with build tags, and returns the program's
// path.
func Build(t testing.TB, pkg, tags string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), filepath.Base(pkg))
	command := exec.CommandContext(t.Context(), "go", "build", "-tags", tags, "-o", out, pkg)
	if text, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, text)
	}
	return out
}

// Process is a service in a process of its own.
type Process struct {
	command *exec.Cmd
	ended   chan error
}

// Launch runs a service as a process, with further variables, and returns once
// it answers or has ended. It is killed when the test ends.
func (s *Stack) Launch(name, program string, variables ...string) *Process {
	s.t.Helper()
	p := &Process{command: exec.CommandContext(context.Background(), program), ended: make(chan error, 1)}
	p.command.Env = append(s.environ(name), variables...)
	p.command.Stdout, p.command.Stderr = s.Logs, s.Logs
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { p.ended <- p.command.Wait() }()
	s.t.Cleanup(func() { p.Kill() })
	listen := s.services[name].listen
	testwait.For(s.t, startGrace, func() error {
		select {
		case err := <-p.ended:
			p.ended <- err
			return nil
		default:
		}
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(s.t.Context(), "tcp", listen)
		if err != nil {
			return fmt.Errorf("%s does not answer: %w", name, err)
		}
		return conn.Close()
	})
	return p
}

// Kill ends the process at once, if it has not ended.
func (p *Process) Kill() {
	_ = p.command.Process.Signal(syscall.SIGKILL)
	err := <-p.ended
	p.ended <- err
}

// over reports whether the process has ended.
func (p *Process) over() bool {
	select {
	case err := <-p.ended:
		p.ended <- err
		return true
	default:
		return false
	}
}

// Killed waits until the process was ended by SIGKILL.
func (p *Process) Killed(t testing.TB) {
	t.Helper()
	select {
	case err := <-p.ended:
		p.ended <- err
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("the process ended with %v", err)
		}
		if w, ok := exit.Sys().(syscall.WaitStatus); !ok || w.Signal() != syscall.SIGKILL {
			t.Fatalf("the process ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the process was not killed")
	}
}

// Pid is the process's id.
func (p *Process) Pid() int { return p.command.Process.Pid }
