// Package keyclient is how every service but identity gets keys: it asks
// identity's KeyService for them, keeps them for the length of their lease, and
// drops those that are destroyed when it is told.
//
// What a caller may rely on:
//
//   - Seal and Open are those of keycache: no key is used after its lease or
//     after its destruction. What is erased reads as seal.ErrErased.
//   - The tenant is that of the key or field; keys of several tenants may be
//     asked for through one Client.
//   - Without Run everything works, and each destruction waits out a lease.
//     With Run this process answers at once. Losing the stream is never unsafe:
//     leases end by themselves, and identity waits for them.
package keyclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/keycache"
	"habeas.internal/services/internal/seal/pepper"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var (
	// ErrNoKey means: the holder has no key of this class, and never had one.
	ErrNoKey = errors.New("holder has no such key")
	// ErrNoTenant means: there is no such tenant.
	ErrNoTenant = errors.New("tenant does not exist")
	// ErrOffboarded means: the tenant is gone, and every key of it.
	ErrOffboarded = errors.New("tenant is off-boarded")
	errAnswer     = errors.New("key service gave an answer that can't be used")
)

const reasonOffboarded = "TENANT_OFFBOARDED"

// Table holds the rows for what a handler may meet here. Join it to the
// service's own.
func Table() fault.Table {
	return fault.Table{
		{Err: ErrNoTenant, Code: codes.NotFound, Reason: "TENANT_NOT_FOUND"},
		{Err: ErrOffboarded, Code: codes.FailedPrecondition, Reason: reasonOffboarded, Text: "the tenant is off-boarded"},
		{Err: ErrNoKey, Code: codes.DataLoss, Reason: "KEY_NOT_FOUND"},
	}
}

// Config is what a Client needs. All of it is required.
type Config struct {
	// Conn leads to identity; see ServiceName.
	Conn grpc.ClientConnInterface
	// Reader is the name of this service, for its log lines.
	Reader string
	Now    func() time.Time // time.Now
	Random io.Reader        // crypto/rand's
	Logger *slog.Logger
}

// ServiceName is the full name of the gRPC service that a Client calls, for
// client.Config.
const ServiceName = "habeas.identity.v1.KeyService"

// cacheSize is how many keys one process keeps.
const cacheSize = 50_000

// Client hands out the use of keys. Its methods may be called from several
// goroutines.
type Client struct {
	cfg      Config
	keys     identityv1.KeyServiceClient
	cache    *keycache.Cache
	digester *pepper.Digester
	peppers  *peppers
	reader   atomic.Pointer[string] // under which the fence knows us; nil when it does not
}

// New makes a Client. Nothing is asked before the first use.
func New(cfg Config) (*Client, error) {
	if cfg.Conn == nil || cfg.Reader == "" || cfg.Now == nil || cfg.Random == nil || cfg.Logger == nil {
		return nil, errors.New("key client: configuration is incomplete")
	}
	c := &Client{cfg: cfg, keys: identityv1.NewKeyServiceClient(cfg.Conn)}
	c.peppers = newPeppers(c.keys, cfg.Now)
	c.digester = pepper.DigestWith(c.peppers)
	var err error
	c.cache, err = keycache.New(keycache.Config{Source: source{c}, Size: cacheSize, Now: cfg.Now, Random: cfg.Random})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Seal makes a box under the key of id, which is made if there is none. It is
// part of eventpb.Sealer.
func (c *Client) Seal(ctx context.Context, purpose string, id seal.KeyID, f seal.Field, plaintext []byte) (*sealv1.Sealed, error) {
	return c.cache.Seal(ctx, purpose, id, f, plaintext)
}

// Open returns what a box holds, or seal.ErrErased. It is part of
// eventpb.Opener.
func (c *Client) Open(ctx context.Context, purpose string, f seal.Field, s *sealv1.Sealed) ([]byte, error) {
	return c.cache.Open(ctx, purpose, f, s)
}

// Warm asks for many keys at once, so that the uses that follow need not ask
// one by one. The errors stand in the order of the wants.
func (c *Client) Warm(ctx context.Context, purpose string, wants []keycache.Want) []error {
	return c.cache.Warm(ctx, purpose, wants)
}

// Digester digests command bodies under the tenants' keys for that.
func (c *Client) Digester() es.Digester { return c.digester }

// Close forgets every key.
func (c *Client) Close() {
	c.cache.Close()
	c.peppers.close()
}

// outgoing is ctx with this call's metadata alone: what a caller of ours has
// added for another service must not go along.
func outgoing(ctx context.Context, tenant, purpose string) context.Context {
	md := metadata.Pairs(rpc.MetadataTenant, tenant)
	if purpose != "" {
		md.Set(rpc.MetadataPurpose, purpose)
	}
	return metadata.NewOutgoingContext(ctx, md)
}

// reasonOf is the machine-readable reason of a refused call.
func reasonOf(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// refused names what a handler may want to know of a refused call.
func refused(doing string, err error) error {
	switch reasonOf(err) {
	case "TENANT_NOT_FOUND":
		return fmt.Errorf("%s: %w", doing, ErrNoTenant)
	case reasonOffboarded:
		return fmt.Errorf("%s: %w", doing, ErrOffboarded)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
