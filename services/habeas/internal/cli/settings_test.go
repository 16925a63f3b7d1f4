package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/cli"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func present() *identityv1.GetSettingsResponse {
	return &identityv1.GetSettingsResponse{Revision: 4, Settings: &identityv1.Settings{
		DisplayName: "Demo", TimeZone: "UTC", Calendar: "us", Assurance: &identityv1.Assurance{Erasure: 4},
		Kinds: []*identityv1.DeclaredKind{{Name: "badge", Fold: true}},
	}}
}

func (s *answering) GetSettings(context.Context, *identityv1.GetSettingsRequest) (*identityv1.GetSettingsResponse, error) {
	got := present()
	if s.waits > 0 {
		got.Settings.Assurance.Policies = []*identityv1.PolicyAssurance{{Policy: "qcera", Access: 4}}
		got.Pending = &identityv1.PendingSettings{Number: s.waits, Settings: present().GetSettings(), Lowers: []identityv1.Safeguard{identityv1.Safeguard_SAFEGUARD_ASSURANCE}}
	}
	return got, nil
}

func (s *answering) UpdateSettings(_ context.Context, r *identityv1.UpdateSettingsRequest) (*identityv1.UpdateSettingsResponse, error) {
	s.sent = r
	_ = s.did(r) // which is said by the answer's own error
	if s.waits > 0 {
		return &identityv1.UpdateSettingsResponse{DueAt: timestamppb.New(timeOf(2026, 11, 23)), Number: s.waits}, s.err
	}
	return &identityv1.UpdateSettingsResponse{Revision: r.GetRevision() + 1}, s.err
}

func (s *answering) RecordAge(_ context.Context, r *identityv1.RecordAgeRequest) (*identityv1.RecordAgeResponse, error) {
	s.sent = r
	return &identityv1.RecordAgeResponse{Blocked: []string{"qcera"}}, s.err
}

func (s *answering) RecordMandate(_ context.Context, r *identityv1.RecordMandateRequest) (*identityv1.RecordMandateResponse, error) {
	s.sent = r
	return &identityv1.RecordMandateResponse{}, s.err
}

func (s *answering) EndMandate(_ context.Context, r *identityv1.EndMandateRequest) (*identityv1.EndMandateResponse, error) {
	s.sent = r
	return &identityv1.EndMandateResponse{Ended: !s.nothing}, s.err
}

func (s *answering) RecordParentalConsent(_ context.Context, r *identityv1.RecordParentalConsentRequest) (*identityv1.RecordParentalConsentResponse, error) {
	s.sent = r
	return &identityv1.RecordParentalConsentResponse{}, s.err
}

func (s *answering) WithdrawParentalConsent(_ context.Context, r *identityv1.WithdrawParentalConsentRequest) (*identityv1.WithdrawParentalConsentResponse, error) {
	s.sent = r
	return &identityv1.WithdrawParentalConsentResponse{Ended: !s.nothing}, s.err
}

func (s *answering) GetAgeStatus(context.Context, *identityv1.GetAgeStatusRequest) (*identityv1.GetAgeStatusResponse, error) {
	return &identityv1.GetAgeStatusResponse{
		Source: identityv1.AgeSource_AGE_SOURCE_DOCUMENT, Mandate: &identityv1.Mandate{Kind: identityv1.MandateKind_MANDATE_KIND_PARENT, Evidence: "form:7"},
		Blocks: []*identityv1.Block{{Policy: "qcera", Since: timestamppb.New(timeOf(2026, 11, 22)), LiftedBy: []string{"mandate", "parental_consent"}, MinimumAge: 18}},
	}, s.err
}

func TestSettingsAreShownAndOnlyWhatFlagsNameIsChanged(t *testing.T) {
	s := serve(t, "identity")
	if r := s.run(t, "", "settings", "show"); r.code != cli.ExitOK || !strings.Contains(r.out, "erasure level  4") ||
		!strings.Contains(r.out, "access level   usual") || !strings.Contains(r.out, "kind           badge:fold") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	id := "00000000-0000-4000-8000-000000000001"
	r := s.run(t, "", "settings", "set", "--approval", "--access-level", "3", "--kind", "visit:analytics", "--request-id", id)
	want := &identityv1.UpdateSettingsRequest{RequestId: id, Revision: 4, Settings: present().GetSettings()}
	want.Settings.Approval, want.Settings.Assurance.Access = true, 3
	want.Settings.Kinds = append(want.Settings.Kinds, &identityv1.DeclaredKind{Name: "visit", Analytics: true})
	if r.code != cli.ExitOK || !proto.Equal(s.sent, want) || r.out != "REVISION\n5\n" {
		t.Errorf("exit code %d, sent %v\n%s%s", r.code, s.sent, r.out, r.err)
	}
	s.err = refusal(t, codes.Unavailable)
	r = s.run(t, "", "settings", "set", "--zone", "Europe/Berlin")
	if r.code != cli.ExitUnavailable || !strings.Contains(r.err, "SOME_REASON") || !strings.Contains(r.err, "--revision 4") {
		t.Errorf("exit code %d\n%s", r.code, r.err)
	}
}

func (s *answering) ConfirmSettings(_ context.Context, r *identityv1.ConfirmSettingsRequest) (*identityv1.ConfirmSettingsResponse, error) {
	s.sent = r
	return &identityv1.ConfirmSettingsResponse{Revision: 5}, s.err
}

func (s *answering) WithdrawSettings(_ context.Context, r *identityv1.WithdrawSettingsRequest) (*identityv1.WithdrawSettingsResponse, error) {
	s.sent = r
	return &identityv1.WithdrawSettingsResponse{}, s.err
}

func TestSafeguardsAndLevelsAreSetConfirmedAndWithdrawn(t *testing.T) {
	s, id := serve(t, "identity"), "00000000-0000-4000-8000-000000000001"
	want := &identityv1.UpdateSettingsRequest{RequestId: id, Revision: 4, Settings: present().GetSettings()}
	want.Settings.Officers, want.Settings.Safeguards = "dpo@demo.example", &identityv1.Safeguards{Delay: durationpb.New(time.Hour)}
	want.Settings.Assurance.Policies = []*identityv1.PolicyAssurance{{Policy: "qcera", Access: 4}}
	r := s.run(t, "", "settings", "set", "--officers", "dpo@demo.example", "--delay", "1h", "--levels", "qcera:4:0", "--request-id", id)
	if r.code != cli.ExitOK || !proto.Equal(s.sent, want) {
		t.Errorf("exit code %d, sent %v\n%s", r.code, s.sent, r.err)
	}
	r = s.run(t, "", "settings", "confirm", "3", "--request-id", id)
	if r.code != cli.ExitOK || !proto.Equal(s.sent, &identityv1.ConfirmSettingsRequest{RequestId: id, Number: 3}) {
		t.Errorf("exit code %d, sent %v\n%s", r.code, s.sent, r.err)
	}
	r = s.run(t, "", "settings", "withdraw", "--request-id", id)
	if r.code != cli.ExitOK || !proto.Equal(s.sent, &identityv1.WithdrawSettingsRequest{RequestId: id}) {
		t.Errorf("exit code %d, sent %v\n%s", r.code, s.sent, r.err)
	}
	for _, args := range [][]string{{"set"}, {"set", "--levels", "qcera"}, {"set", "--levels", "qcera:2:0"}, {"confirm", "x"}} {
		if r := s.run(t, "", append([]string{"settings"}, args...)...); r.code != cli.ExitUsage {
			t.Errorf("%v: exit code %d", args, r.code)
		}
	}
}

func TestSettingsFromAFileReplaceAll(t *testing.T) {
	s := serve(t, "identity")
	file := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(file, []byte(`{"display_name": "Other", "time_zone": "UTC"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.run(t, "", "settings", "set", "--from", file, "--revision", "3")
	sent, _ := s.sent.(*identityv1.UpdateSettingsRequest)
	if r.code != cli.ExitOK || sent.GetRevision() != 3 || !proto.Equal(sent.GetSettings(), &identityv1.Settings{DisplayName: "Other", TimeZone: "UTC"}) {
		t.Errorf("exit code %d, sent %v\n%s", r.code, sent, r.err)
	}
}

func TestAgesMandatesAndParentsAreRecorded(t *testing.T) {
	s, ref, id := serve(t, "identity"), strings.Repeat("a", 26), "00000000-0000-4000-8000-000000000001"
	for _, tc := range []struct {
		args []string
		want proto.Message
	}{
		{
			[]string{"age", "record", ref, "--born", "2015-02-28", "--evidence", "form:7"},
			&identityv1.RecordAgeRequest{RequestId: id, SubjectRef: ref, Source: identityv1.AgeSource_AGE_SOURCE_STATED, BirthDate: "2015-02-28", Evidence: "form:7"},
		},
		{
			[]string{"age", "record", ref, "--born", "-"},
			&identityv1.RecordAgeRequest{RequestId: id, SubjectRef: ref, Source: identityv1.AgeSource_AGE_SOURCE_STATED, BirthDate: "2015-02-28"},
		},
		{[]string{"age", "consent", ref, "--method", "signed-form", "--evidence", "form:8"}, &identityv1.RecordParentalConsentRequest{
			RequestId: id, SubjectRef: ref,
			Consent: &identityv1.ParentalConsent{Method: identityv1.ConsentMethod_CONSENT_METHOD_SIGNED_FORM, Evidence: "form:8"},
		}},
		{[]string{"age", "withdraw", ref}, &identityv1.WithdrawParentalConsentRequest{RequestId: id, SubjectRef: ref}},
		{[]string{"mandate", "record", ref, "--kind", "guardian", "--evidence", "court:9"}, &identityv1.RecordMandateRequest{
			RequestId: id, SubjectRef: ref, Mandate: &identityv1.Mandate{Kind: identityv1.MandateKind_MANDATE_KIND_GUARDIAN, Evidence: "court:9"},
		}},
		{[]string{"mandate", "end", ref}, &identityv1.EndMandateRequest{RequestId: id, SubjectRef: ref}},
	} {
		r := s.run(t, "2015-02-28\n", append(tc.args, "--request-id", id)...)
		if r.code != cli.ExitOK || !proto.Equal(s.sent, tc.want) || !strings.HasPrefix(r.out, "NOT SERVED BY\n") {
			t.Errorf("%v: exit code %d, sent %v\n%s%s", tc.args, r.code, s.sent, r.out, r.err)
		}
	}
	if r := s.run(t, "", "age", "status", ref); r.code != cli.ExitOK || !strings.Contains(r.out, "document  parent   -") || !strings.Contains(r.out, "a mandate, habeas mandate record and a parent's consent, habeas age consent; or the age of 18") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

func TestMistakesInSettingsAndAgesAreMistakesOfUsage(t *testing.T) {
	s, ref := serve(t, "identity"), strings.Repeat("a", 26)
	for _, args := range [][]string{
		{"settings", "set"},
		{"settings", "set", "--kind", "badge:bold"},
		{"settings", "set", "--from", filepath.Join(t.TempDir(), "none.json")},
		{"age", "record", ref, "--source", "rumour"},
		{"age", "consent", ref},
		{"mandate", "record", ref, "--kind", "neighbour"},
		{"mandate", "end"},
	} {
		if r := s.run(t, "", args...); r.code != cli.ExitUsage || r.out != "" {
			t.Errorf("%v: exit code %d\n%s%s", args, r.code, r.out, r.err)
		}
	}
}
