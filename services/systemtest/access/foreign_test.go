package access_test

import (
	"context"
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
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/sqltest"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"
)

const (
	foreign = "globex"
	// unknown is the id of nothing.
	unknown = "zzzzzzzzzzzzzzzzzzzzzzzzzz"
)

// objects are questions about one object each, by who may ask: %s is its id.
func objects() map[string]map[string][2]string {
	const subject = `subject_ref: "%s"`
	const change = `request_id: "11111111-2222-4333-8444-555555555555" `
	const decided = ` decided_at: {seconds: 1767225600}`
	return map[string]map[string][2]string{
		"subject": {
			"habeas.identity.v1.SubjectService.GetSubject":       {"dpo", subject},
			"habeas.identity.v1.SubjectService.ListIdentifiers":  {"verifier", subject},
			"habeas.identity.v1.SubjectService.UnlinkIdentifier": {"product", change + subject + ` identifier: {kind: IDENTIFIER_KIND_EMAIL value: "nobody@example.org"}`},
			"habeas.identity.v1.SubjectService.LinkIdentifier":   {"product", change + subject + ` identifier: {kind: IDENTIFIER_KIND_EMAIL value: "more@example.org"}`},
			"habeas.identity.v1.MergeService.ListMerges":         {"dpo", subject},
			"habeas.identity.v1.AgeService.GetAgeStatus":         {"dpo", subject},
			"habeas.consent.v1.ConsentService.ListDecisions":     {"dpo", subject},
			"habeas.consent.v1.ConsentService.WithdrawAll":       {"product", change + subject + decided},
			"habeas.retention.v1.RetentionService.GetPerson":     {"dpo", subject},
			"habeas.retention.v1.RetentionService.PlaceHold":     {"dpo", change + subject + ` ground: "litigation" authority: "court" review_at: {seconds: 1893456000}`},
			"habeas.retention.v1.RetentionService.ReleaseHold":   {"dpo", change + subject + ` hold: "` + unknown + `"`},
		},
		"request": {
			"habeas.fulfilment.v1.RequestService.GetRequest":        {"agent", `request: "%s"`},
			"habeas.fulfilment.v1.RequestService.ExplainRequest":    {"agent", `request: "%s"`},
			"habeas.fulfilment.v1.RequestService.WatchRequest":      {"agent", `request: "%s"`},
			"habeas.fulfilment.v1.RequestService.DownloadPackage":   {"agent", `request: "%s"`},
			"habeas.fulfilment.v1.RequestService.VerifyRequest":     {"intake", change + `request: "%s" code: "00000000"`},
			"habeas.fulfilment.v1.RequestService.RenewVerification": {"intake", change + `request: "%s"`},
			"habeas.fulfilment.v1.RequestService.RetryRequest":      {"dpo", change + `request: "%s"`},
			"habeas.fulfilment.v1.RequestService.WithdrawRequest":   {"intake", change + `request: "%s"`},
		},
		"policy": {
			"habeas.consent.v1.PolicyService.GetPolicy":        {"dpo", `policy: "%s"`},
			"habeas.retention.v1.RetentionService.GetSchedule": {"dpo", `policy: "%s"`},
		},
		"system": {
			"habeas.fulfilment.v1.SystemService.GetSystem":    {"dpo", `system: "%s"`},
			"habeas.fulfilment.v1.SystemService.RetireSystem": {"dpo", change + `system: "%s" reason: "ended"`},
		},
	}
}

// TestAnotherTenantsObjectIsAsGoodAsNone asks for what exists elsewhere and for
// what exists nowhere: the answers are the same, to the last detail.
func TestAnotherTenantsObjectIsAsGoodAsNone(t *testing.T) {
	s := stack.New(t)
	known := plant(t, s)
	nowhere := map[string]string{"subject": unknown, "request": unknown, "policy": "no-such-thing", "system": "no-such-thing"}
	for object, methods := range objects() {
		for name, ask := range methods {
			t.Run(name, func(t *testing.T) {
				of := func(id string) string {
					return told(t, s.Within(t), foreign, name, ask[0], strings.ReplaceAll(ask[1], "%s", id))
				}
				there, none := of(known[object]), of(nowhere[object])
				if diff := cmp.Diff(none, there); diff != "" {
					t.Errorf("another tenant's %s differs from none:\n%s", object, diff)
				}
				own := told(t, s.Within(t), tenant, name, ask[0], strings.ReplaceAll(ask[1], "%s", known[object]))
				if own == none && !alike(name) {
					t.Errorf("the own %s is answered like none, so that this shows nothing: %s", object, own)
				}
			})
		}
	}
}

// alike are methods whose answers don't depend on whether the object is there.
func alike(method string) bool {
	return slices.Contains([]string{"WithdrawAll", "ListMerges", "GetPerson", "GetAgeStatus", "ReleaseHold", "PlaceHold"}, method[strings.LastIndex(method, ".")+1:])
}

const (
	policy = "caseworks"
	system = "shop"
	email  = "jane@people.example"
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
		RequestId: uuid.NewString(), SubjectRef: subject, Policy: policy, Purpose: "trends.track", Evidence: "form:7",
		Decision: consentv1.Decision_DECISION_REFUSED, Expression: consentv1.Expression_EXPRESSION_EXPLICIT, DecidedAt: timestamppb.Now(),
	})
	if err != nil {
		t.Fatal(stack.Answer(err))
	}
	request := s.Submit(tenant, fulfilmentv1.Right_RIGHT_ACCESS, policy, email)
	return map[string]string{"subject": subject, "policy": policy, "system": system, "request": request}
}

// told is all that a caller of a tenant learns.
func told(t *testing.T, s *stack.Stack, tenant, name, role, text string) string {
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
	err = call(t, as(s, strings.Split(name, ".")[1], tenant, role), m, request, answer)
	if got := status.Convert(err); got.Code() != codes.OK {
		if got.Code() == codes.InvalidArgument || got.Code() == codes.Internal {
			t.Errorf("%s of %s: %v: the question is wrong", name, tenant, got.Proto())
		}
		return fmt.Sprint(got.Proto())
	}
	for _, own := range []protoreflect.Name{"consistency_token", "hold"} { // another in each answer
		if field := m.Output().Fields().ByName(own); field != nil {
			answer.Clear(field)
		}
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("OK %q", out)
}

// as is a connection to a service with a tenant's token.
func as(s *stack.Stack, service, tenant, role string) *grpc.ClientConn {
	claims := rpctest.With(rpctest.Claims(time.Now(), role), "tenant", tenant)
	claims = rpctest.With(rpctest.With(claims, "acr", "phr"), "auth_time", time.Now().Unix())
	return s.Conn(service, s.Issuer.Sign(rpctest.With(claims, "exp", time.Now().Add(time.Hour).Unix())))
}

func call(t *testing.T, conn *grpc.ClientConn, m protoreflect.MethodDescriptor, request, answer proto.Message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
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
