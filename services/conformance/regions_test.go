package conformance_test

import (
	"strings"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/internal/stores"

	"github.com/google/uuid"
)

// keptAtHome shows PT-16: stores, uses and recipients are where the policy says,
// and people and clients get what is theirs wherever they are.
func keptAtHome(t *testing.T, w *world) {
	tenant := w.tenantOf(personnelTenant)
	p := w.stranger(tenant, personnelTenant)
	use := ask{purpose: "service.provide", category: "personal.email", source: "registration"}
	p.allowed("at home", use, "CONTRACT_NEEDS")
	use.region = "us"
	p.allowed("at home, as it says", use, "CONTRACT_NEEDS")
	use.region = "de"
	p.denied("abroad", use, "REGION_NOT_ALLOWED")

	share := ask{purpose: "service.provide", category: "message.content", source: "online", action: "disclose"}
	in := func(region string) profiled {
		return func(r *consentv1.RecipientProfile) { r.Region = region }
	}
	share.recipient = w.party(tenant, "service_provider", share).id
	p.allowed("to a provider at home", share, "CONTRACT_NEEDS")
	share.recipient = w.party(tenant, "service_provider", share, in("de")).id
	p.denied("to a provider abroad", share, "RECIPIENT_REGION_NOT_ALLOWED")
	share.recipient = w.party(tenant, "client_archive", share, in("de")).id
	p.allowed("to the client's own archive abroad", share, "CONTRACT_NEEDS")

	w.storesAtHome()
	w.getsTheirs(tenant)
}

// storesAtHome: an installation with a store abroad does not start once the
// policy is posted, and one with all of them at home does.
func (w *world) storesAtHome() {
	w.Helper()
	for _, name := range stores.Names() {
		abroad := stores.All("us")
		abroad[name] = []string{"de"}
		if err := w.Try("consent", regionsAre(abroad)); err == nil || !strings.Contains(err.Error(), "STORE_REGION_NOT_ALLOWED: "+name+" is in de") {
			w.Errorf("with %s abroad: %v", name, err)
		}
	}
	if err := w.Try("consent", regionsAre(stores.All("us"))); err != nil {
		w.Errorf("with all at home: %v", err)
	}
}

func regionsAre(r stores.Regions) string { return "HABEAS_REGIONS=" + strings.Join(r.Words(), ",") }

// getsTheirs: nobody asks where a person is who gets their own package.
func (w *world) getsTheirs(tenant string) {
	w.Helper()
	email := uuid.NewString() + "@people.example"
	w.schedule(tenant, personnelTenant)
	w.home.joins(w, tenant)
	planted := w.home.plant(w.T, email)
	w.Register(tenant, email)
	request := w.Ask(tenant, fulfilmentv1.Right_RIGHT_ACCESS, personnelTenant, email)
	w.Closed(tenant, request)
	var all strings.Builder
	for _, file := range w.Package(tenant, request) {
		all.WriteString(file)
	}
	for category, value := range planted {
		if !strings.Contains(all.String(), value) {
			w.Errorf("the package lacks %s", category)
		}
	}
}
