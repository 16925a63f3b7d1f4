package conformance_test

import (
	"testing"
	"time"

	"habeas.internal/services/systemtest/stack"
)

// world is an installation with the three organisations, each under its own
// published policy.
type world struct {
	*testing.T
	*stack.Stack
}

// Tenants and the policies that they have published.
const (
	caseworksTenant = "caseworks"
	personnelTenant = "personnel-technology"
	qceraTenant     = "qcera"
)

// postedFor is how long the policies have been in force when a test begins.
const postedFor = 24 * time.Hour

func newWorld(t *testing.T) *world {
	t.Helper()
	s := stack.New(t)
	s.Start()
	for _, tenant := range []string{caseworksTenant, personnelTenant, qceraTenant} {
		s.Tenant(tenant)
		s.Publish(tenant, tenant, time.Now().Add(-postedFor))
	}
	return &world{T: t, Stack: s}
}

// of is the same world in a test of one promise.
func (w *world) of(t *testing.T) *world { return &world{T: t, Stack: w.Stack} }
