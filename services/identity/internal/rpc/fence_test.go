package rpc_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/internal/rpc"
	"habeas.internal/services/internal/daemon/logs"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/keyclient"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/fence"
	"habeas.internal/services/internal/seal/keycache"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"
)

// keyServer is the drops of the key service, over TCP, with keys that it makes
// up: what is measured here is the fence.
type keyServer struct {
	rpc.Keys
	gone atomic.Bool // no key any more
}

func (s *keyServer) GetKeys(_ context.Context, r *identityv1.GetKeysRequest) (*identityv1.GetKeysResponse, error) {
	out := &identityv1.GetKeysResponse{}
	for range r.GetWants() {
		if s.gone.Load() {
			out.Keys = append(out.Keys, &identityv1.KeyGot{Reason: "KEY_DESTROYED", DestroyReason: "erasure"})
			continue
		}
		out.Keys = append(out.Keys, &identityv1.KeyGot{Material: make([]byte, seal.KeySize), Version: 1, Lease: durationpb.New(s.Fence.Lease())})
	}
	return out, nil
}

var errNotYet = errors.New("not yet")

// wire is a proxy that can be cut: what is sent then arrives only when it is
// healed, and no side learns of it before.
type wire struct {
	gate sync.RWMutex // held for writing while it is cut
	cut  atomic.Bool
	addr string
}

func (w *wire) sever() { w.gate.Lock(); w.cut.Store(true) }
func (w *wire) heal()  { w.cut.Store(false); w.gate.Unlock() }

// pass carries one direction until an end closes.
func (w *wire) pass(from, to net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		w.gate.RLock()
		_, err = to.Write(buffer[:n])
		w.gate.RUnlock()
		if err != nil {
			return
		}
	}
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lis.Close() })
	w := &wire{addr: lis.Addr().String()}
	go func() {
		for {
			near, err := lis.Accept()
			if err != nil {
				return
			}
			far, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			go w.pass(near, far)
			go w.pass(far, near)
		}
	}()
	return w
}

// replicas are processes that hold keys and follow drops.
type replicas struct {
	server  *keyServer
	clients []*keyclient.Client
	wires   []*wire
}

func newReplicas(t *testing.T, n int, lease, slack time.Duration) *replicas {
	t.Helper()
	registry, err := fence.New(fence.Config{Lease: lease, Slack: slack, Alone: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	leaving := make(chan struct{})
	r := &replicas{server: &keyServer{Keys: rpc.Keys{Fence: registry, Leaving: leaving}}}
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	identityv1.RegisterKeyServiceServer(server, r.server)
	go func() { _ = server.Serve(lis) }()
	t.Cleanup(server.Stop)
	for range n {
		w := newWire(t, lis.Addr().String())
		conn, err := grpc.NewClient(w.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		c, err := keyclient.New(keyclient.Config{Conn: conn, Reader: "test", Now: time.Now, Random: rand.Reader, Logger: logs.Discard()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := errors.Join(conn.Close(), <-ended); err != nil {
				t.Errorf("replica ended: %v", err)
			}
			c.Close()
		})
		r.clients, r.wires = append(r.clients, c), append(r.wires, w)
	}
	testwait.For(t, 10*time.Second, func() error {
		for _, c := range r.clients {
			if !c.Joined() {
				return errNotYet
			}
		}
		return nil
	})
	started := time.Now() // leases from before the registry are waited out once
	testwait.For(t, time.Minute, func() error {
		if time.Since(started) < lease+slack {
			return errNotYet
		}
		return nil
	})
	return r
}

// destroy has every replica hold a key, cuts one off if told to, fences the
// key, and looks that nobody can use it any more.
func (r *replicas) destroy(t *testing.T, cut bool) fence.Report {
	t.Helper()
	h, err := seal.RandomHolder(seal.Request, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := seal.KeyID{Tenant: "acme", Holder: h, Class: sealv1.KeyClass_KEY_CLASS_REQUEST}
	r.server.gone.Store(false)
	for i, c := range r.clients {
		if err := errors.Join(c.Warm(t.Context(), "record", []keycache.Want{{ID: id, Create: true}})...); err != nil {
			t.Fatalf("replica %d: %v", i, err)
		}
	}
	if cut {
		r.wires[0].sever()
		defer r.wires[0].heal()
	}
	r.server.gone.Store(true) // as the vault does before it fences
	report, err := r.server.Fence.Fence(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range r.clients {
		if err := use(t, c, id); err == nil || !r.wires[i].cut.Load() && !errors.Is(err, seal.ErrErased) {
			t.Errorf("replica %d behind the fence: %v, want erased", i, err)
		}
	}
	return report
}

// use seals under a key; who is cut off gives up after a while.
func use(t *testing.T, c *keyclient.Client, id seal.KeyID) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := c.Seal(ctx, "record", id, seal.Field{
		Tenant: "acme", Context: "fulfilment", AggregateType: "request", AggregateID: id.Holder.Ref(),
		EventID: es.EventID(id.Holder.Ref(), 0), Path: "name",
	}, []byte("x"))
	return err
}

func figures(t *testing.T, name string, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	at := func(p int) time.Duration { return took[(len(took)-1)*p/100].Round(time.Microsecond) }
	t.Logf("%s: %d destructions, p50 %s, p99 %s, max %s", name, len(took), at(50), at(99), at(100))
}

// TestFenceFigures prints how long a fence takes with six replicas, and with
// one of them cut off: its connection stays open, and nothing arrives.
func TestFenceFigures(t *testing.T) {
	const lease, slack, replicaCount, rounds, cutRounds = 800 * time.Millisecond, 100 * time.Millisecond, 6, 1000, 5
	r := newReplicas(t, replicaCount, lease, slack)
	var took []time.Duration
	for range rounds {
		report := r.destroy(t, false)
		if report.Acked != replicaCount || report.Expired != 0 || report.Took >= lease {
			t.Fatalf("%+v, want %d confirmations and no wait", report, replicaCount)
		}
		took = append(took, report.Took)
	}
	figures(t, "six replicas", took)
	took = took[:0]
	for range cutRounds {
		report := r.destroy(t, true)
		if report.Acked != replicaCount-1 || report.Expired != 1 || report.Took < lease+slack || report.Took > lease+slack+2*time.Second {
			t.Fatalf("%+v, want %d confirmations and a wait of lease and slack", report, replicaCount-1)
		}
		took = append(took, report.Took)
	}
	figures(t, "one of six cut off, lease 800ms and slack 100ms", took)
}
