package jetstream_test

import (
	"testing"

	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/jstest"
	"habeas.internal/services/internal/testserver"
)

func TestEmbeddedLogIsAStore(t *testing.T) {
	estest.Run(t, func(t *testing.T) estest.Fixture {
		srv := testserver.NATS(t)
		in := jstest.New(t, 4, 1, "identity")
		in.Provision(t, srv.Connect(t, testserver.Admin))
		return fixture(in.Open(t, srv.Connect(t, testserver.Admin)))
	})
}

func TestThreeProcessLogIsAStore(t *testing.T) {
	estest.Run(t, func(t *testing.T) estest.Fixture {
		cluster := testserver.Cluster(t, 3)
		in := jstest.New(t, 4, 3, "identity")
		in.Provision(t, cluster.Connect(t, testserver.Admin))
		return fixture(in.Open(t, cluster.Connect(t, testserver.Admin)))
	})
}

func fixture(log *jetstream.Log) estest.Fixture {
	return estest.Fixture{Store: log, Verifier: log.Verifier(), LoseAck: func() func() { return func() {} }}
}
