package cli_test

import (
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/cli"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// saidRefusal is a refusal, and what a person is told of it.
type saidRefusal struct {
	name    string
	code    codes.Code
	reason  string
	details []protoadapt.MessageV1
	counts  map[string]string
	exit    int
	want    []string
	never   string
}

func saidRefusals() []saidRefusal {
	return []saidRefusal{
		{
			name: "the roles that the contract lets in, and no service", code: codes.PermissionDenied, reason: "ROLE_REQUIRED",
			exit: cli.ExitDenied, want: []string{"one of the roles ", "intake", "product"}, never: "service",
		},
		{
			name: "nothing about roles where it was something else", code: codes.PermissionDenied, reason: "UNDERTAKING_REQUIRED",
			exit: cli.ExitDenied, want: []string{"staff undertake"}, never: "one of the roles",
		},
		{
			name: "how many there are", code: codes.FailedPrecondition, reason: "HOLDS_STAND", counts: map[string]string{"holds": "2", "requests": "0"},
			exit: cli.ExitRefused, want: []string{"holds: 2\n", "requests: 0\n", "person.hold_placed"},
		},
		{
			name: "no trace among what is counted", code: codes.Internal, reason: "INTERNAL", counts: map[string]string{"trace_id": "abc"},
			exit: cli.ExitFailed, never: "abc",
		},
		{
			name: "when to come back, and how", code: codes.ResourceExhausted, reason: "RATE_LIMITED",
			details: []protoadapt.MessageV1{&errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)}},
			exit:    cli.ExitUnavailable, want: []string{"in 3s", "--request-id"},
		},
		{
			name: "that less would do, where it was too much", code: codes.ResourceExhausted, reason: "REQUEST_TOO_LARGE",
			exit: cli.ExitUsage, want: []string{"send less"}, never: "--request-id",
		},
		{
			name: "an id without its pattern", code: codes.InvalidArgument, reason: "INVALID_ARGUMENT",
			details: []protoadapt.MessageV1{violation("request", "does not match regex pattern `^[a-z2-7]{25}[aeimquy4]$`")},
			exit:    cli.ExitUsage, want: []string{"field request: must be an id as commands print it"}, never: "regex",
		},
		{
			name: "a pattern for which there are no words", code: codes.InvalidArgument, reason: "INVALID_ARGUMENT",
			details: []protoadapt.MessageV1{violation("odd", "does not match regex pattern `^x$`")},
			exit:    cli.ExitUsage, want: []string{"field odd: does not match regex pattern `^x$`"},
		},
	}
}

// TestARefusalSaysWhatAPersonCanDo: which roles would do, how many stand in the
// way, when to come back, and what is wrong with a field in words.
func TestARefusalSaysWhatAPersonCanDo(t *testing.T) {
	for _, tc := range saidRefusals() {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, "identity")
			st, err := status.New(tc.code, "no").WithDetails(append(tc.details, &errdetails.ErrorInfo{Reason: tc.reason, Metadata: tc.counts})...)
			if err != nil {
				t.Fatal(err)
			}
			s.err = st.Err()
			r := s.run(t, "", "subject", "register", "--email", "jane@example.com")
			if r.code != tc.exit || tc.never != "" && strings.Contains(r.err, tc.never) {
				t.Errorf("exit code %d: %s", r.code, r.err)
			}
			for _, want := range tc.want {
				if !strings.Contains(r.err, want) {
					t.Errorf("%q is missing: %s", want, r.err)
				}
			}
		})
	}
}

func violation(field, text string) *errdetails.BadRequest {
	return &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: text}}}
}

// TestACommandThatIsMisusedSaysWhatItIsLike and calls nobody.
func TestACommandThatIsMisusedSaysWhatItIsLike(t *testing.T) {
	for line, want := range map[string]string{
		"request verify":                         "`habeas request verify REQUEST [CODE]`",
		"settings confirm":                       "`habeas settings confirm NUMBER`",
		"settings show --nope":                   "`habeas settings show --help`",
		"reqest":                                 "`habeas --help` lists",
		"settings shw":                           "`habeas settings --help` lists",
		"settings show --timeout 0":              "--timeout",
		"settings show --timeout -1s":            "--timeout",
		"request verify R --staff-check --again": "--again",
	} {
		s := serve(t, "identity")
		if r := s.run(t, "", strings.Fields(line)...); r.code != cli.ExitUsage || s.calls > 0 || !strings.Contains(r.err, want) {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
	}
}

// TestSettingsThatWaitAreConfirmedByTheCommandThatIsPrinted: with their number.
func TestSettingsThatWaitAreConfirmedByTheCommandThatIsPrinted(t *testing.T) {
	s := serve(t, "identity")
	s.waits = 7
	if r := s.run(t, "", "settings", "set", "--delay", "1h"); r.code != cli.ExitOK || !strings.Contains(r.out, "habeas settings confirm 7, run by somebody else") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	if r := s.run(t, "", "settings", "show"); !strings.Contains(r.out, "number 7,") || !strings.Contains(r.out, "then levels    qcera: access usual, erasure usual") {
		t.Errorf("what is taken back is not shown: %s%s", r.out, r.err)
	}
}

// TestSomebodyIsRegisteredUnderAPolicyAndWithTheirAge.
func TestSomebodyIsRegisteredUnderAPolicyAndWithTheirAge(t *testing.T) {
	s, id := serve(t, "identity"), "00000000-0000-4000-8000-000000000001"
	want := &identityv1.RegisterSubjectRequest{RequestId: id, Policy: "qcera", BirthDate: "2011-05-30", Identifiers: []*identityv1.Identifier{{Kind: 1, Value: "v"}}}
	for born, in := range map[string]string{"2011-05-30": "", "-": "2011-05-30\n"} {
		r := s.run(t, in, "subject", "register", "--request-id", id, "--email", "v", "--policy", "qcera", "--born", born)
		if r.code != cli.ExitOK || !proto.Equal(s.sent, want) {
			t.Errorf("--born %s: exit code %d, sent %v: %s", born, r.code, s.sent, r.err)
		}
	}
}

// TestASystemsChannelIsOfferedToNobody: services alone ask by it.
func TestASystemsChannelIsOfferedToNobody(t *testing.T) {
	s := serve(t, "fulfilment")
	if r := s.run(t, "", "request", "submit", "access", "--email", "v", "--channel", "pigeon"); r.code != cli.ExitUsage ||
		strings.Contains(r.err, "system") || !strings.Contains(r.err, "in-person") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}
