package testserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"habeas.internal/services/internal/natsd"
	"habeas.internal/services/internal/testserver/child"
	"habeas.internal/services/internal/testwait"
)

// portGrace is how long a restart waits for its port to be free again.
const portGrace = 10 * time.Second

// Server is a NATS server inside the test process, run by natsd as `habeas up`
// runs it. It cannot be killed: for that there is [Process].
type Server struct {
	*access
	cfg  natsd.Config
	nats *natsd.Server
}

// NATS starts a server in the process, with one replica and every message
// synced. It ends with the test.
func NATS(t testing.TB, options ...Option) *Server {
	t.Helper()
	p, dir := planned(options), t.TempDir()
	s := &Server{access: newAccess(t, dir, p)}
	s.cfg = s.config(p)
	s.cfg.Dir = filepath.Join(dir, "data")
	s.cfg.Key = p.key
	s.cfg.Logger = logUnlessPassed(t)
	t.Cleanup(s.Stop)
	onFreePorts(t, func() (err error) {
		// The port is fixed, so that clients find the server after a restart.
		if s.cfg.Port, err = child.FreePort(); err != nil {
			return err
		}
		s.nats, err = natsd.Start(t.Context(), s.cfg)
		return err
	})
	return s
}

// URL is the server's address; it stays the same over restarts.
func (s *Server) URL() string { return address(s.cfg.Port, s.server != nil) }

// Dir is the data directory.
func (s *Server) Dir() string { return s.cfg.Dir }

// StreamFolder is where the files of a stream are, for tests that damage them.
// Stop the server first.
func (s *Server) StreamFolder(stream string) string {
	return natsd.StreamFolder(s.nats.StoreFolder(), stream)
}

// Connect connects as the named user; the connection is closed when the test
// ends.
func (s *Server) Connect(t testing.TB, user string, options ...nats.Option) *nats.Conn {
	t.Helper()
	return s.ConnectTo(t, s.URL(), user, options...)
}

// Stop ends the server in order; its files are complete afterwards.
func (s *Server) Stop() {
	if s.nats != nil {
		s.nats.Shutdown()
	}
}

// Start runs a stopped server again on the same files and port.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	testwait.For(t, portGrace, func() error {
		nats, err := natsd.Start(context.Background(), s.cfg)
		if err == nil {
			s.nats = nats
			return nil
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
		return testwait.Final(err)
	})
}

// onFreePorts starts a server, again and on other ports if somebody was faster
// to take one.
func onFreePorts(t testing.TB, start func() error) {
	t.Helper()
	const attempts = 5
	var last error
	for range attempts {
		last = start()
		if !errors.Is(last, child.ErrPortTaken) && !errors.Is(last, syscall.EADDRINUSE) {
			break
		}
	}
	if last != nil {
		t.Fatal(last)
	}
}

func address(port int, secure bool) string {
	scheme := "nats"
	if secure {
		scheme = "tls"
	}
	return fmt.Sprintf("%s://%s", scheme, child.Loopback(port))
}

// logUnlessPassed keeps the lines and shows them when the test has failed.
func logUnlessPassed(t testing.TB) *slog.Logger {
	lines := new(lockedBuffer)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("output of the NATS server:\n%s", lines)
		}
	})
	return slog.New(slog.NewTextHandler(lines, nil))
}

// lockedBuffer may be read while the server still writes.
type lockedBuffer struct {
	mu    sync.Mutex
	bytes bytes.Buffer
}

// Write appends to the buffer.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.Write(p)
}

// String is all that was written.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.String()
}
