package stack

import (
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc/rpctest"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Named is a caller whom the tokens of others do not speak of.
func (s *Stack) Named(tenant, name string, roles ...string) Clients {
	s.t.Helper()
	return s.clients(s.Token(tenant, name, roles...))
}

// Token is the token of a caller by name.
func (s *Stack) Token(tenant, name string, roles ...string) string {
	return s.Issuer.Sign(claims(tenant, name, roles...))
}

func claims(tenant, name string, roles ...string) jwt.MapClaims {
	out := rpctest.With(rpctest.With(rpctest.Claims(time.Now(), roles...), "tenant", tenant), "sub", name)
	return rpctest.With(out, "exp", time.Now().Add(time.Hour).Unix())
}

// Proven is a caller by name who has just proved themselves by a stronger means.
func (s *Stack) Proven(tenant, name string, roles ...string) Clients {
	s.t.Helper()
	return s.clients(s.ProofOf(tenant, name, roles...))
}

// ProofOf is the token of such a caller.
func (s *Stack) ProofOf(tenant, name string, roles ...string) string {
	proof := rpctest.With(claims(tenant, name, roles...), "acr", "phr")
	return s.Issuer.Sign(rpctest.With(proof, "auth_time", time.Now().Unix()))
}

// handling is why the packages of these tests are read.
const handling = "case.handling"

// Agent is somebody who may read packages, to handle cases.
func (s *Stack) Agent(tenant string) Clients {
	s.t.Helper()
	s.EmployNamed(tenant, "agent-1", handling)
	return s.Proven(tenant, "agent-1", "agent")
}

// Officer is the part of identity that says which staff may see personal data,
// as a data protection officer calls it.
func (s *Stack) Officer(tenant string) identityv1.StaffServiceClient {
	s.t.Helper()
	return identityv1.NewStaffServiceClient(s.Conn("identity", s.Token(tenant, "officer-1", "dpo")))
}

// Employ binds whom As calls as to confidentiality, and lets them see personal
// data for these purposes.
func (s *Stack) Employ(tenant string, purposes ...string) {
	s.t.Helper()
	s.EmployNamed(tenant, "actor-1", purposes...)
}

// EmployNamed does so for somebody else.
func (s *Stack) EmployNamed(tenant, name string, purposes ...string) {
	s.t.Helper()
	officer, until := s.Officer(tenant), timestamppb.New(time.Now().Add(time.Hour))
	_, err := officer.RecordUndertaking(Deadline(s.t), &identityv1.RecordUndertakingRequest{
		RequestId: uuid.NewString(), Staff: name, Until: until, Evidence: "contract-1",
	})
	for _, purpose := range purposes {
		if err != nil {
			break
		}
		_, err = officer.GrantNeed(Deadline(s.t), &identityv1.GrantNeedRequest{
			RequestId: uuid.NewString(), Staff: name, Need: &identityv1.Need{Purpose: purpose, Until: until},
		})
	}
	if err != nil {
		s.t.Fatalf("employ: %v", err)
	}
}
