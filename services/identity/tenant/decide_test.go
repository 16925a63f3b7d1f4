package tenant_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/identity/tenant"

	"github.com/google/go-cmp/cmp"
)

func TestDecide(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	acme := tenant.Settings{DisplayName: "Acme", TimeZone: "Europe/Berlin", Calendar: "de"}
	for _, tc := range []struct {
		name  string
		given []tenant.Event
		when  tenant.Command
		then  []tenant.Event
		err   error
	}{
		{"a tenant is made", nil, tenant.Create{Settings: acme, At: noon}, []tenant.Event{tenant.Created{Settings: acme, At: noon}}, nil},
		{
			"a second tenant under the same id is refused",
			[]tenant.Event{tenant.Created{Settings: acme}},
			tenant.Create{Settings: acme},
			[]tenant.Event{tenant.CreationRefused{Reason: "TENANT_EXISTS"}},
			tenant.ErrExists,
		},
		{"a tenant without a name is none", nil, tenant.Create{Settings: tenant.Settings{TimeZone: "UTC"}}, nil, tenant.ErrIncomplete},
		{"a tenant without a time zone is none", nil, tenant.Create{Settings: tenant.Settings{DisplayName: "A"}}, nil, tenant.ErrIncomplete},
		{
			"a refusal changes nothing",
			[]tenant.Event{tenant.CreationRefused{}},
			tenant.Create{Settings: acme, At: noon},
			[]tenant.Event{tenant.Created{Settings: acme, At: noon}},
			nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s tenant.Tenant
			for _, ev := range tc.given {
				s = tenant.Evolve(s, ev)
			}
			got, err := tenant.Decide(s, tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}
