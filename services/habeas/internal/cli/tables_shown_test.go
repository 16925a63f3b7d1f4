package cli_test

import (
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/cli"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// TestTablesSayWhatMatters: what a reader would take for something else is told apart.
func TestTablesSayWhatMatters(t *testing.T) {
	ref, other := strings.Repeat("a", 26), strings.Repeat("b", 26)
	for name, tc := range map[string]struct {
		service, line string
		set           func(*answering)
		want          []string
	}{
		"of whom was merged away, who stays": {"identity", "subject show " + ref, func(s *answering) {
			s.person = &identityv1.GetSubjectResponse{
				State: identityv1.SubjectState_SUBJECT_STATE_ACTIVE, MergedInto: other,
			}
		}, []string{"merged into " + other}},
		"of whom others went into, those": {"identity", "subject show " + ref, func(s *answering) {
			s.person = &identityv1.GetSubjectResponse{
				State: identityv1.SubjectState_SUBJECT_STATE_ACTIVE, MergedRefs: []string{other},
			}
		}, []string{"active", "FOUND AS THIS ONE\n" + other}},
		"that no end has begun, in words": {"identity", "tenant proof", func(s *answering) {}, []string{"STAGE  REASON  BEGUN  DUE\nnone   -       -      -\n"}},
		"of an end, when it is due": {"identity", "tenant proof", func(s *answering) {
			s.tenant = &identityv1.GetTenantResponse{Offboarding: &identityv1.Offboarding{
				Stage: identityv1.OffboardingStage_OFFBOARDING_STAGE_WAITING, Reason: "contract_ended", DueAt: timestamppb.New(timeOf(2027, 1, 1)),
			}}
		}, []string{"waiting  contract_ended  -      2027-01-01 00:00"}},
		"of a tenant, its safeguards": {"identity", "tenant get", func(s *answering) {
			s.tenant = &identityv1.GetTenantResponse{
				Tenant: "demo", Safeguards: &identityv1.Safeguards{Delay: durationpb.New(72 * 3600e9), ChannelAge: durationpb.New(3600e9)},
			}
		}, []string{"DELAY", "72h0m0s", "1h0m0s"}},
		"of leaves, which were counted": {"fulfilment", "request get " + ref, func(s *answering) {
			s.request = &fulfilmentv1.Request{Leaves: []*fulfilmentv1.Leaf{
				{System: "shop", Category: "open"},
				{System: "shop", Category: "none", Outcome: fulfilmentv1.LeafOutcome_LEAF_OUTCOME_NOT_HELD},
				{System: "shop", Category: "some", RowsFound: 7},
			}}
		}, []string{"open      -     open", "none      0     not-held", "some      7     open"}},
		"of an approval, that nobody knows yet": {"fulfilment", "request case " + ref, func(s *answering) { s.nothing = true }, []string{"not yet known: there is no manifest"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, tc.service)
			tc.set(s)
			r := s.run(t, "", strings.Fields(tc.line)...)
			for _, want := range tc.want {
				if r.code != cli.ExitOK || !strings.Contains(r.out, want) {
					t.Errorf("exit code %d, lacks %q:\n%s%s", r.code, want, r.out, r.err)
				}
			}
		})
	}
}
