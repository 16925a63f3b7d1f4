package tenant_test

import (
	"slices"
	"testing"
	"time"

	"habeas.internal/services/identity/tenant"
)

func TestDecideOnSettingsThatWait(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	acme := tenant.Settings{DisplayName: "Acme", TimeZone: "UTC"}
	created := tenant.Created{Settings: acme}
	approval := tenant.Own{Approval: true}
	changed := tenant.SettingsChanged{Settings: acme, Own: approval, Revision: 1}
	lower := tenant.Change{Settings: acme, Revision: 1, By: "ann", Wait: time.Hour, At: noon}
	waits := tenant.SettingsHeld{
		Wanted: tenant.Change{Settings: acme}, Lowers: []string{tenant.GuardApproval}, By: "ann", At: noon, DueAt: noon.Add(time.Hour),
	}
	inForce := tenant.SettingsChanged{Settings: acme, Revision: 2, At: noon}
	refused := func(why tenant.Refusal) []tenant.Event {
		return []tenant.Event{tenant.SettingsRefused{Reason: why.Reason()}}
	}
	decides(t, []step{
		{"what lowers a safeguard waits", []tenant.Event{created, changed}, lower, []tenant.Event{waits}, nil},
		{"nobody lowers one whom nobody knows", []tenant.Event{created, changed}, tenant.Change{Settings: acme, Revision: 1, Wait: time.Hour, At: noon}, nil, tenant.ErrIncomplete},
		{"while settings wait there are no others", []tenant.Event{created, changed, waits}, tenant.Change{Settings: acme, Own: approval, Revision: 1}, refused(tenant.ErrSettingsWait), tenant.ErrSettingsWait},
		{
			"a second person confirms them",
			[]tenant.Event{created, changed, waits},
			tenant.Confirm{By: "bob", Number: 1, At: noon},
			[]tenant.Event{tenant.SettingsConfirmed{By: "bob", At: noon}, inForce},
			nil,
		},
		{"their author does not", []tenant.Event{created, changed, waits}, tenant.Confirm{By: "ann", Number: 1}, refused(tenant.ErrConfirmerIsAuthor), tenant.ErrConfirmerIsAuthor},
		{"nor does nobody", []tenant.Event{created, changed, waits}, tenant.Confirm{Number: 1}, refused(tenant.ErrConfirmerIsAuthor), tenant.ErrConfirmerIsAuthor},
		{
			"nor is that confirmed which was not seen",
			[]tenant.Event{created, changed, waits, tenant.SettingsWithdrawn{}, waits},
			tenant.Confirm{By: "bob", Number: 1},
			refused(tenant.ErrNothingWaits),
			tenant.ErrNothingWaits,
		},
		{"what does not wait is not confirmed", []tenant.Event{created, changed}, tenant.Confirm{By: "bob", Number: 1}, refused(tenant.ErrNothingWaits), tenant.ErrNothingWaits},
		{"they are withdrawn", []tenant.Event{created, changed, waits}, tenant.Withdraw{By: "bob", At: noon}, []tenant.Event{tenant.SettingsWithdrawn{By: "bob", At: noon}}, nil},
		{"once", []tenant.Event{created, waits, tenant.SettingsWithdrawn{}}, tenant.Withdraw{By: "bob"}, refused(tenant.ErrNothingWaits), tenant.ErrNothingWaits},
		{"they come into force by themselves", []tenant.Event{created, changed, waits}, tenant.Ripen{At: noon.Add(time.Hour)}, []tenant.Event{
			tenant.SettingsChanged{Settings: acme, Revision: 2, At: noon.Add(time.Hour)},
		}, nil},
		{"and not before their time", []tenant.Event{created, changed, waits}, tenant.Ripen{At: noon.Add(time.Hour - 1)}, nil, nil},
		{"nor once they were withdrawn", []tenant.Event{created, changed, waits, tenant.SettingsWithdrawn{}}, tenant.Ripen{At: noon.Add(time.Hour)}, nil, nil},
		{"nor twice", []tenant.Event{created, changed, waits, inForce}, tenant.Ripen{At: noon.Add(time.Hour)}, nil, nil},
	})
}

// TestWhatLowersASafeguardAndWhatDoesNot puts settings in place of others, and
// looks which of them wait.
func TestWhatLowersASafeguardAndWhatDoesNot(t *testing.T) {
	acme := tenant.Settings{DisplayName: "Acme", TimeZone: "UTC"}
	at := func(issuer, client string, level uint32) tenant.Own {
		return tenant.Own{Provider: tenant.Provider{Issuer: issuer, Client: client, Grades: []tenant.Grade{{Claim: "acr", Value: "mfa", Level: level}}}}
	}
	levels := func(erasure uint32, policies ...tenant.PolicyLevels) tenant.Own {
		return tenant.Own{Levels: tenant.Levels{Erasure: erasure, Policies: policies}}
	}
	guards := func(delay, age time.Duration) tenant.Safeguards {
		return tenant.Safeguards{Chosen: true, Delay: delay, ChannelAge: age}
	}
	usual, none := guards(tenant.UsualDelay, tenant.UsualChannelAge), tenant.Safeguards{}
	for _, tc := range []struct {
		name   string
		have   tenant.Own
		want   tenant.Own
		guards tenant.Safeguards
		lowers []string
	}{
		{"approval off", tenant.Own{Approval: true}, tenant.Own{}, none, []string{"approval"}},
		{"approval on", tenant.Own{}, tenant.Own{Approval: true}, none, nil},
		{"a shorter hold", tenant.Own{}, tenant.Own{}, guards(tenant.UsualDelay-1, tenant.UsualChannelAge), []string{"delay"}},
		{"a longer hold", tenant.Own{}, tenant.Own{}, guards(tenant.UsualDelay+1, tenant.UsualChannelAge), nil},
		{"a younger channel", tenant.Own{}, tenant.Own{}, guards(tenant.UsualDelay, 0), []string{"channel_age"}},
		{"the usual safeguards, chosen", tenant.Own{}, tenant.Own{}, usual, nil},
		{"a first provider", tenant.Own{}, at("https://a", "p", 3), none, []string{"provider"}},
		{"another provider", at("https://a", "p", 3), at("https://b", "p", 3), none, []string{"provider"}},
		{"another client", at("https://a", "p", 3), at("https://a", "q", 3), none, []string{"provider"}},
		{"a sign-in that proves more", at("https://a", "p", 3), at("https://a", "p", 4), none, []string{"provider"}},
		{"a sign-in that proves less", at("https://a", "p", 4), at("https://a", "p", 3), none, nil},
		{"no provider any more", at("https://a", "p", 4), tenant.Own{}, none, nil},
		{"a lower level", levels(4), levels(3), none, []string{"assurance"}},
		{"none in place of the usual level", levels(3), levels(0), none, nil},
		{"a higher level", levels(0), levels(4), none, nil},
		{"a policy of a higher level, gone", levels(0, tenant.PolicyLevels{Policy: "a", Erasure: 4}), levels(0), none, []string{"assurance"}},
		{"a policy that asks for less than the tenant", levels(4), levels(4, tenant.PolicyLevels{Policy: "a", Erasure: 3}), none, []string{"assurance"}},
		{"a policy that asks for more", levels(0), levels(0, tenant.PolicyLevels{Policy: "a", Erasure: 4}), none, nil},
		{"another address of the officers", tenant.Own{Officers: "a@b"}, tenant.Own{Officers: "e@b"}, none, []string{"officers"}},
		{"another contact", tenant.Own{Contact: "a"}, tenant.Own{Contact: "e"}, none, []string{"contact"}},
		{"a first contact", tenant.Own{}, tenant.Own{Contact: "a"}, none, nil},
		{"none of theirs", tenant.Own{Officers: "a@b"}, tenant.Own{}, none, []string{"officers"}},
		{"a first one", tenant.Own{}, tenant.Own{Officers: "a@b"}, none, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s tenant.Tenant
			for _, ev := range []tenant.Event{tenant.Created{Settings: acme}, tenant.SettingsChanged{Settings: acme, Own: tc.have, Revision: 1}} {
				s = tenant.Evolve(s, ev)
			}
			events, err := tenant.Decide(s, tenant.Change{
				Settings: acme, Own: tc.want, Safeguards: tc.guards, Revision: 1, By: "ann", Wait: time.Hour, At: time.Unix(1, 0),
			})
			if err != nil || len(events) != 1 {
				t.Fatalf("%v, %v", events, err)
			}
			held, _ := events[0].(tenant.SettingsHeld)
			if !slices.Equal(held.Lowers, tc.lowers) {
				t.Errorf("lowers %v, want %v", held.Lowers, tc.lowers)
			}
		})
	}
}
