package cli_test

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"habeas.internal/services/habeas/internal/cli"
	"habeas.internal/services/internal/testserver/child"
	"habeas.internal/services/internal/testwait"
)

// asProgram makes the test's own binary be habeas.
const asProgram = "TEST_AS_HABEAS"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		m.Run()
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
}

// process runs `habeas up` as a process of its own until it answers.
func process(t *testing.T, data string) *child.Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(data, "endpoints.json")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	p, err := child.Start(t, child.Command{
		Name: "habeas", Path: self, Args: []string{"up", "--no-demo", "--data", data}, Env: []string{asProgram + "=1"}, LogDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	testwait.For(t, time.Minute, func() error {
		_, err := os.Stat(filepath.Join(data, "endpoints.json"))
		return err
	})
	return p
}

func TestWhatWasAnsweredSurvivesAKill(t *testing.T) {
	in := &installation{data: filepath.Join(t.TempDir(), "data")}
	p := process(t, in.data)
	if r := in.run(t, "tenant", "create", "demo", "--zone", "Europe/Berlin"); r.code != cli.ExitOK {
		t.Fatalf("exit code %d\n%s", r.code, r.err)
	}
	r := in.run(t, "subject", "register", "--email", "ada@example.com")
	if r.code != cli.ExitOK {
		t.Fatalf("exit code %d\n%s", r.code, r.err)
	}
	ref := strings.Fields(r.out)[1]
	p.Kill()
	if r := in.run(t, "tenant", "get"); r.code != cli.ExitUnavailable {
		t.Errorf("after the kill: exit code %d\n%s", r.code, r.err)
	}
	p = process(t, in.data)
	if r := in.run(t, "tenant", "get"); r.code != cli.ExitOK || !strings.Contains(r.out, "Europe/Berlin") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if r := in.run(t, "subject", "resolve", "--email", "ADA@example.com"); r.code != cli.ExitOK || !strings.Contains(r.out, ref) {
		t.Errorf("exit code %d, want %s\n%s%s", r.code, ref, r.out, r.err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	// Their registration, and that their key was made.
	if lines, s := in.replay(t, "--subject", ref); len(lines) != 2 || !s.Summary.Verified {
		t.Errorf("%d commits, %+v", len(lines), s.Summary)
	}
}
