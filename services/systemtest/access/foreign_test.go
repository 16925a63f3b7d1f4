package access_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/sqltest"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"
)

const (
	foreign = "globex"
	// unknown is the id of nothing.
	unknown = "zzzzzzzzzzzzzzzzzzzzzzzzzy"
)

// TestAnotherTenantsObjectIsAsGoodAsNone asks for what exists elsewhere and for
// what exists nowhere: the answers are the same, to the last detail.
func TestAnotherTenantsObjectIsAsGoodAsNone(t *testing.T) {
	s := stack.New(t)
	known := plant(t, s)
	nowhere := map[string]string{
		"subject": unknown, "request": unknown, "policy": "no-such-thing", "system": "no-such-thing", "agent": "no-such-thing",
		"recipient": "no-such-thing", "statistic": "no-such-thing", "grant": unknown, "staff": "no-such-thing", "identifier": "nobody@people.example",
		"import": unknown, "account": "no-such-thing", "plan": "no-such-thing", "conversation": unknown,
	}
	a := newAsker(t, s)
	for object, methods := range objects() {
		for name, ask := range methods {
			t.Run(name, func(t *testing.T) {
				of := func(id string) string {
					return a.told(t, foreign, name, ask[0], strings.ReplaceAll(ask[1], "%s", id))
				}
				there, none := of(known[object]), of(nowhere[object])
				if diff := cmp.Diff(none, there); diff != "" {
					t.Errorf("another tenant's %s differs from none:\n%s", object, diff)
				}
				if ends(name) {
					return // what others ask about would be gone
				}
				own := a.told(t, tenant, name, ask[0], strings.ReplaceAll(ask[1], "%s", known[object]))
				if own == none && !alike(name) {
					t.Errorf("the own %s is answered like none, so that this shows nothing: %s", object, own)
				}
			})
		}
	}
}

// alike are methods whose answers don't depend on whether the object is there.
func alike(method string) bool {
	return slices.Contains([]string{
		"WithdrawAll", "RevokeSource", "ListMerges", "GetPerson", "ListClocks", "GetAgeStatus", "ReleaseHold", "PlaceHold", "ReviewHold", "EndPermit", "StartVerification",
		"ListDisclosures", "ListAccounting", "ListRecipientsOf", "ListMarketingDisclosures", "ListRefusals", "ApplyRefusals",
		"AddParticipants", "OpenConversation", "ListConversations",
	}, method[strings.LastIndex(method, ".")+1:])
}

// ends are methods that end the object.
func ends(method string) bool {
	return slices.Contains([]string{
		"ForgetSubject", "FixIdentifiers", "MergeSubjects", "RemoveAgent", "EndUndertaking", "CancelRequest", "DeclineBreakGlass", "CloseBreakGlass", "ApplyFact", "DestroyKeys", "CloseConversation",
	}, method[strings.LastIndex(method, ".")+1:])
}

const (
	policy = "caseworks"
	system = "shop"
	email  = "jane@people.example"
	agent  = "registrar"
	staff  = "hired-here"
	// customer is an account.
	customer = "customer-1"
	party    = "acme-mail"
	figure   = "visits"
	plan     = "talks"
)

// dataset describes the one system that holds people.
const dataset = `dataset:
  - fides_key: shop
    collections:
      - name: held
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: address, data_categories: [account.email], fides_meta: {identity: email}}
`

// plant starts the services and makes one object of each kind.
func plant(t *testing.T, s *stack.Stack) map[string]string {
	t.Helper()
	s.Connections[tenant+"/"+system] = sqltest.SQLite(t, "CREATE TABLE held (id INTEGER PRIMARY KEY, address TEXT)").DSN
	s.Start()
	for _, id := range []string{tenant, foreign} {
		s.Tenant(id)
		s.Employ(id, "case.handling")
	}
	s.Publish(tenant, policy, time.Now().Add(-time.Hour))
	s.System(tenant, system, fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE, []byte(dataset))
	testwait.For(t, 30*time.Second, func() error {
		_, err := s.As(tenant, "dpo").Retention.GetSchedule(stack.Deadline(t), &retentionv1.GetScheduleRequest{Policy: policy})
		return err
	})
	subject := s.Register(tenant, email)
	_, err := s.As(tenant, "product").Consent.RecordDecision(stack.Deadline(t), &consentv1.RecordDecisionRequest{
		RequestId: uuid.NewString(), SubjectRef: subject, Policy: policy, Evidence: "form:7", DecidedAt: timestamppb.Now(),
		Choices: []*consentv1.Choice{{
			Purpose: "trends.track", Decision: consentv1.Decision_DECISION_REFUSED, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
		}},
	})
	if err != nil {
		t.Fatal(stack.Answer(err))
	}
	request := s.Submit(tenant, fulfilmentv1.Right_RIGHT_ACCESS, policy, email)
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, err = identityv1.NewAgentServiceClient(as(s, "identity", tenant, "platform_admin")).CreateAgent(stack.Deadline(t), &identityv1.CreateAgentRequest{
		RequestId: uuid.NewString(), Agent: agent, DisplayName: "Agent", RequestsPerDay: 10, PublicKey: public,
		KeyFrom: timestamppb.New(time.Now()), KeyUntil: timestamppb.New(time.Now().Add(time.Hour)),
	})
	if err != nil {
		t.Fatal(stack.Answer(err))
	}
	_, err = s.As(tenant, "dpo").Recipients.PutRecipient(stack.Deadline(t), &consentv1.PutRecipientRequest{
		RequestId: uuid.NewString(), Recipient: party, Profile: &consentv1.RecipientProfile{Kind: "successor", Title: "Acme Mail", Region: "us"},
	})
	if err != nil {
		t.Fatal(stack.Answer(err))
	}
	count(t, s)
	s.EmployNamed(tenant, staff, "case.handling")
	glass, err := identityv1.NewBreakGlassServiceClient(as(s, "identity", tenant, "verifier")).AskBreakGlass(stack.Deadline(t), &identityv1.AskBreakGlassRequest{
		RequestId: uuid.NewString(), SubjectRef: subject, Policy: policy, Ground: "law", Reason: "subpoena", Document: "case-7",
		Categories: []string{"account.email"}, Period: durationpb.New(10 * time.Minute),
	})
	if err != nil {
		t.Fatal(stack.Answer(err))
	}
	plantAccount(t, s, subject)
	return map[string]string{
		"account": customer, "subject": subject, "policy": policy, "system": system, "request": request, "agent": agent, "staff": staff, "identifier": email,
		"recipient": party, "statistic": figure, "grant": glass.GetBreakGlass(),
		"import": plantImport(t, s), "plan": plan, "conversation": plantConversation(t, s, subject),
	}
}

// plantAccount opens an account of somebody's.
func plantAccount(t *testing.T, s *stack.Stack, subject string) {
	t.Helper()
	_, err := s.As(tenant, "product").Storage.OpenAccount(stack.Deadline(t), &retentionv1.OpenAccountRequest{
		RequestId: uuid.NewString(), Account: customer, SubjectRefs: []string{subject},
	})
	if err != nil {
		t.Fatal(stack.Answer(err))
	}
}

// plantConversation makes a plan and a conversation under it.
func plantConversation(t *testing.T, s *stack.Stack, subject string) string {
	t.Helper()
	_, err := s.As(tenant, "dpo").Conversations.PutMessagePlan(stack.Deadline(t), &retentionv1.PutMessagePlanRequest{
		RequestId: uuid.NewString(), Plan: &retentionv1.MessagePlan{
			Plan: plan, Archive: retentionv1.Archive_ARCHIVE_NONE, Length: retentionv1.PeriodLength_PERIOD_LENGTH_DAY, Keep: "P1D", Authority: "PT-05",
		},
	})
	if err != nil {
		t.Fatal(stack.Answer(err))
	}
	got, err := s.As(tenant, "product").Conversations.OpenConversation(stack.Deadline(t), &retentionv1.OpenConversationRequest{
		RequestId: uuid.NewString(), Plan: plan, Participants: []string{subject},
	})
	if err != nil {
		t.Fatal(stack.Answer(err))
	}
	return got.GetConversation()
}

// count makes a statistic.
func count(t *testing.T, s *stack.Stack) {
	t.Helper()
	_, err := s.As(tenant, "holder").Statistics.RecordCounts(stack.Deadline(t), &consentv1.RecordCountsRequest{
		RequestId: uuid.NewString(), Statistic: figure, Counts: &consentv1.Counts{
			Cells: []*consentv1.Cell{{Name: "all", Count: 100, Complement: 100}}, Categories: []string{"log.web_request"}, CountedAt: timestamppb.New(time.Now().Add(-time.Second)),
		},
	})
	if err != nil {
		t.Fatal(stack.Answer(err))
	}
}

// plantImport begins an import and leaves it.
func plantImport(t *testing.T, s *stack.Stack) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := consentv1.NewImportServiceClient(as(s, "consent", tenant, "dpo")).ImportDecisions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(&consentv1.ImportDecisionsRequest{Step: &consentv1.ImportDecisionsRequest_Begin{Begin: &consentv1.BeginImport{
		Source: "old", FileDigest: hash, EvidenceKind: "form", Rows: 1,
	}}})
	r, err := stream.Recv()
	if err != nil {
		t.Fatal(stack.Answer(err))
	}
	return r.GetImport().GetId()
}

// told is all that a caller of a tenant learns. A role is a person's, or after
// "service:" the name of a service that calls for itself.
func (a *asker) told(t *testing.T, tenant, name, role, text string) string {
	t.Helper()
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		t.Fatal(err)
	}
	m, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		t.Fatalf("%s is no method", name)
	}
	request := dynamicpb.NewMessage(m.Input())
	if err := prototext.Unmarshal([]byte(text), request); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if id := m.Input().Fields().ByName("request_id"); id != nil {
		request.Set(id, protoreflect.ValueOfString(uuid.NewString()))
	}
	answer := dynamicpb.NewMessage(m.Output())
	service, ctx := strings.Split(name, ".")[1], t.Context()
	conn := as(a.stack, service, tenant, role)
	if name, ok := strings.CutPrefix(role, "service:"); ok {
		conn, ctx = a.service(name)(service), metadata.AppendToOutgoingContext(ctx, "habeas-tenant", tenant)
	}
	err = call(ctx, conn, m, request, answer)
	if got := status.Convert(err); got.Code() != codes.OK {
		if got.Code() == codes.InvalidArgument || got.Code() == codes.Internal {
			t.Errorf("%s of %s: %v: the question is wrong", name, tenant, got.Proto())
		}
		return fmt.Sprint(got.Proto())
	}
	for _, own := range []protoreflect.Name{"consistency_token", "hold", "verification", "nonce", "expires_at"} { // another in each answer
		if field := m.Output().Fields().ByName(own); field != nil {
			answer.Clear(field)
		}
	}
	if err := protorange.Range(answer, withoutMoment); err != nil {
		t.Fatal(err)
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("OK %q", out)
}

// withoutMoment forgets when something was: two questions are two moments, also
// where an earlier one has recorded something about either id.
func withoutMoment(p protopath.Values) error {
	m, ok := p.Index(-1).Value.Interface().(protoreflect.Message)
	if ok && m.Descriptor().FullName() == (&timestamppb.Timestamp{}).ProtoReflect().Descriptor().FullName() {
		proto.Reset(m.Interface())
	}
	return nil
}

// as is a connection to a service with a tenant's token.
func as(s *stack.Stack, service, tenant, role string) *grpc.ClientConn {
	claims := rpctest.With(rpctest.Claims(time.Now(), role), "tenant", tenant)
	claims = rpctest.With(rpctest.With(claims, "acr", "phr"), "auth_time", time.Now().Unix())
	return s.Conn(service, s.Issuer.Sign(rpctest.With(claims, "exp", time.Now().Add(time.Hour).Unix())))
}

func call(ctx context.Context, conn *grpc.ClientConn, m protoreflect.MethodDescriptor, request, answer proto.Message) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "habeas-purpose", "case.handling")
	method := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	if !m.IsStreamingServer() {
		return conn.Invoke(ctx, method, request, answer)
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
	if err != nil {
		return err
	}
	if err := errors.Join(stream.SendMsg(request), stream.CloseSend()); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return stream.RecvMsg(answer)
}
