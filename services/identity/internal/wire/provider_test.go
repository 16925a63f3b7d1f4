package wire_test

import (
	"context"
	"testing"

	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"

	"github.com/google/go-cmp/cmp"
)

// there is an event after a way through the log.
func there[E any](t *testing.T, codec eventpb.Codec[E], e E) E {
	t.Helper()
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: "x", ID: ref}
	ev, err := codec.Encode(fixed{})(context.Background(), agg, es.EventID(agg.ID, 0), e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := codec.Registry().Decode(ev)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	return got[0]
}

func TestAProviderAndItsProofsAreReadAsTheyWereWritten(t *testing.T) {
	tenants, err := wire.Tenant()
	if err != nil {
		t.Fatal(err)
	}
	settings := tenant.SettingsChanged{
		Settings: tenant.Settings{DisplayName: "Acme", TimeZone: "Europe/Berlin"}, Revision: 2, At: noon,
		Own: tenant.Own{Levels: tenant.Levels{Access: 4, Erasure: 3}, Provider: tenant.Provider{
			Issuer: "https://login.example", Client: "portal", Grades: []tenant.Grade{
				{Claim: tenant.ClaimACR, Value: "phr", Level: 4}, {Claim: tenant.ClaimAMR, Value: "otp", Level: 3},
			},
		}},
	}
	if diff := cmp.Diff(tenant.Event(settings), there(t, tenants, tenant.Event(settings))); diff != "" {
		t.Error(diff)
	}
	verifications, err := wire.Verification()
	if err != nil {
		t.Fatal(err)
	}
	passed := verification.Succeeded{Request: ref, Subject: other, Level: 4, Method: verification.MethodAssertion, Assertion: []byte{1, 2}}
	if diff := cmp.Diff(verification.Event(passed), there(t, verifications, verification.Event(passed))); diff != "" {
		t.Error(diff)
	}
	if got, ok := there(t, verifications, verification.Event(verification.Started{Request: ref, ExpiresAt: noon, Nonce: "n"})).(verification.Started); !ok || got.Nonce != "n" {
		t.Errorf("the nonce is %q", got.Nonce)
	}
}
