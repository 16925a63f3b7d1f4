// Package servers runs the servers that a benchmark measures, each as a
// process of its own on loopback, with its files in a folder that the caller
// names. Processes are ended by their own pid.
package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"habeas.internal/services/bench/internal/host"
)

const (
	startGrace = time.Minute
	stopGrace  = 30 * time.Second
	pollEvery  = 20 * time.Millisecond
	shownBytes = 4 << 10
)

// Process is a running server.
type Process struct {
	name    string
	command *exec.Cmd
	log     string
	goodbye syscall.Signal
	ended   chan struct{}
}

// command is what to run.
type command struct {
	name       string
	path       string
	args       []string
	env        []string       // beside this process' own
	dir        string         // also where the output goes
	goodbye    syscall.Signal // asks it to end
	credential *syscall.Credential
}

func start(c command) (*Process, error) {
	log := filepath.Join(c.dir, c.name+".log")
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open output of %s: %w", c.name, err)
	}
	defer output.Close() //nolint:errcheck // the child holds its own copy, nothing was written here
	cmd := exec.Command(c.path, c.args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.Env = output, output, c.dir, append(os.Environ(), c.env...)
	cmd.SysProcAttr = host.Attributes(c.credential)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	p := &Process{name: c.name, command: cmd, log: log, goodbye: c.goodbye, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended is told by its output
	}()
	return p, nil
}

// CPU is the processor time that the server and its children have used.
func (p *Process) CPU() (time.Duration, error) { return host.TreeCPU(p.command.Process.Pid) }

// Signal sends the server a signal.
func (p *Process) Signal(s syscall.Signal) error { return p.command.Process.Signal(s) }

// Stop asks the server to end, and kills it if it does not.
func (p *Process) Stop() error {
	if err := p.command.Process.Signal(p.goodbye); errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopGrace):
	}
	if err := syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.ended
	return fmt.Errorf("stop %s: still running after %s, killed", p.name, stopGrace)
}

// await asks ready until it returns nil. A server that ends meanwhile, or
// takes too long, is ended and reported with the end of its output.
func (p *Process) await(ctx context.Context, ready func(context.Context) error) error {
	if err := p.poll(ctx, ready); err != nil {
		return errors.Join(err, p.Stop())
	}
	return nil
}

func (p *Process) poll(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startGrace)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("start %s: it ended: %s", p.name, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("start %s: %w: %w: %s", p.name, ctx.Err(), err, p.tail())
		case <-time.After(pollEvery):
		}
	}
}

func (p *Process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-shownBytes):])
}

// freePort is a loopback port on which nothing listened a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", loopback(0))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("find a free port: %s is no TCP address", l.Addr())
	}
	return addr.Port, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
