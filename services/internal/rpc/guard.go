package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"habeas.internal/services/internal/daemon/logs"
	"habeas.internal/services/internal/rpc/fault"
)

// unary wraps a generated handler. Generated handlers ask for the request
// themselves; that is when decode runs, after everything in admit.
func (s *Server) unary(m *method, handle grpc.MethodHandler) grpc.MethodHandler {
	return func(impl any, ctx context.Context, receive func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		c := &call{Context: ctx, server: s, method: m, began: time.Now(), receive: receive}
		answer, err := s.answer(c, impl, handle)
		s.cfg.Even.rest(ctx, c)
		if err != nil {
			return nil, s.fail(c, err)
		}
		s.metrics.record(c, codes.OK)
		return answer, nil
	}
}

func (s *Server) answer(c *call, impl any, handle grpc.MethodHandler) (answer any, err error) {
	defer func() {
		if v := recover(); v != nil {
			answer, err = nil, s.panicked(c, v)
		}
	}()
	cancel, err := s.admit(c)
	defer cancel()
	if err != nil {
		return nil, err
	}
	if answer, err = handle(impl, c, c.decode, s.cfg.Unary); err != nil {
		return nil, err
	}
	return answer, c.release()
}

// stream wraps a generated handler of a streaming method.
func (s *Server) stream(m *method, desc grpc.StreamDesc) grpc.StreamHandler {
	info := &grpc.StreamServerInfo{
		FullMethod: m.name, IsClientStream: desc.ClientStreams, IsServerStream: desc.ServerStreams,
	}
	return func(impl any, inner grpc.ServerStream) error {
		c := &call{Context: inner.Context(), server: s, method: m, began: time.Now(), receive: inner.RecvMsg}
		if err := s.converse(c, impl, inner, desc.Handler, info); err != nil {
			return s.fail(c, err)
		}
		s.metrics.record(c, codes.OK)
		return nil
	}
}

var errPanic = errors.New("handler panicked")

// panicked records a panic without its value, which may be anything.
func (s *Server) panicked(c *call, value any) error {
	s.metrics.panics.Add(c, 1, s.metrics.byMethod(c.method))
	s.cfg.Log.ErrorContext(c, "panic", slog.String("method", c.method.name),
		slog.String("panic", logs.PanicText(value)), slog.String("stack", string(debug.Stack())))
	return errPanic
}

// fail turns any error into the status that the caller gets, and counts it.
func (s *Server) fail(c *call, err error) error {
	f := s.faults.Find(err)
	if f == nil {
		f = s.unexpected(c, err)
	}
	c.noteRefusal(err, f)
	s.countRefusal(c, err)
	s.metrics.record(c, f.Code())
	s.metrics.refuse(c, f.Reason())
	if span := trace.SpanFromContext(c); span.IsRecording() {
		span.SetAttributes(attribute.String("habeas.reason", f.Reason()))
	}
	return f.Status().Err()
}

// unexpected logs an error in full, once, and hides it from the caller, who
// gets the trace's id to ask about it.
func (s *Server) unexpected(c *call, err error) *fault.Fault {
	if !errors.Is(err, errPanic) { // logged where it happened
		s.cfg.Log.ErrorContext(c, "unexpected error", slog.String("method", c.method.name), slog.Any("error", err))
	}
	var id string
	if span := trace.SpanContextFromContext(c); span.IsValid() {
		id = span.TraceID().String()
	}
	return fault.Internal(id)
}

// errEnd is what a handler returns that passed on the end of its stream.
var errEnd = fmt.Errorf("stream handler returned: %w", io.EOF)
