package rpc

import (
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// Limits of every server, whatever it serves. A connection's streams, headers
// and idle time are bounded because anyone who can connect can use them up.
const (
	maxStreams        = 100
	maxHeaderBytes    = 16 << 10
	maxAnswerBytes    = 4 << 20
	connectionTimeout = 5 * time.Second
	pingAtMostEvery   = 30 * time.Second
	connectionIdle    = 5 * time.Minute
	connectionAge     = 30 * time.Minute
	connectionGrace   = 30 * time.Second
	// workers are goroutines that serve call after call: a new one for each would
	// grow its stack anew, a seventh of what an answer from memory costs.
	workers = 32
)

func (s *Server) options(methods methodSet) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.Creds(peerCredentials{credentials.NewTLS(s.cfg.TLS.ServerTLS()), s.cfg.TLS.Peer}),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(largest(methods)),
		grpc.MaxSendMsgSize(maxAnswerBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(connectionTimeout),
		grpc.NumStreamWorkers(workers),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingAtMostEvery}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: connectionIdle, MaxConnectionAge: connectionAge, MaxConnectionAgeGrace: connectionGrace,
		}),
		// Durations are measured by the guard, which knows the attributes
		// beforehand; the handler here traces only.
		grpc.StatsHandler(otelgrpc.NewServerHandler(
			otelgrpc.WithTracerProvider(s.cfg.Tracers), otelgrpc.WithPropagators(s.cfg.Propagator),
			otelgrpc.WithMeterProvider(noopmetric.NewMeterProvider()),
		)),
	}
}

func largest(methods methodSet) int {
	most := 0
	for _, m := range methods {
		most = max(most, m.limits.RequestBytes)
	}
	return most
}

// peerCredentials reads the peer's identity once per connection.
type peerCredentials struct {
	credentials.TransportCredentials
	identify func(tls.ConnectionState) (string, error)
}

// peerInfo is what is known of a connection.
type peerInfo struct {
	credentials.TLSInfo
	service string
}

// ServerHandshake completes TLS and looks who is there.
func (p peerCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := p.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	secure, ok := info.(credentials.TLSInfo)
	if !ok {
		return nil, nil, fmt.Errorf("identify peer: not TLS")
	}
	service, err := p.identify(secure.State)
	if err != nil {
		return nil, nil, err
	}
	return conn, peerInfo{secure, service}, nil
}

// Clone copies the credentials, as gRPC asks for.
func (p peerCredentials) Clone() credentials.TransportCredentials {
	return peerCredentials{p.TransportCredentials.Clone(), p.identify}
}
