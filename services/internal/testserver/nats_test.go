package testserver_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"habeas.internal/services/internal/natsd"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"
)

func TestTheEmbeddedServerComesBackWithItsMessagesAtTheSameAddress(t *testing.T) {
	s := testserver.NATS(t)
	conn := s.Connect(t, testserver.Admin)
	makeStream(t, conn, 1)
	publish(t, conn, "before")

	s.Stop()
	expectFolder(t, s.StreamFolder("LOG"))
	s.Start(t)

	testwait.For(t, 10*time.Second, func() error { return try(t, conn, "after") })
	expectLog(t, conn, "before", "after")
}

func TestAUserOfTheEmbeddedServerIsHeldToItsList(t *testing.T) {
	s := testserver.NATS(t, testserver.WithTLS(), testserver.WithKey(natsd.Key(strings.Repeat("k", 40))),
		testserver.WithUser("consent", []string{"log.consent"}, []string{"_INBOX_consent.>"}))
	admin := s.Connect(t, testserver.Admin)
	makeStream(t, admin, 1)
	conn := s.Connect(t, "consent", nats.CustomInboxPrefix("_INBOX_consent"), quiet())
	if _, err := conn.Request("log.consent", nil, 5*time.Second); err != nil {
		t.Errorf("the user may not do what is listed: %v", err)
	}
	if _, err := conn.Request("log.identity", nil, 100*time.Millisecond); err == nil {
		t.Error("the user may do what is not listed")
	}
}

func TestAKilledProcessKeepsWhatItAcknowledged(t *testing.T) {
	node := testserver.Process(t, testserver.WithKey(natsd.Key(strings.Repeat("k", 40))))
	conn := node.Connect(t, testserver.Admin)
	makeStream(t, conn, 1)
	publish(t, conn, "before")

	node.Kill()
	expectFolder(t, node.StreamFolder("LOG"))
	if node.Running() {
		t.Error("the killed process still runs")
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	testwait.For(t, 10*time.Second, func() error { return try(t, conn, "after") })
	expectLog(t, conn, "before", "after")
}

func TestAPausedProcessIsSilentAndGoesOn(t *testing.T) {
	node := testserver.Process(t)
	conn := node.Connect(t, testserver.Admin)
	makeStream(t, conn, 1)
	if err := node.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := try(t, conn, "paused"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v from a paused server, want silence", err)
	}
	if err := node.Resume(); err != nil {
		t.Fatal(err)
	}
	testwait.For(t, 10*time.Second, func() error { return try(t, conn, "after") })
	expectLog(t, conn, "paused", "after")
	if err := node.Stop(); err != nil {
		t.Errorf("an orderly end failed: %v", err)
	}
}

func expectFolder(t *testing.T, path string) {
	t.Helper()
	if entries, err := os.ReadDir(path); err != nil || len(entries) == 0 {
		t.Errorf("the stream has no files in %s (%v)", path, err)
	}
}

// makeStream makes the stream LOG.
func makeStream(t *testing.T, conn *nats.Conn, replicas int) {
	t.Helper()
	js := jetStream(t, conn)
	testwait.For(t, time.Minute, func() error { // a cluster that was just formed may not place one yet
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}, Replicas: replicas})
		return err
	})
}

func jetStream(t *testing.T, conn *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func publish(t *testing.T, conn *nats.Conn, text string) {
	t.Helper()
	if err := try(t, conn, text); err != nil {
		t.Fatal(err)
	}
}

// try publishes once, with the text as message id: to try again is harmless.
func try(t *testing.T, conn *nats.Conn, text string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := jetStream(t, conn).Publish(ctx, "log.x", []byte(text), jetstream.WithMsgID(text), jetstream.WithRetryAttempts(0))
	if err != nil {
		return fmt.Errorf("publish %q: %w", text, err)
	}
	return nil
}

// expectLog reads LOG from its beginning.
func expectLog(t *testing.T, conn *nats.Conn, want ...string) {
	t.Helper()
	js := jetStream(t, conn)
	testwait.For(t, 30*time.Second, func() error { // a cluster that just changed leaders may not answer at once
		reader, err := js.OrderedConsumer(t.Context(), "LOG", jetstream.OrderedConsumerConfig{})
		if err != nil {
			return err
		}
		batch, err := reader.Fetch(len(want), jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			return err
		}
		var got []string
		for msg := range batch.Messages() {
			got = append(got, string(msg.Data()))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			return errors.Join(fmt.Errorf("the log holds %q, want %q", got, want), batch.Error())
		}
		return nil
	})
}

// quiet drops what the client would print about refusals that the test wants.
func quiet() nats.Option {
	return nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
}
