package rpc

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"google.golang.org/grpc/peer"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/rpc/fault"
)

// Rates counts calls against limits of rate.
type Rates interface {
	// Admit is asked after the access rule whether the call may go on. Its error
	// goes to the caller through the table. Quiet is of a call that may go on, but
	// whose refusal by a rule may not be kept in the log.
	Admit(ctx context.Context, r Rated) (quiet bool, err error)
	// Refused is told of a call that a rule of the domain refused: such refusals
	// are kept in the log, so that nobody may cause any number of them.
	Refused(ctx context.Context, r Rated)
}

// Rated is what calls are counted by.
type Rated struct {
	Principal Principal
	Method    string
	Rate      optionsv1.Rate
	Reads     optionsv1.DataClass
	// Network is the prefix of the caller's address, /32 or /64; empty for calls
	// that come through another service.
	Network string
}

func (c *call) rated() Rated {
	r := Rated{Principal: c.principal, Method: c.method.name, Rate: c.method.rate, Reads: c.method.access.GetReads()}
	if c.principal.Service == "" {
		r.Network = network(c)
	}
	return r
}

// NetworkFrom is the network that a handler's caller calls from, as Rated has it;
// empty for calls that come through another service.
func NetworkFrom(ctx context.Context) string {
	if PrincipalFrom(ctx).Service != "" {
		return ""
	}
	return network(ctx)
}

// network is the caller's network: one address of IPv4, a /64 of IPv6, which
// is what one customer gets.
func network(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	tcp, ok := p.Addr.(*net.TCPAddr)
	if !ok {
		return ""
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked().String()
}

// count asks whether the call's rate allows it.
func (s *Server) count(c *call) error {
	if s.cfg.Rates == nil {
		return nil
	}
	quiet, err := s.cfg.Rates.Admit(c, c.rated())
	if err == nil && quiet {
		c.Context = es.Quiet(c.Context)
	}
	return err
}

// countRefusal tells of a refusal by a rule of the domain: an error that has a
// reason and is not an answer made here.
func (s *Server) countRefusal(c *call, err error) {
	var answer *fault.Fault
	var rule interface{ Reason() string }
	if s.cfg.Rates == nil || c.method.open || c.principal.Tenant == "" || errors.As(err, &answer) || !errors.As(err, &rule) {
		return
	}
	s.cfg.Rates.Refused(c, c.rated())
}
