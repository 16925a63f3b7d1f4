package jetstream_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testserver"
)

// dying reads a file and ends a context after so many bytes; the import dies
// as a killed process does, wherever each of its parts then is.
type dying struct {
	io.Reader
	left int
	kill func()
}

func (d *dying) Read(p []byte) (int, error) {
	if d.left <= 0 {
		d.kill()
	}
	n, err := d.Reader.Read(p)
	d.left -= n
	return n, err
}

func TestAKilledImportGoesOnWhereItWas(t *testing.T) {
	old := settle(t, testserver.NATS(t), 2, 1)
	old.live(t, 3000)
	old.keep(t)
	file := old.export(t)
	stories, rows := old.stories(t), old.rows(t)
	cfg, next := old.into(t, testserver.NATS(t), 4, 1)
	var reached uint64
	for _, part := range []int{0, 1, 3, 5, 6, 8, 9} {
		ctx, cancel := context.WithCancel(t.Context())
		got, err := jetstream.Import(ctx, cfg, &dying{Reader: bytes.NewReader(file), left: len(file) / 10 * part, kill: cancel})
		cancel()
		if err == nil {
			t.Fatalf("killed after %d tenths, and was not", part)
		}
		if n := next.domain(t); n < reached || n > commits(stories) {
			t.Fatalf("after %d tenths there are %d commits, before there were %d", part, n, reached)
		}
		reached = next.domain(t)
		t.Logf("killed after %d tenths: %d found, %d added, %d there", part, got.Found, got.Appended, reached)
	}
	if reached == 0 || reached == commits(stories) {
		t.Errorf("%d of %d commits were there before the last run; nothing was resumed", reached, commits(stories))
	}
	got, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if got.Found != reached || got.Found+got.Appended != commits(stories) {
		t.Errorf("%d found, %d added; %d were there, %d are wanted", got.Found, got.Appended, reached, commits(stories))
	}
	next.log = next.in.Open(t, next.server.Connect(t, testserver.Admin))
	next.sameAs(t, stories, rows)
	if n := next.domain(t); n != commits(stories) {
		t.Errorf("%d commits, want %d", n, commits(stories))
	}
}

func TestImportingTwiceAddsNothing(t *testing.T) {
	old := settle(t, testserver.NATS(t), 1, 1)
	old.live(t, 100)
	old.keep(t)
	file := old.export(t)
	cfg, next := old.into(t, testserver.NATS(t), 4, 1)
	for run, want := range []jetstream.Imported{{Appended: 163}, {Found: 163}} {
		got, err := jetstream.Import(t.Context(), cfg, bytes.NewReader(file))
		if err != nil {
			t.Fatalf("run %d: %v", run, err)
		}
		if got.Appended != want.Appended || got.Found != want.Found {
			t.Errorf("run %d added %d and found %d, want %d and %d", run, got.Appended, got.Found, want.Appended, want.Found)
		}
	}
	next.log = next.in.Open(t, next.server.Connect(t, testserver.Admin))
	next.sameAs(t, old.stories(t), old.rows(t))
}

func TestAnImportOutlivesTheKillingOfItsServer(t *testing.T) {
	old := settle(t, testserver.NATS(t), 1, 1)
	old.live(t, 1200)
	old.keep(t)
	file := old.export(t)
	node := testserver.Process(t)
	cfg, next := old.into(t, node, 4, 1)
	killed := make(chan struct{})
	restart := &dying{Reader: bytes.NewReader(file), left: len(file) / 3, kill: func() {
		select {
		case <-killed:
			return
		default:
			close(killed)
		}
		node.Kill()
		if err := node.Start(); err != nil {
			t.Error(err)
		}
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := jetstream.Import(ctx, cfg, restart); err != nil {
		t.Logf("the import that was running ended: %v", err)
		if _, err := jetstream.Import(ctx, cfg, bytes.NewReader(file)); err != nil {
			t.Fatal(err)
		}
	}
	next.log = next.in.Open(t, node.Connect(t, testserver.Admin))
	next.sameAs(t, old.stories(t), old.rows(t))
	if got, want := next.domain(t), commits(old.stories(t)); got != want {
		t.Errorf("%d commits, want %d", got, want)
	}
}
