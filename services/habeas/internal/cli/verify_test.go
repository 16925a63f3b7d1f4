package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/cli"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// rightToken is the ID token that counts.
const rightToken = "head.claims.signature"

func (s *answering) VerifyRequest(_ context.Context, r *fulfilmentv1.VerifyRequestRequest) (*fulfilmentv1.VerifyRequestResponse, error) {
	s.token = r.GetIdToken() + r.GetCode()
	if r.GetIdToken() != rightToken {
		return &fulfilmentv1.VerifyRequestResponse{State: identityv1.VerificationState_VERIFICATION_STATE_OPEN, AttemptsLeft: 4}, s.err
	}
	return &fulfilmentv1.VerifyRequestResponse{
		State: identityv1.VerificationState_VERIFICATION_STATE_PASSED, AssuranceLevel: 2, NeededLevel: 3, Reason: "ASSURANCE_TOO_LOW",
		Suffices: []string{"settled_channel", "assertion_second_factor"},
	}, s.err
}

func (s *answering) RenewVerification(context.Context, *fulfilmentv1.RenewVerificationRequest) (*fulfilmentv1.RenewVerificationResponse, error) {
	s.calls++
	return &fulfilmentv1.RenewVerificationResponse{}, s.err
}

func TestAProofIsHandedInOneWay(t *testing.T) {
	s := serve(t, "fulfilment")
	request, file := strings.Repeat("a", 26), filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(rightToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		in   string
		args []string
		code int
		out  string
	}{
		{"a code", "", []string{request, "00000000"}, cli.ExitRefused, "open"},
		{"a code on standard input", "00000000\n", []string{request, "-"}, cli.ExitRefused, "open"},
		{"no code on standard input", "\n", []string{request, "-"}, cli.ExitUsage, ""},
		{"a token in a file", "", []string{request, "--id-token-file", file}, cli.ExitOK, "settled_channel, assertion_second_factor"},
		{"a token on standard input", rightToken, []string{request, "--id-token-file", "-"}, cli.ExitOK, "ASSURANCE_TOO_LOW"},
		{"asked for again", "", []string{request, "--again"}, cli.ExitOK, request},
		{"no token in a file", "\n", []string{request, "--id-token-file", "-"}, cli.ExitUsage, ""},
		{"a file that is far too long", strings.Repeat("x", 70<<10), []string{request, "--id-token-file", "-"}, cli.ExitUsage, ""},
		{"a file that is not there", "", []string{request, "--id-token-file", file + ".gone"}, cli.ExitUsage, ""},
		{"no proof", "", []string{request}, cli.ExitUsage, ""},
		{"two proofs", "", []string{request, "00000000", "--id-token-file", file}, cli.ExitUsage, ""},
		{"a proof while another is asked for", "", []string{request, "00000000", "--again"}, cli.ExitUsage, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.token = ""
			r := s.run(t, tc.in, append([]string{"request", "verify"}, tc.args...)...)
			if r.code != tc.code || !strings.Contains(r.out, tc.out) {
				t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", r.code, tc.code, r.out, r.err)
			}
			if tc.code == cli.ExitUsage && s.token != "" {
				t.Error("something was handed in")
			}
			if strings.Contains(r.out+r.err, rightToken) {
				t.Errorf("the token is shown: %s%s", r.out, r.err)
			}
		})
	}
	s.err = refusal(t, codes.FailedPrecondition)
	if r := s.run(t, "", "request", "verify", request, "--id-token-file", file); r.code != cli.ExitRefused || strings.Contains(r.err, rightToken) {
		t.Errorf("exit code %d\n%s", r.code, r.err)
	}
}

func TestAProviderIsSetAndTheOtherSettingsStay(t *testing.T) {
	s := serve(t, "identity")
	set := func(args ...string) (*identityv1.Settings, result) {
		s.sent = nil
		r := s.run(t, "", append([]string{"settings", "provider"}, args...)...)
		sent, _ := s.sent.(*identityv1.UpdateSettingsRequest)
		return sent.GetSettings(), r
	}
	want := present().GetSettings()
	want.Provider = &identityv1.IdentityProvider{Issuer: "https://login.example", ClientId: "portal", Levels: []*identityv1.ProviderLevel{
		{Claim: identityv1.AssuranceClaim_ASSURANCE_CLAIM_ACR, Value: "urn:x?a=b", Level: 4},
		{Claim: identityv1.AssuranceClaim_ASSURANCE_CLAIM_AMR, Value: "otp", Level: 3},
	}}
	got, r := set("--issuer", "https://login.example", "--client", "portal", "--acr", "urn:x?a=b=4", "--amr", "otp=3")
	if r.code != cli.ExitOK || !proto.Equal(got, want) || r.out != "REVISION\n5\n" {
		t.Errorf("exit code %d, sent %v\n%s%s", r.code, got, r.out, r.err)
	}
	if got, r = set("--none"); r.code != cli.ExitOK || !proto.Equal(got, present().GetSettings()) {
		t.Errorf("exit code %d, sent %v\n%s", r.code, got, r.err)
	}
	for _, wrong := range [][]string{
		nil,
		{"--issuer", "https://login.example"},
		{"--client", "portal"},
		{"--none", "--client", "portal"},
		{"--issuer", "https://login.example", "--client", "portal", "--acr", "phr"},
		{"--issuer", "https://login.example", "--client", "portal", "--acr", "=3"},
		{"--issuer", "https://login.example", "--client", "portal", "--amr", "otp=2"},
	} {
		if got, r = set(wrong...); r.code != cli.ExitUsage || got != nil {
			t.Errorf("%v: exit code %d, sent %v", wrong, r.code, got)
		}
	}
}

func (s *answering) CancelRequest(_ context.Context, r *fulfilmentv1.CancelRequestRequest) (*fulfilmentv1.CancelRequestResponse, error) {
	s.said = r.GetCode() + " " + r.GetReason().String()
	return &fulfilmentv1.CancelRequestResponse{}, s.err
}

// TestWhoWasToldOfARequestCancelsItWithTheCode, which no process list has to show.
func TestWhoWasToldOfARequestCancelsItWithTheCode(t *testing.T) {
	s := serve(t, "fulfilment")
	request, code := strings.Repeat("a", 26), strings.Repeat("b", 26)
	for _, tc := range []struct {
		name string
		in   string
		args []string
		code int
		said string
	}{
		{"the code as an argument", "", []string{request, code}, cli.ExitOK, code + " CANCEL_REASON_NOT_ME"},
		{"the code on standard input", code + "\n", []string{request, "-"}, cli.ExitOK, code + " CANCEL_REASON_NOT_ME"},
		{"the code is asked for", code, []string{request}, cli.ExitOK, code + " CANCEL_REASON_NOT_ME"},
		{"they want it no more", "", []string{request, code, "--reason", "changed-mind"}, cli.ExitOK, code + " CANCEL_REASON_CHANGED_MIND"},
		{"a reason that there is not", "", []string{request, code, "--reason", "other"}, cli.ExitUsage, ""},
		{"no code", "", []string{request}, cli.ExitUsage, ""},
	} {
		s.said = ""
		r := s.run(t, tc.in, append([]string{"request", "cancel"}, tc.args...)...)
		if r.code != tc.code || s.said != tc.said || strings.Contains(r.out+r.err, code) {
			t.Errorf("%s: exit code %d, sent %q: %s%s", tc.name, r.code, s.said, r.out, r.err)
		}
	}
}
