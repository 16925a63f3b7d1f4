// Package child runs a server as a real process for a test: it can be killed,
// paused and stopped by its own pid, its output is shown only when the test
// fails, and it never outlives the test.
package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stopGrace is how long Stop waits for an orderly end before it kills.
const stopGrace = 30 * time.Second

// Command describes the process to run.
type Command struct {
	// Name names the process in messages and its output file.
	Name string
	// Path and Args are what is executed.
	Path string
	Args []string
	// Env is added to the test's own environment.
	Env []string
	// Dir is the working directory; empty means the test's own.
	Dir string
	// LogDir holds the output file <Name>.log; output is appended to it.
	LogDir string
	// Credential is the user to run as; nil means the test's own.
	Credential *syscall.Credential
}

// Process is one run of a Command. Its methods may be called from several
// goroutines, and again after the process has ended.
type Process struct {
	name    string
	command *exec.Cmd
	ended   chan struct{}
}

// Start runs the command. The process is killed when the test ends, at the
// latest, and on Linux also when the test binary itself dies.
func Start(t testing.TB, c Command) (*Process, error) {
	t.Helper()
	output, err := os.OpenFile(c.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open output of %s: %w", c.Name, err)
	}
	defer output.Close() //nolint:errcheck // the child holds its own copy, nothing was written here
	command := exec.Command(c.Path, c.Args...)
	command.Args[0] = c.Name
	command.Stdout, command.Stderr = output, output
	command.Env = append(os.Environ(), c.Env...)
	command.Dir = c.Dir
	command.SysProcAttr = attributes(c.Credential)
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	p := &Process{name: c.Name, command: command, ended: make(chan struct{})}
	go p.reap()
	t.Cleanup(p.Kill)
	return p, nil
}

// LogFile is the path of the file that the output goes to.
func (c Command) LogFile() string { return filepath.Join(c.LogDir, c.Name+".log") }

// reap collects the exit status, whatever it is: how a server ends is for the
// test to judge. From then on the pid is never signalled again.
func (p *Process) reap() {
	defer close(p.ended)
	_, _ = p.command.Process.Wait()
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Pid is the process id; after the end it means nothing.
func (p *Process) Pid() int { return p.command.Process.Pid }

// Kill ends the process and its own children at once, as a crash would, and
// waits for its end.
func (p *Process) Kill() {
	if err := p.Signal(syscall.SIGKILL); err == nil {
		<-p.ended
	}
}

// Stop asks the process to end and waits for it. A process that does not end
// in half a minute is killed and reported.
func (p *Process) Stop() error {
	err := p.command.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("stop %s: still running after %s, killed", p.name, stopGrace)
	}
}

// Signal sends a signal to the process and to those that it has started;
// os.ErrProcessDone says that it has ended.
func (p *Process) Signal(signal syscall.Signal) error {
	select {
	case <-p.ended:
		return os.ErrProcessDone
	default:
	}
	if err := syscall.Kill(-p.Pid(), signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// pause stops the process and waits until each of its threads stands still:
// one that runs on another core may answer a request after the signal was sent.
func (p *Process) pause() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		err := unix.Waitid(unix.P_PID, p.Pid(), nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil && !errors.Is(err, unix.ECHILD) { // ECHILD: it has ended, and somebody has collected it
			return fmt.Errorf("pause %s: %w", p.name, err)
		}
		return nil
	}
}
