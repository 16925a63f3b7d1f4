package keys

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/bench/internal/eventlog"
	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/bench/internal/place"
	"habeas.internal/services/identity/identityd"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/keyclient"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/keycache"

	"google.golang.org/grpc"
)

const (
	class   = sealv1.KeyClass_KEY_CLASS_REQUEST
	purpose = "record"
	shards  = 4
	// shortest is the lease of a short run: long enough for keys to be held when they end.
	shortest = 5 * time.Second
	// replicas are the processes that hold keys beside the one that destroys.
	replicas = 6
)

// Section is the section of the keys that identity lends.
func Section(ctx context.Context, in eventlog.Settings) (*eventlog.Section, error) {
	s := &eventlog.Section{
		Name: "keys", Title: "Keys that identity lends", Base: eventlog.Base{Variant: GetOne},
		Notes: []string{
			"One identity in this process, its log's server in another; key-encryption keys in files; callers over one connection with mutual TLS, keys of that many holders by turns. Calls are counted.",
		},
	}
	at, l, err := lend(ctx, s, in, 1)
	if err != nil {
		return s, err
	}
	if err := l.fill(ctx, max(in.Working, 2*batch)); err != nil {
		return s, err
	}
	for _, n := range []int{1, most} {
		s.Variants = append(s.Variants, measure.Variant{Name: GetOne, Callers: n, Op: l.get(1, n), CPU: at.NATS.CPU})
	}
	s.Variants = append(s.Variants, measure.Variant{Name: GetMany, Callers: 1, Op: l.get(batch, 1), CPU: at.NATS.CPU})
	return s, nil
}

// FenceSection is the section of the end of keys. Its identity has lent to nobody who
// does not follow the fence: such keys are waited out.
func FenceSection(ctx context.Context, in eventlog.Settings) (*eventlog.Section, error) {
	s := &eventlog.Section{
		Name: "fence", Title: "The fence that ends a key", Base: eventlog.Base{Variant: DestroyOne},
		Notes: []string{
			"DestroyKeys: from the call to its answer, when the key's end is in the log and nobody can use it any more. Each replica has a connection of its own, follows the fence, and holds the key.",
		},
	}
	at, l, err := lend(ctx, s, in, replicas)
	if err != nil {
		return s, err
	}
	if err := l.prepare(1)(ctx); err != nil {
		return s, err
	}
	if err := l.destroy(ctx, 0); err != nil { // it waits out the leases that may be from before the start
		return s, err
	}
	s.Variants = []measure.Variant{
		{Name: DestroyOne, Callers: 1, Op: l.destroy, Prepare: l.prepare(1), CPU: at.NATS.CPU},
		{Name: DestroyAll, Callers: 1, Op: l.destroy, Prepare: l.prepare(replicas), CPU: at.NATS.CPU},
	}
	return s, nil
}

// lend starts an identity and so many replicas.
func lend(ctx context.Context, s *eventlog.Section, in eventlog.Settings, n int) (*place.Place, *lender, error) {
	at, err := place.New(ctx, s, in, "", shards, nil)
	if err != nil {
		return nil, nil, err
	}
	addr, err := at.StartIdentity(ctx, max(shortest, 6*in.WarmUp))
	if err != nil {
		return nil, nil, err
	}
	dial := func() (*grpc.ClientConn, error) {
		return at.DialBetween("fulfilment", addr, identityd.Name, keyclient.ServiceName)
	}
	conn, err := dial()
	if err != nil {
		return nil, nil, err
	}
	l := &lender{keys: identityv1.NewKeyServiceClient(conn), spare: max(in.Working*2, 400)}
	for range n {
		conn, err := dial()
		if err != nil {
			return nil, nil, err
		}
		c, err := follow(ctx, s, conn)
		if err != nil {
			return nil, nil, err
		}
		l.followers = append(l.followers, c)
	}
	return at, l, nil
}

// follow is one replica that follows the fence until the section is closed.
func follow(ctx context.Context, s *eventlog.Section, conn *grpc.ClientConn) (*keyclient.Client, error) {
	c, err := keyclient.New(keyclient.Config{Conn: conn, Reader: "bench", Now: time.Now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- c.Run(running) }()
	s.Closing(func() error { cancel(); err := <-ended; c.Close(); return err })
	for until := time.Now().Add(place.StartLimit); !c.Joined(); {
		if time.Now().After(until) {
			return nil, errors.New("a replica did not join the fence in time")
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// pause waits a moment.
func pause(ctx context.Context) error {
	timer := time.NewTimer(10 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lender asks for keys and ends them.
type lender struct {
	keys      identityv1.KeyServiceClient
	wants     []*identityv1.KeyWant // of keys that are there, asked for again and again
	followers []*keyclient.Client
	spare     int // keys that are made before destructions are measured

	mu   sync.Mutex
	next []keycache.Want // to be destroyed
}

func outgoing(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(client.WithPurpose(client.WithTenant(ctx, place.Tenant), purpose), limit)
}

// hold has a replica hold keys of fresh holders, which are made for it.
func hold(ctx context.Context, c *keyclient.Client, wants []keycache.Want) error {
	for some := range slices.Chunk(wants, 32) {
		ctx, cancel := context.WithTimeout(ctx, place.Patience)
		err := errors.Join(c.Warm(ctx, purpose, some)...)
		cancel()
		if err != nil {
			return fmt.Errorf("hold keys: %w", err)
		}
	}
	return nil
}

// fresh are keys that nobody has made yet.
func fresh(n int) ([]keycache.Want, error) {
	var wants []keycache.Want
	for range n {
		h, err := seal.RandomHolder(seal.Request, rand.Reader)
		if err != nil {
			return nil, err
		}
		wants = append(wants, keycache.Want{ID: seal.KeyID{Tenant: place.Tenant, Holder: h, Class: class}, Create: true})
	}
	return wants, nil
}

// fill makes the keys that are asked for again and again.
func (l *lender) fill(ctx context.Context, n int) error {
	wants, err := fresh(n)
	if err != nil {
		return err
	}
	for _, w := range wants {
		l.wants = append(l.wants, &identityv1.KeyWant{Key: &identityv1.KeyName{Holder: w.ID.Holder.String(), Class: class}})
	}
	return hold(ctx, l.followers[0], wants)
}

func (l *lender) ask(ctx context.Context, wants []*identityv1.KeyWant) (*identityv1.GetKeysResponse, error) {
	ctx, cancel := outgoing(ctx, place.Patience)
	defer cancel()
	got, err := l.keys.GetKeys(ctx, &identityv1.GetKeysRequest{Wants: wants})
	if err != nil {
		return nil, fmt.Errorf("get keys: %w", err)
	}
	for _, k := range got.GetKeys() {
		if len(k.GetMaterial()) != seal.KeySize {
			return nil, fmt.Errorf("get keys: %s", k.GetReason())
		}
	}
	return got, nil
}

// get asks for keys by turns, so many a call.
func (l *lender) get(n, callers int) func(context.Context, int) error {
	at := make([]int, callers)
	return func(ctx context.Context, caller int) error {
		from := (caller*n + at[caller]) % (len(l.wants) - n + 1)
		at[caller] += n * callers
		_, err := l.ask(ctx, l.wants[from:from+n])
		return err
	}
}

// prepare makes the keys that are destroyed next, and has so many replicas hold each.
func (l *lender) prepare(who int) func(context.Context) error {
	return func(ctx context.Context) error {
		wants, err := fresh(l.spare)
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.next = wants
		l.mu.Unlock()
		for _, c := range l.followers[:who] {
			if err := hold(ctx, c, wants); err != nil {
				return err
			}
		}
		return nil
	}
}

// destroy ends the next key.
func (l *lender) destroy(ctx context.Context, _ int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.next) == 0 {
		return errors.New("no key is left to destroy: make more")
	}
	id := l.next[0].ID
	l.next = l.next[1:]
	request, err := es.NewID(rand.Reader)
	if err != nil {
		return err
	}
	ctx, cancel := outgoing(ctx, place.StartLimit)
	defer cancel()
	_, err = l.keys.DestroyKeys(ctx, &identityv1.DestroyKeysRequest{
		RequestId: request, Reason: "request-closed", Keys: []*identityv1.KeyName{{Holder: id.Holder.String(), Class: id.Class}},
	})
	if err != nil {
		return fmt.Errorf("destroy key: %w", err)
	}
	return nil
}
