package rpc_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/fake"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// method is one of the service's, with a good request and bad ones.
type method struct {
	name  string
	role  string
	wrong string // a role that may not
	good  proto.Message
	out   proto.Message
	bad   map[string]proto.Message // by the field that is wrong
	// foreign is what the good request gets in another tenant; empty when it is
	// as good there.
	foreign string
	stream  bool
}

const stranger = "zzzzzzzzzzzzzzzzzzzzzzzzza"

func requestMethods(id string) []method {
	const long = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	submitting := func(change func(*fulfilmentv1.SubmitRequestRequest)) proto.Message {
		r := submission(key3, fulfilmentv1.Right_RIGHT_ERASURE)
		change(r)
		return r
	}
	return []method{
		{
			name: fulfilmentv1.RequestService_SubmitRequest_FullMethodName, role: "intake", wrong: "auditor",
			good: submitting(func(*fulfilmentv1.SubmitRequestRequest) {}), out: &fulfilmentv1.SubmitRequestResponse{},
			bad: map[string]proto.Message{
				"request_id":       submitting(func(r *fulfilmentv1.SubmitRequestRequest) { r.RequestId = "1" }),
				"right":            submitting(func(r *fulfilmentv1.SubmitRequestRequest) { r.Right = 99 }),
				"identifier":       submitting(func(r *fulfilmentv1.SubmitRequestRequest) { r.Identifier = nil }),
				"identifier.kind":  submitting(func(r *fulfilmentv1.SubmitRequestRequest) { r.Identifier.Kind = 0 }),
				"identifier.value": submitting(func(r *fulfilmentv1.SubmitRequestRequest) { r.Identifier.Value = strings.Repeat("a", 321) }),
				"policy":           submitting(func(r *fulfilmentv1.SubmitRequestRequest) { r.Policy = "A policy" }),
				"channel":          submitting(func(r *fulfilmentv1.SubmitRequestRequest) { r.Channel = 0 }),
			},
		},
		{
			name: fulfilmentv1.RequestService_VerifyRequest_FullMethodName, role: "verifier", wrong: "agent", foreign: "REQUEST_NOT_FOUND",
			good: &fulfilmentv1.VerifyRequestRequest{RequestId: key3, Request: id, Code: "00000000"}, out: &fulfilmentv1.VerifyRequestResponse{},
			bad: map[string]proto.Message{
				"request_id": &fulfilmentv1.VerifyRequestRequest{Request: id, Code: "00000000"},
				"request":    &fulfilmentv1.VerifyRequestRequest{RequestId: key3, Request: "x", Code: "00000000"},
				"code":       &fulfilmentv1.VerifyRequestRequest{RequestId: key3, Request: id, Code: long},
			},
		},
		{
			name: fulfilmentv1.RequestService_RenewVerification_FullMethodName, role: "intake", wrong: "agent", foreign: "REQUEST_NOT_FOUND",
			good: &fulfilmentv1.RenewVerificationRequest{RequestId: key3, Request: id}, out: &fulfilmentv1.RenewVerificationResponse{},
			bad: map[string]proto.Message{
				"request_id": &fulfilmentv1.RenewVerificationRequest{Request: id},
				"request":    &fulfilmentv1.RenewVerificationRequest{RequestId: key3, Request: "x"},
			},
		},
		checkMethod(id),
		{
			name: fulfilmentv1.RequestService_WithdrawRequest_FullMethodName, role: "agent", wrong: "verifier", foreign: "REQUEST_NOT_FOUND",
			good: &fulfilmentv1.WithdrawRequestRequest{RequestId: key3, Request: id}, out: &fulfilmentv1.WithdrawRequestResponse{},
			bad: map[string]proto.Message{
				"request_id": &fulfilmentv1.WithdrawRequestRequest{Request: id},
				"request":    &fulfilmentv1.WithdrawRequestRequest{RequestId: key3, Request: strings.ToUpper(id)},
			},
		},
		{
			name: fulfilmentv1.RequestService_RetryRequest_FullMethodName, role: "agent", wrong: "product", foreign: "REQUEST_NOT_FOUND",
			good: &fulfilmentv1.RetryRequestRequest{RequestId: key3, Request: id}, out: &fulfilmentv1.RetryRequestResponse{},
			bad: map[string]proto.Message{
				"request_id": &fulfilmentv1.RetryRequestRequest{Request: id},
				"request":    &fulfilmentv1.RetryRequestRequest{RequestId: key3},
			},
		},
	}
}

func readMethods(id string) []method {
	return []method{
		{
			name: fulfilmentv1.RequestService_GetRequest_FullMethodName, role: "auditor", wrong: "holder", foreign: "REQUEST_NOT_FOUND",
			good: &fulfilmentv1.GetRequestRequest{Request: id}, out: &fulfilmentv1.GetRequestResponse{},
			bad: map[string]proto.Message{
				"request":           &fulfilmentv1.GetRequestRequest{Request: "x"},
				"consistency_token": &fulfilmentv1.GetRequestRequest{Request: id, ConsistencyToken: strings.Repeat("a", 8193)},
			},
		},
		{
			name: fulfilmentv1.RequestService_ListRequests_FullMethodName, role: "dpo", wrong: "product",
			good: &fulfilmentv1.ListRequestsRequest{}, out: &fulfilmentv1.ListRequestsResponse{},
			bad: map[string]proto.Message{
				"state":      &fulfilmentv1.ListRequestsRequest{State: 99},
				"page_size":  &fulfilmentv1.ListRequestsRequest{PageSize: 1001},
				"page_token": &fulfilmentv1.ListRequestsRequest{PageToken: strings.Repeat("a", 513)},
			},
		},
		{
			name: fulfilmentv1.RequestService_ExplainRequest_FullMethodName, role: "approver", wrong: "holder", foreign: "REQUEST_NOT_FOUND",
			good: &fulfilmentv1.ExplainRequestRequest{Request: id}, out: &fulfilmentv1.ExplainRequestResponse{},
			bad: map[string]proto.Message{"request": &fulfilmentv1.ExplainRequestRequest{Request: "x"}},
		},
		{
			name: fulfilmentv1.RequestService_WatchRequest_FullMethodName, role: "product", wrong: "verifier", foreign: "REQUEST_NOT_FOUND", stream: true,
			good: &fulfilmentv1.WatchRequestRequest{Request: id}, out: &fulfilmentv1.WatchRequestResponse{},
			bad: map[string]proto.Message{"request": &fulfilmentv1.WatchRequestRequest{Request: "x"}},
		},
		{
			name: fulfilmentv1.RequestService_DownloadPackage_FullMethodName, role: "agent", wrong: "dpo", foreign: "REQUEST_NOT_FOUND", stream: true,
			good: &fulfilmentv1.DownloadPackageRequest{Request: id}, out: &fulfilmentv1.DownloadPackageResponse{},
			bad: map[string]proto.Message{"request": &fulfilmentv1.DownloadPackageRequest{Request: "x"}},
		},
	}
}

func systemMethods() []method {
	registering := func(change func(*fulfilmentv1.System)) proto.Message {
		m := systemOf("other", goodDataset)
		change(m)
		return &fulfilmentv1.RegisterSystemRequest{RequestId: key3, System: m}
	}
	return []method{
		{
			name: fulfilmentv1.SystemService_RegisterSystem_FullMethodName, role: "dpo", wrong: "agent",
			good: registering(func(*fulfilmentv1.System) {}), out: &fulfilmentv1.RegisterSystemResponse{},
			bad: map[string]proto.Message{
				"request_id":         &fulfilmentv1.RegisterSystemRequest{System: systemOf("other", goodDataset)},
				"system":             &fulfilmentv1.RegisterSystemRequest{RequestId: key3},
				"system.system":      registering(func(m *fulfilmentv1.System) { m.System = "The Shop" }),
				"system.connector":   registering(func(m *fulfilmentv1.System) { m.Connector = 0 }),
				"system.connection":  registering(func(m *fulfilmentv1.System) { m.Connection = "postgres://user:secret@db" }),
				"system.region":      registering(func(m *fulfilmentv1.System) { m.Region = "Moon" }),
				"system.owner":       registering(func(m *fulfilmentv1.System) { m.Owner = "Ann Miller" }),
				"system.backup_days": registering(func(m *fulfilmentv1.System) { m.BackupDays = 3661 }),
				"system.dataset":     registering(func(m *fulfilmentv1.System) { m.Dataset = []byte("dataset: [1]") }),
			},
		},
		{
			name: fulfilmentv1.SystemService_RetireSystem_FullMethodName, role: "dpo", wrong: "agent", foreign: "SYSTEM_NOT_FOUND",
			good: &fulfilmentv1.RetireSystemRequest{RequestId: key3, System: "shop", Reason: "shut_down"}, out: &fulfilmentv1.RetireSystemResponse{},
			bad: map[string]proto.Message{
				"request_id": &fulfilmentv1.RetireSystemRequest{System: "shop", Reason: "shut_down"},
				"system":     &fulfilmentv1.RetireSystemRequest{RequestId: key3, System: "Shop!", Reason: "shut_down"},
				"reason":     &fulfilmentv1.RetireSystemRequest{RequestId: key3, System: "shop", Reason: "It is gone."},
			},
		},
		{
			name: fulfilmentv1.SystemService_GetSystem_FullMethodName, role: "auditor", wrong: "product", foreign: "SYSTEM_NOT_FOUND",
			good: &fulfilmentv1.GetSystemRequest{System: "shop"}, out: &fulfilmentv1.GetSystemResponse{},
			bad: map[string]proto.Message{"system": &fulfilmentv1.GetSystemRequest{System: "Shop!"}},
		},
		{
			name: fulfilmentv1.SystemService_ListSystems_FullMethodName, role: "agent", wrong: "subject",
			good: &fulfilmentv1.ListSystemsRequest{}, out: &fulfilmentv1.ListSystemsResponse{},
			bad: map[string]proto.Message{"page_size": &fulfilmentv1.ListSystemsRequest{PageSize: -1}},
		},
	}
}

// call calls a method by its name.
func call(t *testing.T, c *api, m method, in proto.Message) error {
	t.Helper()
	ctx := metadata.NewOutgoingContext(deadline(t), purposed())
	out := proto.Clone(m.out)
	if !m.stream {
		return c.conn.Invoke(ctx, m.name, in, out)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := c.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, m.name)
	if err != nil {
		return err
	}
	if err := s.SendMsg(in); err != nil {
		return err
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	return s.RecvMsg(out)
}

// oversized is a request just beyond the method's limit, and the reason of the
// refusal. Beyond the largest limit of all, gRPC itself refuses, without one.
func oversized(m method) (in proto.Message, reason string) {
	size, reason := 70<<10, "REQUEST_TOO_LARGE"
	if m.name == fulfilmentv1.SystemService_RegisterSystem_FullMethodName {
		size = 600 << 10
	}
	if m.name == fulfilmentv1.RequestService_CheckPerson_FullMethodName {
		size, reason = 1200<<10, ""
	}
	if m.name == fulfilmentv1.AgentRequestService_SubmitAgentRequest_FullMethodName {
		size = 140 << 10
	}
	in = proto.Clone(m.good)
	unknown := protowire.AppendTag(nil, 20000, protowire.BytesType)
	in.ProtoReflect().SetUnknown(protowire.AppendBytes(unknown, make([]byte, size)))
	return in, reason
}

func TestEveryMethodRefusesWhatItMust(t *testing.T) {
	s := serve(t)
	s.AddSystem("shop")
	id := submit(t, s.as(t, fake.Tenant, actor, "intake"), key1, fulfilmentv1.Right_RIGHT_ACCESS)
	s.Settle()
	for _, m := range slices.Concat(requestMethods(id), readMethods(id), systemMethods(), caseMethods(id), agentMethods(stranger)) {
		t.Run(m.name, func(t *testing.T) {
			may, mayNot := s.as(t, fake.Tenant, actor, m.role), s.as(t, fake.Tenant, actor, m.wrong)
			refused := func(what string, err error, want codes.Code, reason, field string) {
				t.Helper()
				code, got, fields := answer(err)
				if code != want || got != reason || (field != "" && !hasField(fields, field)) {
					t.Errorf("%s: %s %s %v, want %s %s %s", what, code, got, fields, want, reason, field)
				}
				if n := s.Log.Appended(); n > 0 {
					t.Errorf("%s: %d commits were appended", what, n)
				}
			}
			refused("nobody", call(t, s.as(t, "", ""), m, m.good), codes.Unauthenticated, "CREDENTIALS_REQUIRED", "")
			refused("a wrong role", call(t, mayNot, m, m.good), codes.PermissionDenied, "ROLE_REQUIRED", "")
			large, reason := oversized(m)
			refused("too large", call(t, may, m, large), codes.ResourceExhausted, reason, "")
			for field, in := range m.bad {
				refused("wrong "+field, call(t, may, m, in), codes.InvalidArgument, "INVALID_ARGUMENT", field)
			}
			if m.foreign != "" {
				refused("another tenant", call(t, s.as(t, "other", actor, m.role), m, m.good), codes.NotFound, m.foreign, "")
			}
		})
	}
}

func TestAnEmptyRequestIsRefusedWhereSomethingIsNeeded(t *testing.T) {
	s := serve(t)
	for _, m := range slices.Concat(requestMethods(stranger), readMethods(stranger), systemMethods(), caseMethods(stranger), agentMethods(stranger)) {
		empty := m.good.ProtoReflect().New().Interface()
		err := call(t, s.as(t, fake.Tenant, actor, m.role), m, empty)
		if strings.Contains(m.name, "/List") {
			if err != nil {
				t.Errorf("%s: %v", m.name, err)
			}
			continue
		}
		if code, reason, _ := answer(err); code != codes.InvalidArgument || reason != "INVALID_ARGUMENT" {
			t.Errorf("%s: %s %s", m.name, code, reason)
		}
	}
	if n := s.Log.Appended(); n > 0 {
		t.Errorf("%d commits were appended", n)
	}
}

func TestADownloadNeedsAPurpose(t *testing.T) {
	s := serve(t)
	stream, err := s.as(t, fake.Tenant, actor, "agent").DownloadPackage(deadline(t), &fulfilmentv1.DownloadPackageRequest{Request: stranger})
	if err == nil {
		_, err = stream.Recv()
	}
	if code, reason, _ := answer(err); code != codes.InvalidArgument || reason != "PURPOSE_REQUIRED" {
		t.Errorf("%s %s", code, reason)
	}
}
