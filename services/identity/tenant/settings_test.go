package tenant_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/identity/tenant"

	"github.com/google/go-cmp/cmp"
)

func TestDecideOnSettings(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	acme := tenant.Settings{DisplayName: "Acme", TimeZone: "UTC"}
	card, visit := tenant.Kind{Name: "card", Fold: true}, tenant.Kind{Name: "visit", Analytics: true}
	created := tenant.Created{Settings: acme}
	changed := func(revision uint32, kinds ...tenant.Kind) tenant.SettingsChanged {
		return tenant.SettingsChanged{Settings: acme, Own: tenant.Own{Approval: true, Kinds: kinds}, Revision: revision}
	}
	ask := func(revision uint32, kinds ...tenant.Kind) tenant.Change {
		return tenant.Change{Settings: acme, Own: tenant.Own{Approval: true, Kinds: kinds}, Revision: revision}
	}
	held := func(c tenant.Change, lowers ...string) tenant.SettingsHeld {
		return tenant.SettingsHeld{
			Wanted: tenant.Change{Settings: c.Settings, Own: c.Own, Safeguards: c.Safeguards}, Lowers: lowers, By: "ann", At: noon, DueAt: noon.Add(time.Hour),
		}
	}
	lower := tenant.Change{Settings: acme, Revision: 1, By: "ann", Wait: time.Hour, At: noon}
	waits := held(lower, tenant.GuardApproval)
	inForce := tenant.SettingsChanged{Settings: acme, Revision: 2, At: noon}
	provider := func(grades ...tenant.Grade) tenant.Change {
		return tenant.Change{Settings: acme, Own: tenant.Own{Provider: tenant.Provider{Issuer: "https://login.example", Client: "c", Grades: grades}}}
	}
	refused := func(why tenant.Refusal) []tenant.Event {
		return []tenant.Event{tenant.SettingsRefused{Reason: why.Reason()}}
	}
	for _, tc := range []struct {
		name  string
		given []tenant.Event
		when  tenant.Command
		then  []tenant.Event
		err   error
	}{
		{"settings are changed", []tenant.Event{created}, ask(0, card), []tenant.Event{changed(1, card)}, nil},
		{"and changed again", []tenant.Event{created, changed(1, card)}, ask(1, card, visit), []tenant.Event{changed(2, card, visit)}, nil},
		{"what was not seen is not overwritten", []tenant.Event{created, changed(1)}, ask(0, card), refused(tenant.ErrRevision), tenant.ErrRevision},
		{"a kind stays", []tenant.Event{created, changed(1, card)}, ask(1), refused(tenant.ErrKindGone), tenant.ErrKindGone},
		{"a kind stays alone", []tenant.Event{created, changed(1, visit)}, ask(1, tenant.Kind{Name: "visit"}), refused(tenant.ErrKindGone), tenant.ErrKindGone},
		{"a kind is declared once", []tenant.Event{created}, ask(0, card, card), refused(tenant.ErrKindTwice), tenant.ErrKindTwice},
		{
			"a provider's levels are named once",
			[]tenant.Event{created},
			provider(tenant.Grade{Claim: "acr", Value: "phr", Level: 4}, tenant.Grade{Claim: "acr", Value: "phr", Level: 3}),
			refused(tenant.ErrGradeTwice),
			tenant.ErrGradeTwice,
		},
		{
			"a method is not of the highest level",
			[]tenant.Event{created},
			provider(tenant.Grade{Claim: "amr", Value: "hwk", Level: 4}),
			refused(tenant.ErrGradeMethod),
			tenant.ErrGradeMethod,
		},
		{"what lowers a safeguard waits", []tenant.Event{created, changed(1)}, lower, []tenant.Event{waits}, nil},
		{"nobody lowers one whom nobody knows", []tenant.Event{created, changed(1)}, tenant.Change{Settings: acme, Revision: 1, Wait: time.Hour, At: noon}, nil, tenant.ErrIncomplete},
		{"while settings wait there are no others", []tenant.Event{created, changed(1), waits}, ask(1, card), refused(tenant.ErrSettingsWait), tenant.ErrSettingsWait},
		{
			"a second person confirms them",
			[]tenant.Event{created, changed(1), waits},
			tenant.Confirm{By: "bob", Number: 1, At: noon},
			[]tenant.Event{tenant.SettingsConfirmed{By: "bob", At: noon}, inForce},
			nil,
		},
		{"their author does not", []tenant.Event{created, changed(1), waits}, tenant.Confirm{By: "ann", Number: 1}, refused(tenant.ErrConfirmerIsAuthor), tenant.ErrConfirmerIsAuthor},
		{"nor does nobody", []tenant.Event{created, changed(1), waits}, tenant.Confirm{Number: 1}, refused(tenant.ErrConfirmerIsAuthor), tenant.ErrConfirmerIsAuthor},
		{
			"nor is that confirmed which was not seen",
			[]tenant.Event{created, changed(1), waits, tenant.SettingsWithdrawn{}, waits},
			tenant.Confirm{By: "bob", Number: 1},
			refused(tenant.ErrNothingWaits),
			tenant.ErrNothingWaits,
		},
		{"what does not wait is not confirmed", []tenant.Event{created, changed(1)}, tenant.Confirm{By: "bob", Number: 1}, refused(tenant.ErrNothingWaits), tenant.ErrNothingWaits},
		{"they are withdrawn", []tenant.Event{created, changed(1), waits}, tenant.Withdraw{By: "bob", At: noon}, []tenant.Event{tenant.SettingsWithdrawn{By: "bob", At: noon}}, nil},
		{"once", []tenant.Event{created, waits, tenant.SettingsWithdrawn{}}, tenant.Withdraw{By: "bob"}, refused(tenant.ErrNothingWaits), tenant.ErrNothingWaits},
		{"they come into force by themselves", []tenant.Event{created, changed(1), waits}, tenant.Ripen{At: noon.Add(time.Hour)}, []tenant.Event{
			tenant.SettingsChanged{Settings: acme, Revision: 2, At: noon.Add(time.Hour)},
		}, nil},
		{"and not before their time", []tenant.Event{created, changed(1), waits}, tenant.Ripen{At: noon.Add(time.Hour - 1)}, nil, nil},
		{"nor once they were withdrawn", []tenant.Event{created, changed(1), waits, tenant.SettingsWithdrawn{}}, tenant.Ripen{At: noon.Add(time.Hour)}, nil, nil},
		{"nor twice", []tenant.Event{created, changed(1), waits, inForce}, tenant.Ripen{At: noon.Add(time.Hour)}, nil, nil},
		{"a policy has its levels once", []tenant.Event{created}, tenant.Change{Settings: acme, Own: tenant.Own{
			Levels: tenant.Levels{Policies: []tenant.PolicyLevels{{Policy: "a", Access: 4}, {Policy: "a"}}},
		}}, refused(tenant.ErrPolicyTwice), tenant.ErrPolicyTwice},
		{"a tenant that is not there has no settings", nil, ask(0), nil, tenant.ErrNotFound},
		{"a tenant keeps a name", []tenant.Event{created}, tenant.Change{}, nil, tenant.ErrIncomplete},
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
