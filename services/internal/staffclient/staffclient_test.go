package staffclient

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// desk is identity's side.
type desk struct {
	identityv1.StaffServiceClient
	asked   int
	tenant  string
	refusal string
	one     []string
	about   []string
	err     error
}

func (d *desk) CheckStaff(ctx context.Context, r *identityv1.CheckStaffRequest, _ ...grpc.CallOption) (*identityv1.CheckStaffResponse, error) {
	d.asked++
	md, _ := metadata.FromOutgoingContext(ctx)
	d.tenant = md.Get(rpc.MetadataTenant)[0]
	if d.err != nil {
		return nil, d.err
	}
	if n := len(r.GetSubjectRefs()); n > mostAtOnce {
		return nil, errAway
	}
	d.about = append(d.about, r.GetSubjectRefs()...)
	return &identityv1.CheckStaffResponse{Refusal: d.refusal, SubjectRefs: d.one}, nil
}

var errAway = errors.New("away")

func TestAnAnswerCountsForAMoment(t *testing.T) {
	for name, refusal := range map[string]string{"a yes": "", "a no": rpc.ReasonNoNeed} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			d := &desk{refusal: refusal, one: []string{"jane"}}
			c := &Client{ask: d, now: func() time.Time { return now }, known: map[rpc.Look]answer{}}
			look := rpc.Look{Tenant: "acme", Actor: "a", Purpose: "p", Case: "c"}
			check := func(want string) {
				t.Helper()
				may, err := c.Check(t.Context(), look)
				if err != nil || may.Refusal != want || len(may.Subjects) != 1 {
					t.Errorf("may look: %v, error %v; want %q", may, err, want)
				}
			}
			check(refusal)
			d.refusal = "OTHER"
			now = now.Add(Life - time.Nanosecond)
			check(refusal)
			now = now.Add(time.Nanosecond)
			check("OTHER")
			if d.asked != 2 || d.tenant != "acme" || Life > 5*time.Second {
				t.Errorf("asked %d times, for %q", d.asked, d.tenant)
			}
			for _, other := range []rpc.Look{{Tenant: "b", Actor: "a", Purpose: "p", Case: "c"}, {Tenant: "acme", Actor: "a", Purpose: "p"}} {
				if _, err := c.Check(t.Context(), other); err != nil {
					t.Error(err)
				}
			}
			if d.asked != 4 {
				t.Errorf("asked %d times for three looks", d.asked)
			}
		})
	}
}

func TestAFailureIsNoAnswerAndIsNotRemembered(t *testing.T) {
	now := time.Now()
	d := &desk{}
	c := &Client{ask: d, now: func() time.Time { return now }, known: map[rpc.Look]answer{}}
	look := rpc.Look{Tenant: "acme", Actor: "a"}
	if _, err := c.Check(t.Context(), look); err != nil {
		t.Fatal(err)
	}
	now, d.err = now.Add(Life), errAway
	if _, err := c.Check(t.Context(), look); !errors.Is(err, errAway) {
		t.Errorf("an old yes counted: %v", err)
	}
	d.err = nil
	if _, err := c.Check(t.Context(), look); err != nil || d.asked != 3 {
		t.Errorf("asked %d times, error %v", d.asked, err)
	}
}

func TestTheMemoryOfAnswersIsBounded(t *testing.T) {
	now := time.Now()
	c := &Client{ask: &desk{}, now: func() time.Time { return now }, known: map[rpc.Look]answer{}}
	for i := range most + 1 {
		if _, err := c.Check(t.Context(), rpc.Look{Tenant: "acme", Case: strconv.Itoa(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.known) > most {
		t.Errorf("%d answers are remembered", len(c.known))
	}
}

func TestWhoHasAgreedIsAskedEachTime(t *testing.T) {
	d := &desk{}
	c := &Client{ask: d, now: time.Now, known: map[rpc.Look]answer{}}
	people := make([]string, mostAtOnce+1)
	for _, want := range []string{"", rpc.ReasonConsent} {
		d.refusal, d.about = want, nil
		got, err := c.Agreed(t.Context(), rpc.Look{Tenant: "acme"}, rpc.Shown{Refs: people})
		if err != nil || got != want || len(d.about) < mostAtOnce || want == "" && len(d.about) != len(people) {
			t.Errorf("agreed: %q, %v, asked about %d people; want %q", got, err, len(d.about), want)
		}
	}
	d.err = errAway
	if _, err := c.Agreed(t.Context(), rpc.Look{Tenant: "acme"}, rpc.Shown{Refs: people}); !errors.Is(err, errAway) {
		t.Errorf("nobody knows: %v", err)
	}
}
