package mandate_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/identity/mandate"
	"habeas.internal/services/internal/personal"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func good(change ...func(*mandate.Use)) mandate.Use {
	u := mandate.Use{
		Agent: "ACME", Tenant: "shop", NamedAgent: "ACME", NamedBusiness: "shop", Exercise: mandate.Deletion, Regime: mandate.Regime,
		IssuedAt: noon, ExpiresAt: noon.Add(10 * time.Minute), Request: "r1", Key: 1, Digest: []byte{1}, Permission: "form-1",
		Level: mandate.LevelClaimed, Claims: []mandate.Claim{{Kind: 1, Value: personal.Clear("jane@example.com")}}, At: noon,
	}
	for _, f := range change {
		f(&u)
	}
	return u
}

func used(u mandate.Use) mandate.Used {
	return mandate.Used{
		Agent: u.Agent, Request: u.Request, Exercise: u.Exercise, Regime: u.Regime, IssuedAt: u.IssuedAt, ExpiresAt: u.ExpiresAt,
		Key: u.Key, Digest: u.Digest, Permission: u.Permission, Level: u.Level, At: u.At,
	}
}

func at(t time.Time) func(*mandate.Use) { return func(u *mandate.Use) { u.At = t } }

func exercise(e string) func(*mandate.Use) { return func(u *mandate.Use) { u.Exercise = e } }

func TestDecide(t *testing.T) {
	end := noon.Add(10 * time.Minute)
	for _, tc := range []struct {
		name  string
		given []mandate.Event
		when  mandate.Use
		err   mandate.Refusal
	}{
		{"a signed request counts", nil, good(), ""},
		{"once", []mandate.Event{used(good())}, good(), mandate.ErrReplayed},
		{"also for what else it would be used", []mandate.Event{used(good())}, good(func(u *mandate.Use) { u.Request = "r2" }), mandate.ErrReplayed},
		{"an id counts once, whatever is asked under it", []mandate.Event{used(good())}, good(exercise(mandate.Access)), mandate.ErrReplayed},
		{"a refusal uses nothing up", []mandate.Event{mandate.Refused{}}, good(), ""},
		{"an agent signs for itself", nil, good(func(u *mandate.Use) { u.NamedAgent = "OTHER" }), mandate.ErrAgent},
		{"and for the tenant that it asks", nil, good(func(u *mandate.Use) { u.NamedBusiness = "elsewhere" }), mandate.ErrBusiness},
		{"a message counts for ten minutes at most", nil, good(func(u *mandate.Use) { u.ExpiresAt = end.Add(time.Second) }), mandate.ErrWindow},
		{"and for some time", nil, good(func(u *mandate.Use) { u.ExpiresAt = noon }), mandate.ErrWindow},
		{"not before it was issued", nil, good(at(noon.Add(-31 * time.Second))), mandate.ErrEarly},
		{"but for the skew of clocks", nil, good(at(noon.Add(-30 * time.Second))), ""},
		{"not after its end", nil, good(at(end.Add(30 * time.Second))), mandate.ErrExpired},
		{"but for the skew of clocks, there too", nil, good(at(end.Add(29 * time.Second))), ""},
		{"an agent that may not ask is refused", nil, good(func(u *mandate.Use) { u.Standing = "AGENT_SUSPENDED" }), "AGENT_SUSPENDED"},
		{"another law is not answered", nil, good(func(u *mandate.Use) { u.Regime = "gdpr" }), mandate.ErrRegime},
		{"an agent may ask voluntarily", nil, good(func(u *mandate.Use) { u.Regime = "" }), ""},
		{"for access", nil, good(exercise(mandate.Access)), ""},
		{"for specific pieces", nil, good(exercise(mandate.AccessSpecific)), ""},
		{"nobody opts in for somebody else", nil, good(exercise("sale:opt-in")), mandate.ErrExercise},
		{"categories alone can't be asked for", nil, good(exercise("access:categories")), mandate.ErrExercise},
		{"an unknown right can't be asked for", nil, good(exercise("sale:opt_out")), mandate.ErrExercise},
		{"an agent's word reaches level 1 at most", nil, good(func(u *mandate.Use) { u.Level = 4 }), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want, wantErr := []mandate.Event{used(good(func(u *mandate.Use) { *u = tc.when; u.Level = 1 }))}, error(nil)
			if tc.err != "" {
				u := tc.when
				want = []mandate.Event{mandate.Refused{Agent: u.Agent, Request: u.Request, Reason: string(tc.err), Key: 1, Digest: u.Digest, At: u.At}}
				wantErr = tc.err
			}
			got, err := mandate.Decide(after(tc.given...), tc.when)
			if !errors.Is(err, wantErr) {
				t.Errorf("error %v, want %v", err, wantErr)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnOptOutKeepsItsClaimsUntilItBinds(t *testing.T) {
	got, err := mandate.Decide(mandate.Mandate{}, good(exercise(mandate.OptOut)))
	if err != nil {
		t.Fatal(err)
	}
	s := after(got...)
	if len(s.Claims) != 1 || s.Applied {
		t.Errorf("after its use: %+v", s)
	}
	apply := mandate.Apply{People: 1, At: noon}
	got, err = mandate.Decide(s, apply)
	if err != nil || len(got) != 1 {
		t.Fatalf("applied: %v, %v", got, err)
	}
	s = mandate.Evolve(s, got[0])
	if len(s.Claims) != 0 || !s.Applied {
		t.Errorf("after it binds: %+v", s)
	}
	if got, err := mandate.Decide(s, apply); err != nil || len(got) != 0 {
		t.Errorf("applied again: %v, %v", got, err)
	}
	for _, other := range []mandate.Mandate{{}, after(used(good()))} {
		if _, err := mandate.Decide(other, apply); !errors.Is(err, mandate.ErrNotFound) {
			t.Errorf("%+v: %v", other, err)
		}
	}
}

func TestLevelOfAnAgentsWord(t *testing.T) {
	if mandate.LevelOf(false) != 0 || mandate.LevelOf(true) != 1 {
		t.Error("an agent's word reaches level 1, if it has verified something")
	}
}

func after(events ...mandate.Event) (s mandate.Mandate) {
	for _, ev := range events {
		s = mandate.Evolve(s, ev)
	}
	return s
}
