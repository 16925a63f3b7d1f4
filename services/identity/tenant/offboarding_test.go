package tenant_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/identity/tenant"

	"github.com/google/go-cmp/cmp"
)

func TestDecideOnOffboarding(t *testing.T) {
	const month = 30 * 24 * time.Hour
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	due := noon.Add(month)
	acme := tenant.Settings{DisplayName: "Acme", TimeZone: "UTC"}
	created := tenant.Created{Settings: acme}
	approvals := tenant.SettingsChanged{Settings: acme, Own: tenant.Own{Approval: true}, Revision: 1}
	lowered := func(at time.Time) tenant.SettingsChanged {
		return tenant.SettingsChanged{Settings: acme, Revision: 2, At: at}
	}
	ask := tenant.Offboard{By: "ann", Reason: "contract_ended", Grace: month, At: noon}
	begun := tenant.OffboardingBegun{By: "ann", Reason: "contract_ended", At: noon, DueAt: due}
	asked := tenant.OffboardingBegun{By: "ann", Reason: "contract_ended", At: noon}
	approve := tenant.Approve{By: "bob", Grace: month, At: noon}
	approved := tenant.OffboardingApproved{By: "bob", At: noon, DueAt: due}
	end := tenant.End{At: due, Counted: tenant.Counted{LookupRows: 1}}
	ending, gone := tenant.DestructionBegun{Counted: end.Counted, At: due}, tenant.Offboarded{Proof: tenant.Proof{Keys: 1, At: due}}
	blocked := tenant.End{At: due, Standing: tenant.Standing{Holds: 1}}
	delayed := tenant.DestructionDelayed{Standing: tenant.Standing{Holds: 1}, At: due}
	stay := tenant.Stay{By: "ann", At: noon}
	refused := func(why tenant.Refusal) []tenant.Event {
		return []tenant.Event{tenant.OffboardingRefused{Reason: why.Reason()}}
	}
	given := func(events ...tenant.Event) []tenant.Event { return append([]tenant.Event{created}, events...) }
	decides(t, []step{
		{"a tenant is to go", given(), ask, []tenant.Event{begun}, nil},
		{"one whose settings ask for it waits for a second person", given(approvals), ask, []tenant.Event{asked}, nil},
		{"nobody waits for nobody by switching that off first", given(approvals, lowered(noon)), ask, []tenant.Event{asked}, nil},
		{"nor by changing something else afterwards", given(approvals, lowered(noon), tenant.SettingsChanged{Settings: acme, Revision: 3, At: noon}), ask, []tenant.Event{asked}, nil},
		{"as long as what is begun could be taken back", given(approvals, lowered(noon.Add(1-month))), ask, []tenant.Event{asked}, nil},
		{"and no longer", given(approvals, lowered(noon.Add(-month))), ask, []tenant.Event{begun}, nil},
		{"who approves", given(approvals, asked), approve, []tenant.Event{approved}, nil},
		{"and is somebody else", given(approvals, asked), tenant.Approve{By: "ann", Grace: month, At: noon}, refused(tenant.ErrSamePerson), tenant.ErrSamePerson},
		{"what needs no approval is not approved", given(begun), approve, refused(tenant.ErrApproved), tenant.ErrApproved},
		{"what has not begun is not approved", given(), approve, refused(tenant.ErrNotLeaving), tenant.ErrNotLeaving},
		{"it begins once", given(begun), ask, refused(tenant.ErrLeaving), tenant.ErrLeaving},
		{"nothing begins while a request is open", given(), tenant.Offboard{By: "ann", Reason: "x", Standing: tenant.Standing{Requests: 2}, Grace: month, At: noon}, refused(tenant.ErrRequestsOpen), tenant.ErrRequestsOpen},
		{"or a hold stands", given(), tenant.Offboard{By: "ann", Reason: "x", Standing: tenant.Standing{Holds: 1, Requests: 2}, Grace: month, At: noon}, refused(tenant.ErrHoldsStand), tenant.ErrHoldsStand},
		{"without a reason nothing begins", given(), tenant.Offboard{By: "ann", Grace: month, At: noon}, nil, tenant.ErrIncomplete},
		{"a tenant that is not there does not go", nil, ask, nil, tenant.ErrNotFound},
		{"it is taken back", given(begun), stay, []tenant.Event{tenant.OffboardingCancelled(stay)}, nil},
		{"it is taken back before it is approved", given(approvals, asked), stay, []tenant.Event{tenant.OffboardingCancelled(stay)}, nil},
		{"and can begin again", given(begun, tenant.OffboardingCancelled(stay)), ask, []tenant.Event{begun}, nil},
		{"what has not begun is not taken back", given(), stay, refused(tenant.ErrNotLeaving), tenant.ErrNotLeaving},
		{"and not before", given(begun), tenant.End{At: due.Add(-1)}, nil, tenant.ErrNotDue},
		{"nor without approval", given(approvals, asked), end, nil, tenant.ErrNotDue},
		{"nor when it was taken back", given(begun, tenant.OffboardingCancelled(stay)), end, nil, tenant.ErrNotDue},
		{"nor while a hold stands", given(begun), blocked, []tenant.Event{delayed}, tenant.ErrHoldsStand},
		{"which is told once", given(begun, delayed), blocked, nil, tenant.ErrHoldsStand},
		{"and again when it is another thing", given(begun, delayed), tenant.End{At: due, Standing: tenant.Standing{Requests: 1}}, []tenant.Event{tenant.DestructionDelayed{Standing: tenant.Standing{Requests: 1}, At: due}}, tenant.ErrRequestsOpen},
		{"it goes on when nothing stands any more", given(begun, delayed), end, []tenant.Event{tenant.Closed{At: due}}, nil},
		{"it begins once only", given(begun, ending), end, nil, nil},
		{"from then on nothing is taken back", given(begun, ending), stay, refused(tenant.ErrOffboarded), tenant.ErrOffboarded},
		{"the proof is recorded", given(begun, ending), tenant.Finish(gone), []tenant.Event{gone}, nil},
		{"once", given(begun, ending, gone), tenant.Finish{}, nil, nil},
		{"and never without the destruction", given(begun), tenant.Finish{}, nil, tenant.ErrNotDue},
		{"who is gone does not go again", given(begun, ending, gone), ask, refused(tenant.ErrOffboarded), tenant.ErrOffboarded},
		{"and has no settings to change", given(begun, ending, gone), tenant.Change{Settings: acme}, []tenant.Event{tenant.SettingsRefused{Reason: "TENANT_OFFBOARDED"}}, tenant.ErrOffboarded},
		{"nor is made again", given(begun, ending, gone), tenant.Create{Settings: acme}, []tenant.Event{tenant.CreationRefused{Reason: "TENANT_EXISTS"}}, tenant.ErrExists},
	})
}

func TestDecideOnClosing(t *testing.T) {
	due := time.Date(2026, 12, 22, 12, 0, 0, 0, time.UTC)
	begun := tenant.OffboardingBegun{By: "ann", Reason: "contract_ended", At: due.AddDate(0, 0, -30), DueAt: due}
	end := tenant.End{At: due, Settle: time.Minute, Counted: tenant.Counted{LookupRows: 1}}
	closed := tenant.Closed{At: due}
	settled, late := end, tenant.End{At: due.Add(time.Minute), Settle: time.Minute, Standing: tenant.Standing{Holds: 1}}
	settled.At = late.At
	came := tenant.DestructionDelayed{Standing: late.Standing, At: late.At}
	ending := tenant.DestructionBegun{Counted: end.Counted, At: settled.At}
	stay := tenant.Stay{By: "ann", At: due}
	refused := []tenant.Event{tenant.OffboardingRefused{Reason: tenant.ErrOffboarded.Reason()}}
	given := func(events ...tenant.Event) []tenant.Event {
		return append([]tenant.Event{tenant.Created{Settings: tenant.Settings{DisplayName: "Acme", TimeZone: "UTC"}}, begun}, events...)
	}
	decides(t, []step{
		{"a tenant is closed when it is due", given(), end, []tenant.Event{closed}, nil},
		{"destruction does not begin while a call from before may be under way", given(closed), end, nil, tenant.ErrNotDue},
		{"it begins afterwards", given(closed), settled, []tenant.Event{ending}, nil},
		{"but not if a hold came in between", given(closed), late, []tenant.Event{came}, tenant.ErrHoldsStand},
		{"which opens the tenant again", given(closed, came), stay, []tenant.Event{tenant.OffboardingCancelled(stay)}, nil},
		{"and it is closed again when nothing stands any more", given(closed, came), settled, []tenant.Event{tenant.Closed{At: settled.At}}, nil},
		{"a tenant that is closed refuses what is asked of it", given(closed), stay, refused, tenant.ErrOffboarded},
	})
}

// step is a command to a tenant with a past, and what comes of it.
type step struct {
	name  string
	given []tenant.Event
	when  tenant.Command
	then  []tenant.Event
	err   error
}

func decides(t *testing.T, steps []step) {
	t.Helper()
	for _, tc := range steps {
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
