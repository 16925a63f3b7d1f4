package testserver_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"
)

func TestTheProxyLosesAnAcknowledgementButNotTheMessage(t *testing.T) {
	s, link, conn := linked(t)
	makeStream(t, conn, 1)

	link.DropReplies()
	if err := try(t, conn, "one"); err == nil {
		t.Error("the acknowledgement came through")
	}
	expectLog(t, s.Connect(t, testserver.Admin), "one")

	link.Restore()
	testwait.For(t, 10*time.Second, func() error { return try(t, conn, "two") })
	expectLog(t, conn, "one", "two")
}

func TestTheProxyCutsAndRefusesConnections(t *testing.T) {
	_, link, conn := linked(t)
	makeStream(t, conn, 1)
	link.Cut()
	testwait.For(t, 10*time.Second, func() error { return try(t, conn, "one") })
	if conn.Stats().Reconnects == 0 {
		t.Error("the client was never cut off")
	}

	link.Refuse()
	testwait.For(t, 10*time.Second, func() error {
		if conn.IsConnected() {
			return errors.New("the client is still connected")
		}
		return nil
	})
	link.Restore()
	testwait.For(t, 10*time.Second, func() error { return try(t, conn, "two") })
	expectLog(t, conn, "one", "two")
}

func TestTheProxyDelaysBothDirections(t *testing.T) {
	_, link, conn := linked(t)
	const delay = 50 * time.Millisecond
	link.Delay(delay)
	if trip, err := conn.RTT(); err != nil || trip < 2*delay {
		t.Errorf("the round trip took %s, want at least %s (%v)", trip, 2*delay, err)
	}
	link.Restore()
	if _, err := conn.RTT(); err != nil {
		t.Errorf("the delay broke the connection: %v", err)
	}
}

// linked connects to a server through a proxy.
func linked(t *testing.T) (*testserver.Server, *testserver.Link, *nats.Conn) {
	t.Helper()
	s := testserver.NATS(t, testserver.WithTLS())
	link := testserver.Proxy(t, s.URL())
	return s, link, s.ConnectTo(t, link.URL(), testserver.Admin)
}
