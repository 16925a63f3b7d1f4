package es_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
)

func TestMemoryStoreIsAStore(t *testing.T) {
	estest.Run(t, func(t *testing.T) estest.Fixture {
		store, ring := openMemory(t)
		return estest.Fixture{
			Store: store, Verifier: ring,
			LoseAck: func() func() { return func() {} }, // memory has no way on which one gets lost
			Lag: func() func() {
				store.Lag(1)
				return func() { store.Lag(0) }
			},
		}
	})
}

func signer(t *testing.T) es.Signer {
	t.Helper()
	s, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// openMemory makes a store whose one shard knows the signer of its commits.
func openMemory(t *testing.T) (*es.MemoryStore, *es.KeyRing) {
	t.Helper()
	logKey, service, instance := signer(t), signer(t), signer(t)
	store := es.NewMemoryStore(instance)
	control := es.Control{Context: "identity", Partition: "00"}
	ctx := context.Background()
	for _, a := range []struct {
		by   es.Signer
		role logv1.KeyRole
		of   es.Signer
	}{{logKey, logv1.KeyRole_KEY_ROLE_SERVICE, service}, {service, logv1.KeyRole_KEY_ROLE_INSTANCE, instance}} {
		if err := es.Announce(ctx, store.As(a.by), rand.Reader, control, a.role, "identity", a.of.Public(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return store, es.NewKeyRing(store, logKey.Public(), 1)
}
