package tenant_test

import (
	"testing"

	"habeas.internal/services/identity/tenant"
)

func TestDecideOnSettings(t *testing.T) {
	acme := tenant.Settings{DisplayName: "Acme", TimeZone: "UTC"}
	card, visit := tenant.Kind{Name: "card", Fold: true}, tenant.Kind{Name: "visit", Analytics: true}
	created := tenant.Created{Settings: acme}
	changed := func(revision uint32, kinds ...tenant.Kind) tenant.SettingsChanged {
		return tenant.SettingsChanged{Settings: acme, Own: tenant.Own{Approval: true, Kinds: kinds}, Revision: revision}
	}
	ask := func(revision uint32, kinds ...tenant.Kind) tenant.Change {
		return tenant.Change{Settings: acme, Own: tenant.Own{Approval: true, Kinds: kinds}, Revision: revision}
	}
	provider := func(grades ...tenant.Grade) tenant.Change {
		return tenant.Change{Settings: acme, Own: tenant.Own{Provider: tenant.Provider{Issuer: "https://login.example", Client: "c", Grades: grades}}}
	}
	refused := func(why tenant.Refusal) []tenant.Event {
		return []tenant.Event{tenant.SettingsRefused{Reason: why.Reason()}}
	}
	decides(t, []step{
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
		{"a policy has its levels once", []tenant.Event{created}, tenant.Change{Settings: acme, Own: tenant.Own{
			Levels: tenant.Levels{Policies: []tenant.PolicyLevels{{Policy: "a", Access: 4}, {Policy: "a"}}},
		}}, refused(tenant.ErrPolicyTwice), tenant.ErrPolicyTwice},
		{"a tenant that is not there has no settings", nil, ask(0), nil, tenant.ErrNotFound},
		{"a tenant keeps a name", []tenant.Event{created}, tenant.Change{}, nil, tenant.ErrIncomplete},
	})
}
