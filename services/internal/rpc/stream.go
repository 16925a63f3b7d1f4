package rpc

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

// guardedStream decodes with the method's limit, validates, and remembers when
// a message last passed.
type guardedStream struct {
	grpc.ServerStream
	call *call
	last atomic.Int64 // nanoseconds since the call began
}

// Context returns the call.
func (g *guardedStream) Context() context.Context { return g.call }

// RecvMsg receives one valid message.
func (g *guardedStream) RecvMsg(m any) error {
	err := g.call.decode(m)
	g.touch()
	return err
}

// SendMsg sends one message, after whose data it holds is recorded.
func (g *guardedStream) SendMsg(m any) error {
	if err := g.call.release(); err != nil {
		return err
	}
	err := g.ServerStream.SendMsg(m)
	g.touch()
	return err
}

func (g *guardedStream) touch() { g.last.Store(int64(time.Since(g.call.began))) }

func (g *guardedStream) silence() time.Duration {
	return time.Since(g.call.began) - time.Duration(g.last.Load())
}

// converse admits the call and runs its handler. The handler has a goroutine of
// its own: one that waits for a silent peer can only be woken by ending the
// stream under it, and a stream ends when this function returns.
func (s *Server) converse(
	c *call, impl any, inner grpc.ServerStream, handle grpc.StreamHandler, info *grpc.StreamServerInfo,
) error {
	cancel, err := s.admit(c)
	defer cancel()
	if err != nil {
		return err
	}
	g := &guardedStream{ServerStream: inner, call: c}
	done := make(chan error, 1)
	s.streams.Go(func() { done <- s.handle(g, impl, handle, info) })
	return s.attend(g, done)
}

func (s *Server) handle(
	g *guardedStream, impl any, handle grpc.StreamHandler, info *grpc.StreamServerInfo,
) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = s.panicked(g.call, v)
		}
	}()
	if s.cfg.Stream != nil {
		err = s.cfg.Stream(impl, g, info, handle)
	} else {
		err = handle(impl, g)
	}
	if errors.Is(err, io.EOF) {
		return errEnd // a handler's mistake: gRPC would take it for success
	}
	if err == nil {
		return g.call.release()
	}
	return err
}

// attend waits for the handler's end, or ends the stream: after too long a
// silence, with the token that opened it, or with the server.
func (s *Server) attend(g *guardedStream, done <-chan error) error {
	idle := time.NewTimer(g.call.method.limits.Idle)
	defer idle.Stop()
	expired := s.expiry(g.call)
	defer expired.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-expired.C:
			return errStreamExpired
		case <-s.draining:
			return errDraining
		case <-idle.C:
			left := g.call.method.limits.Idle - g.silence()
			if left <= 0 {
				return errStreamIdle
			}
			idle.Reset(left)
		}
	}
}

// never is longer than any stream lives.
const never = 100 * 365 * 24 * time.Hour

func (s *Server) expiry(c *call) *time.Timer {
	if c.principal.Expires.IsZero() {
		return time.NewTimer(never)
	}
	return time.NewTimer(c.principal.Expires.Sub(s.cfg.Now()))
}
