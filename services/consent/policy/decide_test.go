package policy_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/consent/policy"

	"github.com/google/go-cmp/cmp"
)

func at() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func published(n uint32) policy.Published {
	return policy.Published{Policy: "p", Version: n, Hash: "h", TextHash: "text", Recorded: at()}
}

func reducing(n uint32) policy.Published {
	p := published(n)
	p.Reduces, p.Notice = []uint32{1}, true
	return p
}

func publish(n uint32, hash string) policy.Publish {
	return policy.Publish{Policy: "p", Version: n, Hash: hash, TextHash: "text", At: at()}
}

func posted(n uint32, when time.Time) policy.Posted {
	return policy.Posted{Policy: "p", Version: n, TextHash: "text", PostedAt: when, Recorded: at()}
}

func post(n uint32, when time.Time) policy.Post {
	return policy.Post{Policy: "p", Version: n, TextHash: "text", PostedAt: when, At: at()}
}

func refusedPublishing(n uint32, r policy.Refusal) []policy.Event {
	return []policy.Event{policy.PublishingRefused{Version: n, Reason: r.Reason()}}
}

func refusedPosting(n uint32, r policy.Refusal) []policy.Event {
	return []policy.Event{policy.PostingRefused{Version: n, Reason: r.Reason()}}
}

func TestDecide(t *testing.T) {
	noon := at()
	for _, tc := range []struct {
		name  string
		given []policy.Event
		when  policy.Command
		then  []policy.Event
		err   error
	}{
		{"the first version is published", nil, publish(1, "h"), []policy.Event{published(1)}, nil},
		{"a policy doesn't start in the middle, and the attempt makes none", nil, publish(2, "h"), nil, policy.ErrVersionGap},
		{"the next version is published", []policy.Event{published(1)}, publish(2, "h"), []policy.Event{published(2)}, nil},
		{"a version is not left out", []policy.Event{published(1)}, publish(3, "h"), refusedPublishing(3, policy.ErrVersionGap), policy.ErrVersionGap},
		{"a version doesn't change", []policy.Event{published(1)}, publish(1, "other"), refusedPublishing(1, policy.ErrVersionExists), policy.ErrVersionExists},
		{"the same version again is a no-op", []policy.Event{published(1)}, publish(1, "h"), nil, nil},
		{"version zero is none", []policy.Event{published(1)}, publish(0, "h"), refusedPublishing(0, policy.ErrVersionExists), policy.ErrVersionExists},
		{"a version is posted", []policy.Event{published(1)}, post(1, noon.Add(-1)), []policy.Event{posted(1, noon.Add(-1))}, nil},
		{"a version that isn't there is not posted", []policy.Event{published(1)}, post(2, noon), nil, policy.ErrNoVersion},
		{"nothing is posted in the future", []policy.Event{published(1)}, post(1, noon.Add(1)), nil, policy.ErrInFuture},
		{"what reduces rights is not posted without the promised notice", []policy.Event{reducing(1)}, post(1, noon), refusedPosting(1, policy.ErrNotice), policy.ErrNotice},
		{
			"what reduces rights is posted with its notice",
			[]policy.Event{reducing(1)},
			policy.Post{Policy: "p", Version: 1, TextHash: "text", PostedAt: noon, Notice: "web:1", At: noon},
			[]policy.Event{policy.Posted{Policy: "p", Version: 1, TextHash: "text", PostedAt: noon, Notice: "web:1", Recorded: noon}},
			nil,
		},
		{
			"another text is not posted",
			[]policy.Event{published(1)},
			policy.Post{Policy: "p", Version: 1, TextHash: "other", PostedAt: noon, At: noon},
			refusedPosting(1, policy.ErrOtherText),
			policy.ErrOtherText,
		},
		{"the same posting again is a no-op", []policy.Event{published(1), posted(1, noon)}, post(1, noon), nil, nil},
		{"a version is posted once", []policy.Event{published(1), posted(1, noon.Add(-1))}, post(1, noon), refusedPosting(1, policy.ErrPostedBefore), policy.ErrPostedBefore},
		{"a later version waits for the earlier", []policy.Event{published(1), published(2)}, post(2, noon), refusedPosting(2, policy.ErrOrder), policy.ErrOrder},
		{
			"a later version is posted later",
			[]policy.Event{published(1), published(2), posted(1, noon)},
			post(2, noon),
			refusedPosting(2, policy.ErrOrder),
			policy.ErrOrder,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s policy.Policy
			for _, ev := range tc.given {
				s = policy.Evolve(s, ev)
			}
			got, err := policy.Decide(s, tc.when)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.then, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAVersionIsInForceFromItsPosting(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	early, late := noon.Add(-time.Hour), noon.Add(time.Hour)
	for _, tc := range []struct {
		name string
		v    policy.Version
		want time.Time
	}{
		{"not posted", policy.Version{Number: 1, Effective: early}, time.Time{}},
		{"the first, posted before it was recorded", policy.Version{Number: 1, PostedAt: early, Posted: noon}, early},
		{"a later one, posted before it was recorded", policy.Version{Number: 2, PostedAt: early, Posted: noon}, noon},
		{"effective later", policy.Version{Number: 1, PostedAt: early, Posted: noon, Effective: late}, late},
	} {
		if got := tc.v.InForce(); !got.Equal(tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestEvolvingLeavesTheOldStateAlone(t *testing.T) {
	at := time.Unix(1790000000, 0)
	one := policy.Evolve(policy.Policy{}, policy.Published{Version: 1})
	left := policy.Evolve(one, policy.Posted{Version: 1, PostedAt: at})
	right := policy.Evolve(one, policy.Published{Version: 2})
	if !one.Versions[0].PostedAt.IsZero() || len(one.Versions) != 1 || len(left.Versions) != 1 || len(right.Versions) != 2 {
		t.Errorf("states share what changes: %v %v %v", one, left, right)
	}
}
