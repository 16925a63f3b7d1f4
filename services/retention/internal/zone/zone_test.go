package zone_test

import (
	"context"
	"errors"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc"
	own "habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/internal/zone"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

var errAway = errors.New("identity is away")

// tenants answers with the zone of the tenant that is asked for.
type tenants struct {
	zones map[string]string
	asked int
}

func (s *tenants) GetTenant(ctx context.Context, _ *identityv1.GetTenantRequest, _ ...grpc.CallOption) (*identityv1.GetTenantResponse, error) {
	s.asked++
	md, _ := metadata.FromOutgoingContext(ctx)
	name, ok := s.zones[md.Get(rpc.MetadataTenant)[0]]
	if !ok {
		return nil, errAway
	}
	return &identityv1.GetTenantResponse{TimeZone: name}, nil
}

func TestATenantsZoneIsAskedForOnceAMinute(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := &tenants{zones: map[string]string{"acme": "Europe/Berlin", "other": "America/New_York", "odd": "Mars/Olympus", "none": ""}}
	z := zone.New(s, func() time.Time { return now })
	for _, tc := range []struct {
		name, tenant string
		after        time.Duration
		want         string
		err          error
		asked        int
	}{
		{"the first time it is asked for", "acme", 0, "Europe/Berlin", nil, 1},
		{"then it is known", "acme", 59 * time.Second, "Europe/Berlin", nil, 1},
		{"for a minute", "acme", time.Second, "Europe/Berlin", nil, 2},
		{"and for that tenant alone", "other", 0, "America/New_York", nil, 3},
		{"a zone without rules is not known", "odd", 0, "", own.ErrZoneUnknown, 4},
		{"no zone is not known, and never UTC", "none", 0, "", own.ErrZoneUnknown, 5},
		{"without identity it is not known", "gone", 0, "", own.ErrZoneUnknown, 6},
		{"and that is not remembered", "gone", 0, "", own.ErrZoneUnknown, 7},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now = now.Add(tc.after)
			got, err := z.Of(t.Context(), tc.tenant)
			if !errors.Is(err, tc.err) || err == nil && got.String() != tc.want || s.asked != tc.asked {
				t.Errorf("zone %s, error %v, asked %d times", got, err, s.asked)
			}
		})
	}
}
