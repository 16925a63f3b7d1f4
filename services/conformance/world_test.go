package conformance_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/systemtest/stack"
)

// world is an installation with the three organisations, each under its own
// published policy, as one promise's test sees it.
type world struct {
	*testing.T
	*stack.Stack
	people   []*person // whose acts the log is held against at the end
	variants map[string]int

	caseworks, personnel, qcera []*holder // data systems, by whose policy they are for
	young                       []*holder // data systems in which minors are found
	billing                     *holder   // of Caseworks
	home                        *holder   // of Personnel Technology, at home
	talks                       *holder   // of Personnel Technology, whose messages lie under keys of conversations
	leave, absences, letters    *holder   // of Qcera
	desk                        *holder   // where a second person approves
	files                       *holder   // of Caseworks, for its staff
	ordered                     *holder   // of Qcera, for an employer
	declined                    []*holder // of Caseworks, one of them impractical
	practices                   *holder   // of Caseworks, which says what it uses data for
	analytics                   []*holder // of Personnel Technology: visits, and an application
	needed                      *holder   // of Caseworks, whose policy stops needing what it holds
	synced                      *holder   // of Personnel Technology: what was synced from devices
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
	w := &world{T: t, Stack: s, variants: map[string]int{}}
	w.caseworks, w.personnel, w.qcera = caseworksHolders(t, s), personnelHolders(t, s), qceraHolders(t, s)
	w.young = youngHolders(t, s)
	w.billing = billingHolder(t, s)
	w.home = newHolder(t, s, "pt-16", "messaging", "personal.email", "personal.name")
	w.talks = newHolder(t, s, "pt-05", "messaging", "personal.email", "personal.name")
	w.leave = storedHolder(t, s)
	w.letters = newHolder(t, s, "qc-05", "letters", "visitor.email", "visitor.name")
	w.absences = newHolder(t, s, "qc-09", "absences", "visitor.email", "visitor.name", "visitor.phone")
	w.desk = deskHolder(t, s)
	w.practices = newHolder(t, s, "cw-11", "practices", "account.email", "log.ip_address")
	w.files = newHolder(t, s, "cw-10", "files", "account.email", "communication.other")
	w.analytics = analyticsHolders(t, s)
	w.ordered, w.declined = orderedHolder(t, s), decliningHolders(t, s)
	w.synced = newHolder(t, s, "pt-03", "synced", "personal.email", "contacts.list", "contacts.address_book", "contacts.calendar")
	w.needed = newHolder(t, s, "cw-24", "affiliates", "account.email", "affiliate.profile")
	s.More = map[string][]string{"retention": {"HABEAS_MESSAGES_EVERY=200ms", "HABEAS_REVIEW_EVERY=200ms"}}
	s.Start()
	for _, tenant := range []string{caseworksTenant, personnelTenant, qceraTenant} {
		s.Tenant(tenant)
		s.Publish(tenant, tenant, time.Now().Add(-postedFor))
	}
	return w
}

// of is the same world in the test of one promise.
func (w *world) of(t *testing.T) *world {
	t.Helper()
	part := *w
	part.T, part.Stack, part.people = t, w.Within(t), nil
	return &part
}

// tenantOf makes a tenant whose policy is one of the published ones with the
// changes, posted as long ago as the others.
func (w *world) tenantOf(policy string, changes ...change) string {
	w.Helper()
	return w.tenantWith(text(w.T, policy, changes...))
}

// variantOf is the name of a row's tenants, the first of which is 1.
func variantOf(row string, number int) string { return fmt.Sprintf("%s-variant-%d", row, number) }

// tenantWith makes a tenant with a policy.
func (w *world) tenantWith(document []byte) string {
	w.Helper()
	return w.tenantSince(w.Stack, document, time.Now().Add(-postedFor))
}

// tenantSince makes a tenant with a policy that was posted at a moment, and published
// by a stack.
func (w *world) tenantSince(by *stack.Stack, document []byte, postedAt time.Time) string {
	w.Helper()
	row := strings.ToLower(w.Name()[strings.LastIndexByte(w.Name(), '/')+1:])
	w.variants[row]++
	tenant := variantOf(row, w.variants[row])
	w.Tenant(tenant)
	by.PublishDocument(tenant, document, postedAt)
	return tenant
}
