package jetstream_test

import (
	"testing"

	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/testserver"

	"github.com/nats-io/nats.go"
)

func TestEmbeddedLogIsAStore(t *testing.T) {
	estest.Run(t, func(t *testing.T) estest.Fixture {
		srv := testserver.NATS(t)
		in := jstest.New(t, 4, 1, "identity")
		in.Provision(t, srv.Connect(t, testserver.Admin))
		link := testserver.Proxy(t, srv.URL())
		return fixture(in.Open(t, srv.ConnectTo(t, link.URL(), testserver.Admin)), link)
	})
}

func TestThreeProcessLogIsAStore(t *testing.T) {
	estest.Run(t, func(t *testing.T) estest.Fixture {
		cluster := testserver.Cluster(t, 3)
		in := jstest.New(t, 4, 3, "identity")
		in.Provision(t, cluster.Connect(t, testserver.Admin))
		link := testserver.Proxy(t, cluster.Nodes()[0].URL())
		// The client learns of the other nodes; through them nothing would get lost.
		nc := cluster.ConnectTo(t, link.URL(), testserver.Admin, nats.IgnoreDiscoveredServers())
		return fixture(in.Open(t, nc), link)
	})
}

func fixture(log *jetstream.Log, link *testserver.Link) estest.Fixture {
	return estest.Fixture{Store: log, Verifier: log.Verifier(), LoseAck: func() func() {
		link.DropReplies()
		return link.Restore
	}}
}
