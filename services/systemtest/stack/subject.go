package stack

import (
	"time"

	"habeas.internal/services/internal/rpc/rpctest"
)

// AsSubject is a person who calls about themselves, as the subject that their
// own session's token names.
func (s *Stack) AsSubject(tenant, subject string) Clients {
	s.t.Helper()
	return s.asActor(tenant, subject, "subject")
}

// AsProduct is a product of the tenant's that calls under its own name.
func (s *Stack) AsProduct(tenant, product string) Clients {
	s.t.Helper()
	return s.asActor(tenant, product, "product")
}

func (s *Stack) asActor(tenant, actor, role string) Clients {
	s.t.Helper()
	now := time.Now()
	claims := rpctest.With(rpctest.With(rpctest.Claims(now, role), "tenant", tenant), "sub", actor)
	return s.clients(s.Issuer.Sign(rpctest.With(claims, "exp", now.Add(time.Hour).Unix())))
}
