package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/rpc/auth"
)

// Annotate reads the annotations of any method, registered or not.
func Annotate(d protoreflect.MethodDescriptor) (Limits, error) {
	m := &method{name: string(d.FullName())}
	err := m.annotate(d, Limits{}.orDefaults())
	return m.limits, err
}

// Fresh reports whether a step-up at one time counts at another.
func Fresh(at, now time.Time) bool { return fresh(at, now) }

// Bound tries to begin a unary call that has so much time left.
func Bound(ctx context.Context, left time.Duration) error {
	now := time.Now()
	ctx, stop := context.WithDeadline(ctx, now.Add(left))
	defer stop()
	c := &call{Context: ctx, began: now, method: &method{capped: true, limits: Limits{}.orDefaults()}}
	cancel, err := c.bound()
	cancel()
	return err
}

// Guarded is one unary method behind its guard, without a transport, and the
// context of a connection from a service.
func Guarded(s *Server, desc *grpc.ServiceDesc, name string) grpc.MethodHandler {
	m, err := describe(desc.ServiceName, name, Limits{}.orDefaults())
	if err != nil {
		return nil
	}
	m.callers, m.metrics = map[string]bool{"consentd": true}, newMethodMetrics(m.name)
	for _, d := range desc.Methods {
		if d.MethodName == name {
			return s.unary(m, d.Handler)
		}
	}
	return nil
}

// ConnectedAs returns a context as gRPC makes it for a connection of a service.
func ConnectedAs(ctx context.Context, service string) context.Context {
	return peer.NewContext(ctx, &peer.Peer{AuthInfo: peerInfo{service: service}})
}

// Fill decodes wire into what a handler asked for, as gRPC does.
func Fill(wire []byte) func(any) error {
	c := newCodec()
	return func(v any) error { return c.Unmarshal(mem.BufferSlice{mem.SliceBuffer(wire)}, v) }
}

// Authorise applies an access rule to a principal at a time.
func Authorise(access *optionsv1.Access, p Principal, now time.Time) error {
	s := &Server{cfg: Config{Now: func() time.Time { return now }}}
	m := &method{access: access, roles: auth.RolesOf(access.GetRoles()...)}
	return s.authorise(&call{Context: context.Background(), method: m, principal: p})
}

// CardPaths are the fields of a message in which a card number is found.
func CardPaths(m proto.Message) []string {
	return search(m.ProtoReflect().Descriptor(), map[protoreflect.FullName]*searched{}).paths(m.ProtoReflect())
}

// CardSearch is the search made ready for messages like m.
func CardSearch(m proto.Message) func(any) error {
	return search(m.ProtoReflect().Descriptor(), map[protoreflect.FullName]*searched{}).refuse
}
