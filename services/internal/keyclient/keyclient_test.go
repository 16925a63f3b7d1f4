package keyclient_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/daemon/logs"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/keyclient"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/keycache"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

const ref = "aaaaaaaaaaaaaaaaaaaaaaaaaa"

// conn is a connection that answers as its test says and keeps what was asked.
type conn struct {
	grpc.ClientConnInterface
	answer  func(request any) proto.Message
	tenants []string
	wants   []int
}

func (c *conn) Invoke(ctx context.Context, _ string, request, answer any, _ ...grpc.CallOption) error {
	md, _ := metadata.FromOutgoingContext(ctx)
	c.tenants = append(c.tenants, md.Get(rpc.MetadataTenant)...)
	if keys, ok := request.(*identityv1.GetKeysRequest); ok {
		c.wants = append(c.wants, len(keys.GetWants()))
	}
	proto.Merge(answer.(proto.Message), c.answer(request))
	return nil
}

func newClient(t *testing.T, c *conn) *keyclient.Client {
	t.Helper()
	client, err := keyclient.New(keyclient.Config{Conn: c, Reader: "consent", Now: time.Now, Random: rand.Reader, Logger: logs.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func keyID(t *testing.T, tenant string) seal.KeyID {
	t.Helper()
	holder, err := seal.RandomHolder(seal.Subject, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return seal.KeyID{Tenant: tenant, Holder: holder, Class: sealv1.KeyClass_KEY_CLASS_PROFILE}
}

func good() *identityv1.KeyGot {
	return &identityv1.KeyGot{Material: make([]byte, seal.KeySize), Version: 1, Lease: durationpb.New(time.Minute)}
}

// sealing seals with a client to which identity gives these answers.
func sealing(t *testing.T, got ...*identityv1.KeyGot) error {
	t.Helper()
	c := &conn{answer: func(any) proto.Message { return &identityv1.GetKeysResponse{Keys: got} }}
	id := keyID(t, "acme")
	_, err := newClient(t, c).Seal(t.Context(), "record", id, seal.Field{
		Tenant: "acme", Context: "consent", AggregateType: "person", AggregateID: ref, EventID: es.EventID(ref, 0), Path: "name",
	}, []byte("x"))
	return err
}

func TestAnAnswerThatCantBeTrustedIsNotUsed(t *testing.T) {
	if err := sealing(t, good()); err != nil {
		t.Fatalf("a good answer: %v", err)
	}
	for name, spoil := range map[string]func(*identityv1.KeyGot){
		"no key":                 func(g *identityv1.KeyGot) { g.Material = nil },
		"a short key":            func(g *identityv1.KeyGot) { g.Material = g.Material[1:] },
		"no version":             func(g *identityv1.KeyGot) { g.Version = 0 },
		"no lease":               func(g *identityv1.KeyGot) { g.Lease = nil },
		"a lease without an end": func(g *identityv1.KeyGot) { g.Lease = durationpb.New(1000 * time.Hour) },
		"a lease that is over":   func(g *identityv1.KeyGot) { g.Lease = durationpb.New(-1) },
		"a reason unheard of":    func(g *identityv1.KeyGot) { g.Reason = "MOOD" },
	} {
		t.Run(name, func(t *testing.T) {
			g := good()
			spoil(g)
			if err := sealing(t, g); err == nil {
				t.Error("sealed")
			}
		})
	}
	for name, got := range map[string][]*identityv1.KeyGot{"no answer": nil, "two answers": {good(), good()}} {
		t.Run(name, func(t *testing.T) {
			if err := sealing(t, got...); err == nil {
				t.Error("sealed")
			}
		})
	}
}

func TestWhatIsDestroyedSaysSoAndWhatNeverWasToo(t *testing.T) {
	var gone *seal.Erased
	err := sealing(t, &identityv1.KeyGot{Reason: "KEY_DESTROYED", DestroyReason: "erasure"})
	if !errors.As(err, &gone) || gone.Reason != "erasure" {
		t.Errorf("destroyed: %v", err)
	}
	if err := sealing(t, &identityv1.KeyGot{Reason: "KEY_NOT_FOUND"}); !errors.Is(err, keyclient.ErrNoKey) {
		t.Errorf("never was: %v", err)
	}
}

func TestManyKeysAreAskedForByTenantAndInBatches(t *testing.T) {
	c := &conn{answer: func(request any) proto.Message {
		asked, _ := request.(*identityv1.GetKeysRequest)
		answer := &identityv1.GetKeysResponse{}
		for range asked.GetWants() {
			answer.Keys = append(answer.Keys, good())
		}
		return answer
	}}
	var wants []keycache.Want
	for i := range 600 {
		tenant := "acme"
		if i == 7 {
			tenant = "other"
		}
		wants = append(wants, keycache.Want{ID: keyID(t, tenant)})
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), rpc.MetadataTenant, "stray")
	if err := errors.Join(newClient(t, c).Warm(ctx, "export", wants)...); err != nil {
		t.Fatal(err)
	}
	asked := map[string]int{}
	for i, tenant := range c.tenants {
		asked[tenant] += c.wants[i]
		if c.wants[i] > 512 {
			t.Errorf("%d keys in one call", c.wants[i])
		}
	}
	if len(c.tenants) != 3 || asked["acme"] != 599 || asked["other"] != 1 {
		t.Errorf("asked for %v in %d calls", asked, len(c.tenants))
	}
}

func TestEveryErrorHasARow(t *testing.T) { rpctest.TableCovers(t, keyclient.Table(), ".") }
