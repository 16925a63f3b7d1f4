package vault_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/keycache"
	"habeas.internal/services/internal/seal/sealtest"
	"habeas.internal/services/internal/seal/vault"
)

func newCache(t *testing.T, p *sealtest.Process, name string) *keycache.Cache {
	t.Helper()
	c, err := keycache.New(keycache.Config{
		Source: vault.Local{Vault: p.Vault, Reader: name}, Size: 100, Now: time.Now, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func place() seal.Field {
	return seal.Field{
		Tenant: tenant, Context: "identity", AggregateType: "subject", AggregateID: "a",
		EventID: "ceirceirceirceirceirceirce-0", Path: "name",
	}
}

// TestNoReplicaOpensADestroyedKeyAfterTheFence lets replicas read without
// pause while keys are destroyed. Two have joined the fence, one is a stranger
// whose lease has to be waited out.
func TestNoReplicaOpensADestroyedKeyAfterTheFence(t *testing.T) {
	const lease = 60 * time.Millisecond
	for name, strangers := range map[string]int{"all replicas have joined": 0, "one replica is a stranger": 1} {
		t.Run(name, func(t *testing.T) {
			w := sealtest.NewWorld(nil)
			w.Lease = lease
			p := w.Serve(t, nil)
			var replicas []*keycache.Cache
			for i := range 2 + strangers {
				replica := fmt.Sprintf("replica-%d", i)
				replicas = append(replicas, newCache(t, p, replica))
				if i < 2 {
					p.Fence.Join(replica, replicas[i])
				}
			}
			<-time.After(lease) // what was before the fence was made is waited out anyway
			for range 10 {
				destroyWhileRead(t, p, replicas)
			}
			report(t, w)
		})
	}
}

func destroyWhileRead(t *testing.T, p *sealtest.Process, replicas []*keycache.Cache) {
	t.Helper()
	id := newID(t)
	sealed, err := replicas[0].Seal(t.Context(), "testing", id, place(), []byte("Jane"))
	if err != nil {
		t.Fatal(err)
	}
	stop, ready := make(chan struct{}), make(chan struct{}, len(replicas))
	var readers sync.WaitGroup
	for _, c := range replicas {
		readers.Go(func() { readUntil(t, c, sealed, ready, stop) })
	}
	for range replicas {
		<-ready // each has the key
	}
	destroy(t, p.Vault, id)
	for i, c := range replicas {
		if _, err := c.Open(t.Context(), "testing", place(), sealed); !errors.Is(err, seal.ErrErased) {
			t.Errorf("replica %d opens after the fence: %v", i, err)
		}
	}
	close(stop)
	readers.Wait()
}

func readUntil(t *testing.T, c *keycache.Cache, sealed *sealv1.Sealed, ready chan<- struct{}, stop <-chan struct{}) {
	for first := true; ; first = false {
		plain, err := c.Open(context.WithoutCancel(t.Context()), "testing", place(), sealed)
		if err == nil && string(plain) != "Jane" || err != nil && !errors.Is(err, seal.ErrErased) {
			t.Errorf("open: %q, %v", plain, err)
		}
		if first {
			ready <- struct{}{}
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

func report(t *testing.T, w *sealtest.World) {
	t.Helper()
	var acked, expired, longest uint32
	for _, ev := range sealtest.Events[*identityv1.KeyDestroyed](w.Ledger) {
		acked, expired = acked+ev.GetReplicasAcked(), expired+ev.GetReplicasExpired()
		longest = max(longest, ev.GetFenceMs())
	}
	t.Logf("%d answers, %d leases waited out, longest fence %d ms", acked, expired, longest)
}
