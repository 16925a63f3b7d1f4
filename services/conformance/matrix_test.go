package conformance_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
)

// withinTheMatrix shows CW-11: the policy's matrix decides, whatever anybody agreed
// to, and a report of the log alone lists what lies outside of it. Of many random
// disclosures those that were let through are inside, by the test's own reading of
// the policy; a system that declares one use more is listed, with the clause.
func withinTheMatrix(t *testing.T, w *world) {
	trends := ask{purpose: "trends.track", category: "log.ip_address", source: "observed"}
	p := w.stranger(caseworksTenant, caseworksTenant)
	p.denied("outside the matrix", trends, "PURPOSE_NOT_FOR_CATEGORY")
	p.grants(trends.purpose)
	p.denied("outside the matrix, agreed to", trends, "PURPOSE_NOT_FOR_CATEGORY")
	const cookies = "categories: [cookie.browser_id, cookie.preferences, log.cookie]\n    clause: CW-21"
	listing := w.tenantOf(caseworksTenant, change{cookies, strings.Replace(cookies, "log.cookie]", "log.cookie, log.ip_address]", 1)})
	w.stranger(listing, caseworksTenant).allowed("in a matrix that lists it", trends, "NOT_OPTED_OUT")

	tenant := w.tenantOf(caseworksTenant)
	given := w.disclosesAtRandom(tenant, 150)
	w.declares(tenant, "service.provide", "log.ip_address")
	w.reported("with uses inside alone", tenant, given+1)
	w.declares(tenant, trends.purpose, trends.category)
	w.reported("with one use outside", tenant, given+1, fmt.Sprint("declaration practices trends.track log.ip_address ", caseworksTenant, " CW-11 PURPOSE_NOT_FOR_CATEGORY"))
	w.declares(listing, trends.purpose, trends.category)
	w.reported("the same where the matrix lists it", listing, 1)
}

// disclosesAtRandom tries to disclose pairs of a purpose and a kind of data, and
// counts those that are recorded: none that the policy does not list.
func (w *world) disclosesAtRandom(tenant string, tries int) uint64 {
	w.Helper()
	doc := document(w.T, caseworksTenant)
	all := func(a *consentv1.Agreement) {
		a.Categories, a.Purposes = nil, nil
		for _, c := range doc.Categories {
			a.Categories = append(a.Categories, c.ID)
		}
		for _, p := range doc.Purposes {
			a.Purposes = append(a.Purposes, p.ID)
		}
	}
	seed := rand.Uint64() //nolint:gosec // no secret
	w.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // no secret
	to, given := w.party(tenant, "processor", ask{}, all), uint64(0)
	for range tries {
		who := &person{w: w, tenant: tenant, policy: caseworksTenant, ref: w.Register(tenant, uuid.NewString()+"@people.example"), product: w.As(tenant, "product")}
		purpose, c := doc.Purposes[random.IntN(len(doc.Purposes))], doc.Categories[random.IntN(len(doc.Categories))]
		a := reading(doc, purpose, c)
		a.action, a.recipient = "disclose", to.id
		q := who.question(a)
		q.Origin = "us"
		_, err := who.product.Disclosures.Disclose(stack.Deadline(w), &consentv1.DiscloseRequest{RequestId: uuid.NewString(), Question: q})
		code, reason, _ := stack.Answer(err)
		switch {
		case err == nil && !slices.Contains(purpose.Categories, c.ID):
			w.Errorf("%s for %s was disclosed", c.ID, purpose.ID)
		case err == nil:
			given++
		case code != codes.FailedPrecondition:
			w.Errorf("%s for %s: %v %s", c.ID, purpose.ID, code, reason)
		}
	}
	if given == 0 {
		w.Error("nothing was disclosed, so that this shows nothing")
	}
	return given
}

// declares describes a system that says what it uses data for.
func (w *world) declares(tenant, use, category string) {
	w.Helper()
	w.System(tenant, w.practices.name, fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE, []byte(fmt.Sprintf(`system:
  - fides_key: practices
    privacy_declarations:
      - {name: practice, data_use: %s, data_categories: [%s]}
dataset:
  - fides_key: practices
    collections:
      - name: held
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: address, data_categories: [account.email], fides_meta: {identity: email}}
          - {name: c_log_ip_address, data_categories: [log.ip_address]}
`, use, category)))
}

// reported holds the report about a tenant against what the test has done itself.
func (w *world) reported(what, tenant string, judged uint64, want ...string) {
	w.Helper()
	uses, n := w.Uses(audit.UseFilter{Tenant: tenant})
	var got []string
	for _, u := range uses {
		got = append(got, fmt.Sprint(u.Kind, " ", u.Who, " ", u.Purpose, " ", u.Category, " ", u.Policy, " ", u.Clause, " ", u.Why))
	}
	if n != judged || !slices.Equal(got, want) {
		w.Errorf("%s: of %d uses, %v are outside; want of %d %v", what, n, got, judged, want)
	}
}
