package client

import (
	"habeas.internal/services/internal/rpc"

	"google.golang.org/grpc"
)

// Peer says where another service answers. A daemon's Config holds one for each
// service that it calls, under that service's name: IDENTITY makes the variable
// HABEAS_IDENTITY_TARGET.
type Peer struct {
	Target string `env:"TARGET" help:"where the service answers: host:port, or dns:///host:port"`
}

// Dial connects to the peer as the service whose equipment is given, daemon.Kit's
// RPC. server is the name that the peer's certificate must prove; services are
// the full names of the gRPC services to be called there. The caller closes the
// connection.
func (p Peer) Dial(own rpc.Config, server string, services ...string) (*grpc.ClientConn, error) {
	return Dial(Config{
		Target: p.Target, Server: server, Services: services, TLS: own.TLS,
		Tracers: own.Tracers, Meters: own.Meters, Propagator: own.Propagator,
	})
}
