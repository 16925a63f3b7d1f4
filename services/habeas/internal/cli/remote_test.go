package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/cli"
	"habeas.internal/services/internal/localca"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// answering is a service that answers as its test says.
type answering struct {
	identityv1.UnimplementedTenantServiceServer
	identityv1.UnimplementedSubjectServiceServer
	identityv1.UnimplementedAgeServiceServer
	identityv1.UnimplementedSettingsServiceServer
	consentv1.UnimplementedConsentServiceServer
	fulfilmentv1.UnimplementedRequestServiceServer
	fulfilmentv1.UnimplementedSystemServiceServer

	err     error
	allowed bool
	nothing bool   // was there to end
	waits   uint32 // number of settings that would lower a safeguard
	request *fulfilmentv1.Request
	person  *identityv1.GetSubjectResponse
	tenant  *identityv1.GetTenantResponse
	calls   int
	id      string
	token   string
	email   string
	sent    proto.Message // last command about settings or ages

	config string
	said   string // by the last command of staff
}

func (s *answering) CreateTenant(_ context.Context, r *identityv1.CreateTenantRequest) (*identityv1.CreateTenantResponse, error) {
	s.calls++
	s.id = r.GetRequestId()
	return &identityv1.CreateTenantResponse{}, s.err
}

func (s *answering) GetTenant(ctx context.Context, _ *identityv1.GetTenantRequest) (*identityv1.GetTenantResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	s.token = strings.Join(md.Get("authorization"), "")
	if s.tenant != nil {
		return s.tenant, s.err
	}
	return &identityv1.GetTenantResponse{Tenant: "demo", DisplayName: "Demo", TimeZone: "UTC"}, s.err
}

func (s *answering) RegisterSubject(_ context.Context, r *identityv1.RegisterSubjectRequest) (*identityv1.RegisterSubjectResponse, error) {
	s.email = r.GetIdentifiers()[0].GetValue()
	s.sent = r
	return &identityv1.RegisterSubjectResponse{SubjectRef: strings.Repeat("a", 26)}, s.err
}

func (s *answering) GetSubject(context.Context, *identityv1.GetSubjectRequest) (*identityv1.GetSubjectResponse, error) {
	if s.person != nil {
		return s.person, s.err
	}
	return &identityv1.GetSubjectResponse{
		State: identityv1.SubjectState_SUBJECT_STATE_ACTIVE, RegisteredAt: timestamppb.New(timeOf(2026, 1, 2)),
		Kinds: []identityv1.IdentifierKind{identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL},
	}, s.err
}

func (s *answering) Check(context.Context, *consentv1.CheckRequest) (*consentv1.CheckResponse, error) {
	return &consentv1.CheckResponse{Answer: &consentv1.Answer{Allowed: s.allowed, Reason: "REASON", Clause: "PT-03", Version: 1}}, s.err
}

// serve runs the service as identity and consent, and writes a client
// configuration.
func serve(t *testing.T, as string) *answering {
	t.Helper()
	dir := t.TempDir()
	ca, err := localca.Open(filepath.Join(dir, "ca"), "habeas.test")
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue(localca.Request{Name: as, Hosts: []string{"127.0.0.1"}, ID: "spiffe://habeas.test/ns/habeas/sa/" + as})
	if err != nil {
		t.Fatal(err)
	}
	secure := id.ServerTLS()
	secure.ClientAuth, secure.NextProtos = 0, []string{"h2"}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &answering{config: filepath.Join(dir, "client.yaml")}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(secure)))
	identityv1.RegisterTenantServiceServer(server, s)
	identityv1.RegisterSubjectServiceServer(server, s)
	identityv1.RegisterAgeServiceServer(server, s)
	identityv1.RegisterSettingsServiceServer(server, s)
	consentv1.RegisterConsentServiceServer(server, s)
	consentv1.RegisterDisclosureServiceServer(server, registerOf{s: s})
	consentv1.RegisterRecipientServiceServer(server, recipientsOf{s: s})
	fulfilmentv1.RegisterRequestServiceServer(server, s)
	fulfilmentv1.RegisterSystemServiceServer(server, s)
	identityv1.RegisterStaffServiceServer(server, staffOf{s: s})
	fulfilmentv1.RegisterCaseServiceServer(server, casesOf{s: s})
	identityv1.RegisterBreakGlassServiceServer(server, glassOf{s: s})
	identityv1.RegisterAgentServiceServer(server, agentsOf{s: s})
	fulfilmentv1.RegisterAgentRequestServiceServer(server, signedOf{s: s})
	go func() { _ = server.Serve(lis) }()
	t.Cleanup(server.Stop)
	text := "tenant: demo\ntoken: secret-token\nca: " + id.CAFile + "\ntrust_domain: habeas.test\nnamespace: habeas\nendpoints:\n" +
		"  identity: " + lis.Addr().String() + "\n  consent: " + lis.Addr().String() + "\n"
	if as == "fulfilment" {
		text += "  fulfilment: " + lis.Addr().String() + "\n"
	}
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *answering) run(t *testing.T, in string, args ...string) result {
	t.Helper()
	return s.runAs(t, in, nil, args...)
}

// runAs runs a command with more variables.
func (s *answering) runAs(t *testing.T, in string, variables []string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Run(t.Context(), args, cli.Streams{
		In: strings.NewReader(in), Out: &out, Err: &errs, Environ: append([]string{"HABEAS_CONFIG=" + s.config}, variables...),
	})
	return result{code, out.String(), errs.String()}
}

func refusal(t *testing.T, code codes.Code) error {
	t.Helper()
	st, err := status.New(code, "no such luck").WithDetails(
		&errdetails.ErrorInfo{Reason: "SOME_REASON", Domain: "habeas"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "tenant", Description: "is wrong"}}})
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func TestAnswersHaveTheirExitCodes(t *testing.T) {
	s := serve(t, "identity")
	want := map[codes.Code]int{
		codes.InvalidArgument: cli.ExitUsage, codes.FailedPrecondition: cli.ExitRefused, codes.AlreadyExists: cli.ExitRefused,
		codes.Aborted: cli.ExitRefused, codes.OutOfRange: cli.ExitRefused, codes.DataLoss: cli.ExitRefused, codes.NotFound: cli.ExitNotFound,
		codes.PermissionDenied: cli.ExitDenied, codes.Unauthenticated: cli.ExitDenied, codes.Unavailable: cli.ExitUnavailable,
		codes.DeadlineExceeded: cli.ExitUnavailable, codes.ResourceExhausted: cli.ExitUsage, codes.Internal: cli.ExitFailed,
		codes.Unknown: cli.ExitFailed, codes.Unimplemented: cli.ExitFailed, codes.Canceled: cli.ExitFailed,
	}
	for code, exit := range want {
		s.err = refusal(t, code)
		r := s.run(t, "", "tenant", "get")
		if r.code != exit || r.out != "" {
			t.Errorf("%s: exit code %d, want %d: %s", code, r.code, exit, r.out)
		}
		for _, part := range []string{"SOME_REASON", "no such luck", "field tenant: is wrong"} {
			if !strings.Contains(r.err, part) {
				t.Errorf("%s: the error lacks %q: %s", code, part, r.err)
			}
		}
	}
}

func TestAnUnavailableServiceIsAskedAgainAndTheCommandCanBeRepeated(t *testing.T) {
	s := serve(t, "identity")
	s.err = refusal(t, codes.Unavailable)
	r := s.run(t, "", "tenant", "create", "demo")
	if r.code != cli.ExitUnavailable || s.calls < 2 || !strings.Contains(r.err, "--request-id "+s.id) {
		t.Errorf("exit code %d after %d calls: %s", r.code, s.calls, r.err)
	}
	first := s.id
	s.err = nil
	if r := s.run(t, "", "tenant", "create", "demo", "--request-id", first); r.code != cli.ExitOK || s.id != first {
		t.Errorf("exit code %d with id %s, want %s: %s", r.code, s.id, first, r.err)
	}
}

func TestErrorsAreJSONForPrograms(t *testing.T) {
	s := serve(t, "identity")
	s.err = refusal(t, codes.FailedPrecondition)
	r := s.run(t, "", "tenant", "get", "-o", "json")
	var e struct {
		Error struct {
			Code, Reason, Message string
			Fields                []struct{ Field, Description string }
		}
	}
	if err := json.Unmarshal([]byte(r.err), &e); err != nil || e.Error.Reason != "SOME_REASON" || e.Error.Fields[0].Field != "tenant" {
		t.Errorf("%v: %s", err, r.err)
	}
}

func TestResultsAreTablesAndStableJSON(t *testing.T) {
	s := serve(t, "identity")
	ref := strings.Repeat("a", 26)
	if r := s.run(t, "", "subject", "show", ref); r.out != "SUBJECT                     STATE   KNOWN BY  SINCE\n"+
		ref+"  active  email     2026-01-02 00:00\n" {
		t.Errorf("table is\n%s%s", r.out, r.err)
	}
	const want = `{
  "state": "SUBJECT_STATE_ACTIVE",
  "kinds": [
    "IDENTIFIER_KIND_EMAIL"
  ],
  "registered_at": "2026-01-02T00:00:00Z",
  "merged_into": "",
  "merged_refs": [],
  "merging_into": ""
}
`
	for range 20 { // the library's own JSON differs from run to run
		if r := s.run(t, "", "subject", "show", ref, "-o", "json"); r.out != want {
			t.Fatalf("JSON is\n%s", r.out)
		}
	}
}

func TestAnIdentifierCanComeFromStandardInput(t *testing.T) {
	s := serve(t, "identity")
	if r := s.run(t, "ada@example.com\n", "subject", "register", "--email", "-"); r.code != cli.ExitOK || s.email != "ada@example.com" {
		t.Errorf("exit code %d, registered %q: %s", r.code, s.email, r.err)
	}
	if r := s.run(t, "", "subject", "register", "--email", "-"); r.code != cli.ExitUsage {
		t.Errorf("exit code %d without a line", r.code)
	}
}

func TestACheckSaysNoByItsExitCode(t *testing.T) {
	s := serve(t, "consent")
	args := []string{"consent", "check", strings.Repeat("a", 26), "--policy", "p", "--purpose", "x", "--category", "y"}
	if r := s.run(t, "", args...); r.code != cli.ExitRefused || !strings.Contains(r.out, "no ") || r.err != "" {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	s.allowed = true
	if r := s.run(t, "", args...); r.code != cli.ExitOK || !strings.Contains(r.out, "yes ") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
}

func TestAnotherServiceAtTheAddressIsNotTrusted(t *testing.T) {
	s := serve(t, "consent")
	if r := s.run(t, "", "tenant", "get"); r.code != cli.ExitUnavailable || s.token != "" {
		t.Errorf("exit code %d, and the token went to it: %t", r.code, s.token != "")
	}
}

func TestTheClientConfigurationIsItsOwnersAlone(t *testing.T) {
	s := serve(t, "identity")
	if r := s.run(t, "", "tenant", "get"); r.code != cli.ExitOK || s.token != "Bearer secret-token" {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	if err := os.Chmod(s.config, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := s.run(t, "", "tenant", "get"); r.code != cli.ExitUsage || !strings.Contains(r.err, "read by others") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	if err := os.WriteFile(s.config, []byte("tokn: secret-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.config, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := s.run(t, "", "tenant", "get"); r.code != cli.ExitUsage || strings.Contains(r.err, "secret-token") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

func TestMistakesAreFoundBeforeAnythingIsSent(t *testing.T) {
	s := serve(t, "identity")
	ref := strings.Repeat("a", 26)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no identifier", []string{"subject", "resolve"}, "exactly one"},
		{"two identifiers", []string{"subject", "resolve", "--email", "a", "--phone", "b"}, "exactly one"},
		{"a right that there is not", []string{"request", "submit", "revenge", "--email", "a"}, "access, erasure"},
		{"a decision that there is not", []string{"consent", "record", ref, "--decision", "maybe"}, "given, refused, withdrawn, offered"},
		{"neither a purpose nor all", []string{"consent", "withdraw", ref}, "--all"},
		{"a hold that nobody looks at again", []string{"hold", "place", ref, "--authority", "case 1"}, "--review-at"},
		{"a replay of the future", []string{"audit", "replay", "--at", "2999-01-01"}, "lies ahead"},
		{"a moment that is none", []string{"consent", "history", ref, "--at", "yesterday"}, "--at"},
		{"a version that is none", []string{"policy", "post", "p", "first", "--text-hash", "x"}, "number"},
		{"a text and its hash", []string{"policy", "post", "p", "1", "--text-hash", "x", "--text", "y"}, "one of --text"},
		{"a policy that is not there", []string{"policy", "publish", "nowhere.yaml"}, "nowhere.yaml"},
		{"a connector that there is not", []string{"system", "register", "s", "--connector", "paper", "--dataset", "x"}, "postgresql, mysql, sqlite"},
		{"an argument that is missing", []string{"hold", "release", ref}, "accepts 2 arg(s)"},
		{"a state that there is not", []string{"request", "list", "--state", "lost"}, "received"},
		{"a service without an endpoint", []string{"request", "get", ref}, "no endpoint of fulfilment"},
		{"a log that is not described", []string{"audit", "replay"}, "how to read the log"},
		{"no file of spans", []string{"trace", ref}, "--spans"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := s.run(t, "", test.args...)
			if r.code != cli.ExitUsage || !strings.Contains(r.err, test.want) || r.out != "" {
				t.Errorf("exit code %d\nstdout: %s\nstderr: %s", r.code, r.out, r.err)
			}
		})
	}
}
