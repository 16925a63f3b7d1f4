package tenant_test

import (
	"testing"

	"habeas.internal/services/identity/tenant"
)

func TestALevelOfASignIn(t *testing.T) {
	p := tenant.Provider{Issuer: "https://login.example", Client: "portal", Grades: []tenant.Grade{
		{Claim: tenant.ClaimACR, Value: "mfa", Level: 3}, {Claim: tenant.ClaimACR, Value: "phr", Level: 4}, {Claim: tenant.ClaimAMR, Value: "otp", Level: 3},
	}}
	for _, tc := range []struct {
		name string
		acr  string
		amr  []string
		want uint32
	}{
		{"a plain sign-in reaches level 2", "", nil, 2},
		{"one with a second factor, level 3", "mfa", nil, 3},
		{"also by its method", "", []string{"pwd", "otp"}, 3},
		{"one that can't be phished, level 4", "phr", nil, 4},
		{"the best that is named counts", "phr", []string{"otp"}, 4},
		{"what the tenant has not named does not count", "gold", []string{"hwk"}, 2},
		{"a class is no method", "otp", []string{"mfa", "phr"}, 2},
		{"part of a value is not the value", "ph", []string{"ot"}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := p.Level(tc.acr, tc.amr); got != tc.want {
				t.Errorf("level %d, want %d", got, tc.want)
			}
		})
	}
}
