package rpc

import (
	"context"
	"time"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/rpc/auth"
)

// Metadata keys of a call.
const (
	// MetadataTenant names the tenant that a service calls for. Only services
	// may set it; a token's tenant always wins.
	MetadataTenant = "habeas-tenant"
	// MetadataPurpose states why personal data is read.
	MetadataPurpose = "habeas-purpose"
	// MetadataCase names the case that personal data is read for.
	MetadataCase = "habeas-case"
	// MetadataBreakGlass names the grant by which personal data is read outside
	// the usual rule.
	MetadataBreakGlass = "habeas-break-glass"
	// MetadataConsistency carries a consistency token, in requests and in the
	// header of answers.
	MetadataConsistency = "habeas-consistency-token"
)

// Principal is who calls.
type Principal = auth.Principal

// call is the context of one call: the caller's, plus what the guard learned.
// A handler gets it as its context; one value instead of five nested ones.
type call struct {
	context.Context
	server    *Server
	method    *method
	began     time.Time
	principal Principal
	purpose   string
	sights    sights
	// atOnce: the answer of an even method need not wait.
	atOnce bool
	// permission is by what a person sees others' data.
	permission Permission

	// receive is gRPC's decoder, envelope what it is given.
	receive  func(any) error
	envelope envelope
}

type callKey struct{}

// Value finds the call itself, or a value of the context inside.
func (c *call) Value(key any) any {
	if _, mine := key.(callKey); mine {
		return c
	}
	return c.Context.Value(key)
}

func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// PrincipalFrom returns who calls. In a handler that a Server calls it is
// always complete, and its tenant is the only one the handler may touch. In any
// other context it is nobody.
func PrincipalFrom(ctx context.Context) Principal {
	if c := callFrom(ctx); c != nil {
		return c.principal
	}
	return Principal{}
}

// PurposeFrom returns the purpose that the caller has stated. It is there
// whenever the method's rule demands one, and empty otherwise.
func PurposeFrom(ctx context.Context) string {
	if c := callFrom(ctx); c != nil {
		return c.purpose
	}
	return ""
}

// MethodFrom returns the full name of the method called and its access rule,
// for interceptors that record reads. The rule must not be changed.
func MethodFrom(ctx context.Context) (name string, rule *optionsv1.Access) {
	if c := callFrom(ctx); c != nil {
		return c.method.name, c.method.access
	}
	return "", nil
}
