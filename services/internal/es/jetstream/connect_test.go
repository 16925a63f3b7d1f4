package jetstream_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"github.com/nats-io/nats.go"
)

// TestAServerThatIsSilentIsLeftForAnother freezes the server that a service is
// connected to. The connection stays open, so that nobody says that it is gone.
func TestAServerThatIsSilentIsLeftForAnother(t *testing.T) {
	rights := jetstream.Rights{Publish: []string{">"}, Subscribe: []string{">"}}
	cluster := testserver.Cluster(t, 3, testserver.WithUser("service", rights.Publish, rights.Subscribe))
	nc, err := jetstream.Connect(jetstream.Access{
		URL: cluster.URL(), User: "service", Seed: cluster.SeedFile("service"), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	frozen := cluster.Node(nc.ConnectedServerName())
	twin := frozen.Connect(t, "service") // by what the library does unless told
	ping := func(nc *nats.Conn) error { return nc.FlushTimeout(time.Second) }
	if err := frozen.Pause(); err != nil {
		t.Fatal(err)
	}
	testwait.For(t, time.Minute, func() error {
		if name := nc.ConnectedServerName(); name == frozen.Name() || name == "" {
			return errors.New("still with the one that is frozen")
		}
		return ping(nc)
	})
	if ping(twin) == nil {
		t.Error("twin: gets answers of a server that is frozen")
	}
	if err := frozen.Resume(); err != nil {
		t.Fatal(err)
	}
}
