package cli_test

import (
	"context"
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/cli"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// did notes a command that changes something, without its id.
func (s *answering) did(r interface {
	proto.Message
	GetRequestId() string
},
) error {
	s.calls++
	s.id = r.GetRequestId()
	text, err := prototext.MarshalOptions{}.Marshal(r)
	if err != nil {
		return err
	}
	s.said = strings.ReplaceAll(string(text), "  ", " ")
	return s.err
}

// staffOf answers for staff, casesOf for cases: their method names are not
// apart from others' by type.
type (
	staffOf struct {
		identityv1.UnimplementedStaffServiceServer
		s *answering
	}
	casesOf struct {
		fulfilmentv1.UnimplementedCaseServiceServer
		s *answering
	}
)

func (o staffOf) RecordUndertaking(_ context.Context, r *identityv1.RecordUndertakingRequest) (*identityv1.RecordUndertakingResponse, error) {
	return &identityv1.RecordUndertakingResponse{}, o.s.did(r)
}

func (o staffOf) EndUndertaking(_ context.Context, r *identityv1.EndUndertakingRequest) (*identityv1.EndUndertakingResponse, error) {
	return &identityv1.EndUndertakingResponse{Ended: !o.s.nothing}, o.s.did(r)
}

func (o staffOf) GrantNeed(_ context.Context, r *identityv1.GrantNeedRequest) (*identityv1.GrantNeedResponse, error) {
	return &identityv1.GrantNeedResponse{}, o.s.did(r)
}

func (o staffOf) EndNeed(_ context.Context, r *identityv1.EndNeedRequest) (*identityv1.EndNeedResponse, error) {
	return &identityv1.EndNeedResponse{Ended: !o.s.nothing}, o.s.did(r)
}

func (o staffOf) GetStaff(context.Context, *identityv1.GetStaffRequest) (*identityv1.GetStaffResponse, error) {
	return &identityv1.GetStaffResponse{
		Actor: strings.Repeat("a", 26), BoundUntil: timestamppb.New(timeOf(2020, 1, 1)), Evidence: "contract-1",
		Needs: []*identityv1.Need{{Purpose: "support", Until: timestamppb.New(timeOf(2999, 1, 1))}, {CaseId: "case-1", SubjectRef: "jane"}},
	}, o.s.err
}

func (o casesOf) AssignRequest(_ context.Context, r *fulfilmentv1.AssignRequestRequest) (*fulfilmentv1.AssignRequestResponse, error) {
	return &fulfilmentv1.AssignRequestResponse{}, o.s.did(r)
}

func (o casesOf) UnassignRequest(_ context.Context, r *fulfilmentv1.UnassignRequestRequest) (*fulfilmentv1.UnassignRequestResponse, error) {
	return &fulfilmentv1.UnassignRequestResponse{Ended: !o.s.nothing}, o.s.did(r)
}

func (o casesOf) ApproveRequest(_ context.Context, r *fulfilmentv1.ApproveRequestRequest) (*fulfilmentv1.ApproveRequestResponse, error) {
	return &fulfilmentv1.ApproveRequestResponse{}, o.s.did(r)
}

func (o casesOf) DeclineApproval(_ context.Context, r *fulfilmentv1.DeclineApprovalRequest) (*fulfilmentv1.DeclineApprovalResponse, error) {
	return &fulfilmentv1.DeclineApprovalResponse{}, o.s.did(r)
}

func (o casesOf) GetCase(context.Context, *fulfilmentv1.GetCaseRequest) (*fulfilmentv1.GetCaseResponse, error) {
	if o.s.nothing {
		return &fulfilmentv1.GetCaseResponse{}, o.s.err
	}
	return &fulfilmentv1.GetCaseResponse{
		Assignments: []*fulfilmentv1.Assignment{{Duty: fulfilmentv1.Duty_DUTY_APPROVER, Actor: strings.Repeat("a", 26)}}, ApprovalNeeded: true,
		ApprovalAwaited: true, AwaitedSince: timestamppb.New(timeOf(2026, 11, 22)), ManifestDigest: "00ff",
	}, o.s.err
}

// TestStaffAreNamedAndAssigned: what is typed is what is asked for, and said.
func TestStaffAreNamedAndAssigned(t *testing.T) {
	runTyped(t, []typed{
		{"identity", "staff undertake vera --until 2027-01-01 --evidence c-1", []string{`staff:"vera"`, `evidence:"c-1"`, "until:{seconds:1798761600}"}, "vera is bound until 2027-01-01 00:00"},
		{"identity", "staff end vera", []string{`staff:"vera"`}, "vera is no longer bound"},
		{"identity", "staff grant vera --purpose support --until 2027-01-01", []string{`purpose:"support"`}, "vera has the need until 2027-01-01 00:00"},
		{"identity", "staff grant vera --case c --subject jane --until 2027-01-01", []string{`case_id:"c"`, `subject_ref:"jane"`}, "vera has the need"},
		{"identity", "staff revoke vera --case c", []string{`case_id:"c"`}, "vera no longer has the need"},
		{"identity", "staff show vera", nil, "2020-01-01 00:00 ended"},
		{"fulfilment", "request assign r verifier vera", []string{"duty:DUTY_VERIFIER", `staff:"vera"`}, "vera is the verifier of request r"},
		{"fulfilment", "request unassign r approver", []string{"duty:DUTY_APPROVER"}, "request r has no approver"},
		{"fulfilment", "request approve r --manifest 00ff", []string{`manifest_digest:"00ff"`}, "request r is approved"},
		{"fulfilment", "request decline-approval r --manifest 00ff --reason must-be-kept", []string{"reason:DECLINE_REASON_MUST_BE_KEPT"}, "request r is not approved"},
		{"fulfilment", "request case r", nil, "awaited   2026-11-22 00:00"},
	})
}

// TestWhoEndsWhatIsNotThereIsTold: a misspelt name must not look like a leaver
// whose rights are gone.
func TestWhoEndsWhatIsNotThereIsTold(t *testing.T) {
	s, ref := serve(t, "fulfilment"), strings.Repeat("a", 26)
	i := serve(t, "identity")
	s.nothing, i.nothing = true, true
	for _, tc := range []struct {
		on   *answering
		line string
	}{
		{i, "staff end verra"},
		{i, "staff revoke vera --purpose request-fullfilment"},
		{i, "age withdraw " + ref},
		{i, "mandate end " + ref},
		{s, "request unassign r approver"},
	} {
		for _, form := range []string{"table", "json"} {
			r := tc.on.run(t, "", append(strings.Fields(tc.line), "-o", form)...)
			if r.code != cli.ExitNotFound || form == "table" && r.out != "nothing has ended: there was none\n" || form == "json" && !strings.Contains(r.out, `"ended": false`) {
				t.Errorf("%s: exit code %d: %s%s", tc.line, r.code, r.out, r.err)
			}
		}
	}
}

// TestWhatMakesNoSenseIsNotAsked of any service.
func TestWhatMakesNoSenseIsNotAsked(t *testing.T) {
	for _, line := range []string{
		"staff undertake vera --evidence c-1", "staff grant vera --until 2027-01-01", "staff grant vera --purpose p --case c --until 2027-01-01",
		"staff revoke vera", "request assign r butler vera", "request decline-approval r --manifest 00ff --reason mood",
	} {
		s := serve(t, "fulfilment")
		if r := s.run(t, "", strings.Fields(line)...); r.code != cli.ExitUsage || s.calls > 0 {
			t.Errorf("%s: exit code %d, %d calls: %s", line, r.code, s.calls, r.err)
		}
	}
}

func (s *answering) DownloadPackage(_ *fulfilmentv1.DownloadPackageRequest, out fulfilmentv1.RequestService_DownloadPackageServer) error {
	md, _ := metadata.FromIncomingContext(out.Context())
	s.said = strings.Join(append(md.Get("habeas-case"), md.Get("habeas-purpose")...), " ")
	return out.Send(&fulfilmentv1.DownloadPackageResponse{Data: []byte("zip")})
}

// TestADownloadNamesItsCaseWhenAskedTo and its purpose always.
func TestADownloadNamesItsCaseWhenAskedTo(t *testing.T) {
	for flags, want := range map[string]string{"": "request-fulfilment", "--as-case": "r request-fulfilment", "--purpose other": "other"} {
		s := serve(t, "fulfilment")
		r := s.run(t, "", append([]string{"request", "download", "r", "-f", "-"}, strings.Fields(flags)...)...)
		if r.code != cli.ExitOK || r.out != "zip" || s.said != want {
			t.Errorf("%q: exit code %d, said %q: %s", flags, r.code, s.said, r.err)
		}
	}
}
