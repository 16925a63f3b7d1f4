package cli_test

import (
	"context"
	"strings"
	"testing"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/cli"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// glassOf answers for break-glass grants.
type glassOf struct {
	identityv1.UnimplementedBreakGlassServiceServer
	s *answering
}

func (o glassOf) AskBreakGlass(_ context.Context, r *identityv1.AskBreakGlassRequest) (*identityv1.AskBreakGlassResponse, error) {
	return &identityv1.AskBreakGlassResponse{BreakGlass: strings.Repeat("a", 26)}, o.s.did(r)
}

func (o glassOf) GrantBreakGlass(_ context.Context, r *identityv1.GrantBreakGlassRequest) (*identityv1.GrantBreakGlassResponse, error) {
	return &identityv1.GrantBreakGlassResponse{Until: timestamppb.New(timeOf(2026, 11, 22)), ReviewBy: timestamppb.New(timeOf(2026, 11, 25))}, o.s.did(r)
}

func (o glassOf) DeclineBreakGlass(_ context.Context, r *identityv1.DeclineBreakGlassRequest) (*identityv1.DeclineBreakGlassResponse, error) {
	return &identityv1.DeclineBreakGlassResponse{}, o.s.did(r)
}

func (o glassOf) CloseBreakGlass(_ context.Context, r *identityv1.CloseBreakGlassRequest) (*identityv1.CloseBreakGlassResponse, error) {
	return &identityv1.CloseBreakGlassResponse{}, o.s.did(r)
}

func (o glassOf) ReviewBreakGlass(_ context.Context, r *identityv1.ReviewBreakGlassRequest) (*identityv1.ReviewBreakGlassResponse, error) {
	return &identityv1.ReviewBreakGlassResponse{}, o.s.did(r)
}

func (o glassOf) ListBreakGlass(context.Context, *identityv1.ListBreakGlassRequest) (*identityv1.ListBreakGlassResponse, error) {
	return &identityv1.ListBreakGlassResponse{Grants: []*identityv1.BreakGlass{
		{BreakGlass: "g1", State: identityv1.BreakGlassState_BREAK_GLASS_STATE_ENDED, SubjectRef: "jane", Policy: "p", Ground: "audit", Uses: 2},
		{BreakGlass: "g2", State: identityv1.BreakGlassState_BREAK_GLASS_STATE_ENDED, Overdue: true, CaseId: "c-1", Policy: "p", Ground: "audit"},
	}, More: true}, o.s.err
}

func (o glassOf) GetBreakGlass(_ context.Context, r *identityv1.GetBreakGlassRequest) (*identityv1.GetBreakGlassResponse, error) {
	return &identityv1.GetBreakGlassResponse{Grant: &identityv1.BreakGlass{
		BreakGlass: r.GetBreakGlass(), State: identityv1.BreakGlassState_BREAK_GLASS_STATE_REVIEWED, SubjectRef: "jane",
		AskedBy: "vera", DecidedBy: "otto", Outcome: identityv1.BreakGlassOutcome_BREAK_GLASS_OUTCOME_UNJUSTIFIED,
	}}, o.s.err
}

// TestAGrantIsAskedForGivenAndReviewed: what is typed is what is asked for, and said.
func TestAGrantIsAskedForGivenAndReviewed(t *testing.T) {
	runTyped(t, []typed{
		{
			"identity", "breakglass ask --subject jane --policy p --ground audit --reason suspected-fraud --document d-1 --imminent --category account --for 15m",
			[]string{`subject_ref:"jane"`, `policy:"p"`, `ground:"audit"`, `reason:"suspected_fraud"`, `document:"d-1"`, "imminent:true", `categories:"account"`, "period:{seconds:900}"},
			"somebody else: habeas breakglass grant aaaaaaaaaaaaaaaaaaaaaaaaaa",
		},
		{"identity", "breakglass ask --case c-1 --policy p --ground audit --reason suspected-fraud", []string{`case_id:"c-1"`, "period:{seconds:1800}"}, "GRANT"},
		{"identity", "breakglass grant g1 --for 10m", []string{`break_glass:"g1"`, "period:{seconds:600}"}, "2026-11-25 00:00"},
		{"identity", "breakglass decline g1 --reason too-wide", []string{`break_glass:"g1"`, `reason:"too_wide"`}, "it is declined"},
		{"identity", "breakglass close g1", []string{`break_glass:"g1"`}, "it is closed"},
		{"identity", "breakglass review g1 --outcome unjustified --reason wrong-person", []string{"outcome:BREAK_GLASS_OUTCOME_UNJUSTIFIED", `reason:"wrong_person"`}, "the review is recorded"},
		{"identity", "breakglass list", nil, "review overdue"},
		{"identity", "breakglass list", nil, "to be reviewed"},
		{"identity", "breakglass show g1", nil, "reviewed: unjustified"},
	})
}

// TestAGrantIsForAsLongAsWasAskedUnlessSaid: no period of its own is sent.
func TestAGrantIsForAsLongAsWasAskedUnlessSaid(t *testing.T) {
	s := serve(t, "identity")
	if r := s.run(t, "", "breakglass", "grant", "g1"); r.code != cli.ExitOK || strings.Contains(s.said, "period") {
		t.Errorf("exit code %d, asked %s: %s", r.code, s.said, r.err)
	}
}

// TestWhoIsToActNextIsSaid: where another person has to act, no other token of
// the same one is advised.
func TestWhoIsToActNextIsSaid(t *testing.T) {
	for reason, want := range map[string]string{
		"SECOND_PERSON_REQUIRED": "somebody else has to", "REVIEWER_INVOLVED": "neither asked nor granted", "REVIEW_OVERDUE": "a third person reviews it first",
		"GROUND_NOT_ALLOWED": "a policy that is in force", "GROUND_NEEDS_DOCUMENT": "--document", "GROUND_NEEDS_IMMINENCE": "--imminent",
		"GROUND_NEEDS_CATEGORIES": "--category", "BREAK_GLASS_TOO_OLD": "ask anew", "OWN_REQUEST": "somebody else has to", "UNHEARD_OF": "use a token with a role",
	} {
		s := serve(t, "identity")
		st, err := status.New(codes.PermissionDenied, "no").WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "habeas"})
		if err != nil {
			t.Fatal(err)
		}
		s.err = st.Err()
		if r := s.run(t, "", "breakglass", "grant", "g1"); !strings.Contains(r.err, want) {
			t.Errorf("%s: %s", reason, r.err)
		}
	}
}

// typed is a command and what is to come of it.
type typed struct {
	service, line string
	asks          []string
	says          string
}

// runTyped runs commands as a table, as JSON, and refused.
func runTyped(t *testing.T, all []typed) {
	t.Helper()
	for _, tc := range all {
		t.Run(tc.line, func(t *testing.T) {
			s := serve(t, tc.service)
			r := s.run(t, "", strings.Fields(tc.line)...)
			if r.code != cli.ExitOK || !strings.Contains(r.out, tc.says) {
				t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
			}
			for _, want := range tc.asks {
				if !strings.Contains(s.said, want) {
					t.Errorf("asked %s, without %s", s.said, want)
				}
			}
			asJSON := s.run(t, "", append(strings.Fields(tc.line), "-o", "json")...)
			if asJSON.code != cli.ExitOK || !strings.HasPrefix(asJSON.out, "{") {
				t.Errorf("as JSON: %d %s", asJSON.code, asJSON.out)
			}
			s.err = refusal(t, codes.FailedPrecondition)
			if r := s.run(t, "", strings.Fields(tc.line)...); r.code != cli.ExitRefused || !strings.Contains(r.err, "SOME_REASON") {
				t.Errorf("refused: %d %s", r.code, r.err)
			}
		})
	}
}
