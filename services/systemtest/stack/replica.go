package stack

import (
	"context"
	"maps"
	"strings"
	"time"

	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/testserver/child"
)

// Replica runs a second instance of a service until the test ends. The stack
// that it returns reaches that instance instead of the first.
func (s *Stack) Replica(name string) *Stack { return s.ReplicaAt(name, nil) }

// ReplicaAt is a replica that decides by a clock of its own; by the machine's if it is
// nil.
func (s *Stack) ReplicaAt(name string, now func() time.Time) *Stack {
	s.t.Helper()
	port, err := child.FreePort()
	if err != nil {
		s.t.Fatal(err)
	}
	other := *s
	other.services = maps.Clone(s.services)
	other.services[name] = &service{key: s.services[name].key, id: s.services[name].id, listen: child.Loopback(port)}
	environ := other.environ(name)
	for i, v := range environ {
		switch variable, _, _ := strings.Cut(v, "="); variable {
		case "HABEAS_INSTANCE":
			environ[i] = variable + "=" + name + "-2"
		case "HABEAS_OTLP_FILE":
			environ[i] = variable + "=" + s.Spans(name+"-2")
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan daemon.Running, 1), make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- run(ctx, name, environ, daemon.World{Out: s.Logs, Now: now, Started: func(r daemon.Running) { started <- r }})
	}()
	s.t.Cleanup(func() {
		cancel()
		for range ended { // until it is closed
		}
	})
	limit := time.NewTimer(startGrace)
	defer limit.Stop()
	select {
	case <-started:
	case err := <-ended:
		s.t.Fatalf("a second %s ended at once: %v\n%s", name, err, tail(s.Logs.String()))
	case <-limit.C:
		s.t.Fatalf("a second %s did not start in time\n%s", name, tail(s.Logs.String()))
	}
	return &other
}

// Try starts one more instance of a service, with further variables, and ends it:
// nil if it has started, or what kept it from that.
func (s *Stack) Try(name string, variables ...string) error {
	s.t.Helper()
	port, err := child.FreePort()
	if err != nil {
		s.t.Fatal(err)
	}
	environ := append(s.environ(name), "HABEAS_INSTANCE="+name+"-tried", "HABEAS_OTLP_FILE="+s.Spans(name+"-tried"),
		"HABEAS_GRPC_LISTEN="+child.Loopback(port))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	started := false
	err = run(ctx, name, append(environ, variables...), daemon.World{Out: s.Logs, Started: func(daemon.Running) { started = true; cancel() }})
	if started {
		return nil
	}
	return err
}
