package keyclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"

	"google.golang.org/grpc"
)

// anyTenant stands for the tenant that every call has to state, where none is
// meant: drops are those of all tenants.
const anyTenant = "habeas"

// Waits between two attempts to join the fence.
const (
	firstPause = 100 * time.Millisecond
	longPause  = 5 * time.Second
)

// Run stays joined to the fence until ctx ends, and then returns nil. It is the
// work of a daemon's part.
func (c *Client) Run(ctx context.Context) error {
	pause := firstPause
	for ctx.Err() == nil {
		began := c.cfg.Now()
		err := c.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		c.cfg.Logger.DebugContext(ctx, "key fence was left", slog.String("error", err.Error()))
		if pause = min(2*pause, longPause); c.cfg.Now().Sub(began) > longPause {
			pause = firstPause // it had held for a while
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return nil
}

// Joined reports whether identity knows this process as one that answers.
func (c *Client) Joined() bool { return c.reader.Load() != nil }

// follow joins under a fresh name and obeys until the stream ends. The name is
// fresh each time, so that a stream that the server has not yet seen to end is
// never taken for this one.
func (c *Client) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reader, err := es.NewID(c.cfg.Random)
	if err != nil {
		return err
	}
	stream, err := c.keys.FollowDrops(outgoing(ctx, anyTenant, ""))
	if err != nil {
		return fmt.Errorf("join the fence: %w", err)
	}
	// A failed Send is an io.EOF; why, Recv says.
	if err := stream.Send(&identityv1.FollowDropsRequest{Reader: reader}); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("join the fence: %w", err)
	}
	joined, err := stream.Recv()
	if err != nil {
		return fmt.Errorf("join the fence: %w", err)
	}
	if joined.GetNumber() != 0 {
		return errAnswer
	}
	c.reader.Store(&reader)
	defer c.reader.CompareAndSwap(&reader, nil)
	for {
		if err := c.obey(ctx, stream); err != nil {
			return err
		}
	}
}

// obey drops one key and says so.
func (c *Client) obey(ctx context.Context, stream grpc.BidiStreamingClient[identityv1.FollowDropsRequest, identityv1.FollowDropsResponse]) error {
	drop, err := stream.Recv()
	if err != nil {
		return fmt.Errorf("follow drops: %w", err)
	}
	holder, err := seal.ParseHolder(drop.GetKey().GetHolder())
	if err != nil {
		return err
	}
	id := seal.KeyID{Tenant: drop.GetTenant(), Holder: holder, Class: drop.GetKey().GetClass()}
	if err := c.cache.Drop(ctx, id); err != nil {
		return err
	}
	if err := stream.Send(&identityv1.FollowDropsRequest{Number: drop.GetNumber()}); err != nil {
		return fmt.Errorf("confirm drop: %w", err)
	}
	return nil
}
