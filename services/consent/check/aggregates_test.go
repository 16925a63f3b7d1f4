package check_test

import (
	"testing"
	"time"

	"habeas.internal/services/consent/check"
)

func TestFiguresMeetWhatEveryVersionInForceAsks(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	version := func(minimum uint64, days int) check.Version {
		return check.Version{Minimum: minimum, InForce: at.AddDate(0, 0, days), Categories: map[string]check.Category{"usage": {}}}
	}
	strict := version(10, -1)
	strict.Deidentify, strict.Categories = true, map[string]check.Category{"patient": {Associate: true}}
	for name, tc := range map[string]struct {
		versions []check.Version
		minimum  uint64
	}{
		"the greatest minimum counts":      {[]check.Version{version(20, -2), version(10, -1)}, 20},
		"the later may be the stricter":    {[]check.Version{version(10, -2), version(20, -1)}, 20},
		"without figures in one, none are": {[]check.Version{version(0, -2), version(20, -1)}, 0},
		"nor in the later":                 {[]check.Version{version(20, -2), version(0, -1)}, 0},
		"a version to come has no say":     {[]check.Version{version(20, -2), version(50, 1)}, 20},
		"without a version, none are":      {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (check.Policy{Versions: tc.versions}).Aggregates(at); got.Minimum != tc.minimum {
				t.Errorf("minimum %d, want %d", got.Minimum, tc.minimum)
			}
		})
	}
	got := check.Policy{Versions: []check.Version{version(20, -2), strict}}.Aggregates(at)
	about, known := got.Categories["usage"]
	if !got.Deidentify || !got.Categories["patient"] || about || !known {
		t.Errorf("%+v", got)
	}
}

func TestWhichFiguresMayLeaveByThePolicy(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	purpose := func(basis check.Basis, actions ...check.Action) check.Purpose {
		p := check.Purpose{Basis: basis, Categories: map[string]bool{"usage": true}, Actions: map[check.Action]bool{check.Use: true}}
		for _, a := range actions {
			p.Actions[a] = true
		}
		return p
	}
	version := func(p check.Purpose, days int) check.Version {
		return check.Version{
			Number: 1, InForce: at.AddDate(0, 0, days), Closed: true, Minimum: 10, Purposes: map[string]check.Purpose{"share": p},
			Categories: map[string]check.Category{"usage": {Sources: map[check.Source]bool{"observed": true}}, "other": {Sources: map[check.Source]bool{"online": true}}},
			Sources:    map[check.Source]check.SourceRule{"observed": {Accepted: true}, "online": {Accepted: true}},
		}
	}
	shared := purpose(check.Aggregate, check.Disclose)
	for name, tc := range map[string]struct {
		versions []check.Version
		category string
		want     check.Reason
		leaves   bool
	}{
		"what the policy lets leave":             {[]check.Version{version(shared, -1)}, "usage", check.Aggregated, true},
		"nothing of another kind":                {[]check.Version{version(shared, -1)}, "other", check.PurposeNotFor, true},
		"nothing for use alone":                  {[]check.Version{version(purpose(check.Aggregate), -1)}, "usage", check.Aggregated, false},
		"nothing of a purpose for personal data": {[]check.Version{version(purpose(check.Described, check.Disclose), -1)}, "usage", check.PurposeDescribed, false},
		"nothing that an older version keeps":    {[]check.Version{version(purpose(check.Aggregate), -2), version(shared, -1)}, "usage", check.Aggregated, false},
		"nothing that a newer one keeps":         {[]check.Version{version(shared, -2), version(purpose(check.Aggregate), -1)}, "usage", check.Aggregated, false},
		"nothing before a version is in force":   {[]check.Version{version(shared, 1)}, "usage", check.NoPolicy, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := check.Policy{ID: "p", Versions: tc.versions}
			if got, leaves := p.Release("share", tc.category, at), p.Aggregates(at).Purposes["share"]; got.Reason != tc.want || leaves != tc.leaves {
				t.Errorf("%+v, leaves %t", got, leaves)
			}
		})
	}
}
