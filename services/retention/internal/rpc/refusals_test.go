package rpc_test

import (
	"bytes"
	"testing"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	uuid1   = "00000000-0000-4000-8000-000000000001"
	uuid2   = "00000000-0000-4000-8000-000000000002"
	uuid3   = "00000000-0000-4000-8000-000000000003"
	subject = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	request = "bbbbbbbbbbbbbbbbbbbbbbbbba"
	unknown = "ccccccccccccccccccccccccca"
)

// method is one of the contract's: how it is called well, and what is wrong
// with calls that are not.
type method struct {
	name   string
	caller caller
	good   func() proto.Message
	empty  string                   // first field that an empty request lacks; empty if none
	bad    map[string]proto.Message // by the field that is malformed
	// foreign is the reason that a foreign tenant gets; empty: an answer about
	// its own world.
	foreign string
}

func methods() []method { return append(ofSchedules(), ofPersons()...) }

func ofSchedules() []method {
	rule := func(change func(*retentionv1.Rule)) *retentionv1.PutScheduleRequest {
		r := &retentionv1.Rule{Rule: "invoices", Category: "user.financial", Period: "P10Y", Ground: "legal_obligation.tax", Authority: "26 CFR"}
		change(r)
		return &retentionv1.PutScheduleRequest{RequestId: uuid1, Policy: "main", PolicyVersion: 1, Rules: []*retentionv1.Rule{r}}
	}
	item := &retentionv1.Item{System: "shop", Collection: "orders", Category: "user.financial"}
	evaluate := func(subject string, items ...*retentionv1.Item) *retentionv1.EvaluateRequest {
		return &retentionv1.EvaluateRequest{SubjectRef: subject, Policy: "main", Items: items}
	}
	return []method{
		{"PutSchedule", person("dpo"), func() proto.Message { return rule(func(*retentionv1.Rule) {}) }, "request_id", map[string]proto.Message{
			"rules[0].period":     rule(func(r *retentionv1.Rule) { r.Period = "for ever" }),
			"rules[0].category":   rule(func(r *retentionv1.Rule) { r.Category = "user.*" }),
			"rules[0].ground":     rule(func(r *retentionv1.Rule) { r.Ground = "" }),
			"rules[0].authority":  rule(func(r *retentionv1.Rule) { r.Authority = "" }),
			"rules[0].systems[0]": rule(func(r *retentionv1.Rule) { r.Systems = []string{"A"} }),
		}, ""},
		{
			"GetSchedule", person("product"), func() proto.Message { return &retentionv1.GetScheduleRequest{Policy: "main"} }, "policy",
			map[string]proto.Message{"policy": &retentionv1.GetScheduleRequest{Policy: "Main"}},
			"SCHEDULE_NOT_FOUND",
		},
		{"Evaluate", person("agent"), func() proto.Message { return evaluate(subject, item) }, "subject_ref", map[string]proto.Message{
			"subject_ref":     evaluate("jane@example.org", item),
			"items":           evaluate(subject),
			"items[0].system": evaluate(subject, &retentionv1.Item{System: "Shop", Collection: "c", Category: "c"}),
		}, "SCHEDULE_NOT_FOUND"},
	}
}

func ofPersons() []method {
	soon := timestamppb.New(time.Now().Add(30 * 24 * time.Hour))
	hold := func(ground, authority string, review *timestamppb.Timestamp) *retentionv1.PlaceHoldRequest {
		return &retentionv1.PlaceHoldRequest{RequestId: uuid2, SubjectRef: subject, Ground: ground, Authority: authority, ReviewAt: review}
	}
	permit := func(request, system string) *retentionv1.RequestPermitRequest {
		return &retentionv1.RequestPermitRequest{RequestId: "step-1", SubjectRef: subject, Request: request, System: system, Policy: "main"}
	}
	return []method{
		{"PlaceHold", person("dpo"), func() proto.Message { return hold("legal_claim", "Case 4/26", soon) }, "request_id", map[string]proto.Message{
			"ground":    hold("Legal claim", "Case 4/26", soon),
			"authority": hold("legal_claim", "jane@example.org", soon),
			"review_at": hold("legal_claim", "Case 4/26", nil),
		}, ""},
		{"ReleaseHold", person("dpo"), func() proto.Message {
			return &retentionv1.ReleaseHoldRequest{RequestId: uuid3, SubjectRef: subject, Hold: unknown}
		}, "request_id", map[string]proto.Message{
			"hold": &retentionv1.ReleaseHoldRequest{RequestId: uuid3, SubjectRef: subject, Hold: "h"},
		}, "HOLD_NOT_FOUND"},
		{"ReviewHold", person("dpo"), func() proto.Message {
			return &retentionv1.ReviewHoldRequest{RequestId: uuid3, SubjectRef: subject, Hold: unknown, ReviewAt: soon}
		}, "request_id", map[string]proto.Message{
			"review_at": &retentionv1.ReviewHoldRequest{RequestId: uuid3, SubjectRef: subject, Hold: unknown},
		}, "HOLD_NOT_FOUND"},
		{
			"GetPerson", person("auditor"), func() proto.Message { return &retentionv1.GetPersonRequest{SubjectRef: subject} }, "subject_ref",
			map[string]proto.Message{"subject_ref": &retentionv1.GetPersonRequest{SubjectRef: "a.b.>"}},
			"",
		},
		{"CountHolds", service("fulfilment"), func() proto.Message { return &retentionv1.CountHoldsRequest{} }, "", nil, ""},
		{"RequestPermit", service("fulfilment"), func() proto.Message { return permit(request, "shop") }, "request_id", map[string]proto.Message{
			"request": permit("r", "shop"), "system": permit(request, "shop*"),
		}, "SCHEDULE_NOT_FOUND"},
		{"EndPermit", service("fulfilment"), func() proto.Message {
			return &retentionv1.EndPermitRequest{RequestId: "step-2", SubjectRef: subject, Permit: unknown}
		}, "request_id", map[string]proto.Message{
			"permit": &retentionv1.EndPermitRequest{RequestId: "step-2", SubjectRef: subject, Permit: "p"},
		}, "PERMIT_NOT_FOUND"},
	}
}

func TestEveryMethodRefusesWhatIsWrongAndStoresNothing(t *testing.T) {
	w := newWorld(t)
	all := methods()
	if want := len(retentionv1.RetentionService_ServiceDesc.Methods); len(all) != want {
		t.Fatalf("%d methods are tested, the service has %d", len(all), want)
	}
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			w.refuses(t, m)
		})
	}
	if n := w.store.appends.Load(); n != 0 {
		t.Errorf("%d commits were appended", n)
	}
}

func (w *world) refuses(t *testing.T, m method) {
	t.Helper()
	call := func(c caller, r proto.Message) (codes.Code, string, string) {
		return answer(w.invoke(t, c, m.name, r))
	}
	check := func(what string, c caller, r proto.Message, code codes.Code, reason, field string) {
		t.Helper()
		gotCode, gotReason, gotField := call(c, r)
		if gotCode != code || gotReason != reason || gotField != field {
			t.Errorf("%s: answered %v %q %q, want %v %q %q", what, gotCode, gotReason, gotField, code, reason, field)
		}
	}
	empty := m.good()
	proto.Reset(empty)
	if m.empty != "" {
		check("empty", m.caller, empty, codes.InvalidArgument, "INVALID_ARGUMENT", m.empty)
	}
	for field, r := range m.bad {
		check("malformed "+field, m.caller, r, codes.InvalidArgument, "INVALID_ARGUMENT", field)
	}
	limit, reason := m.limit()
	check("oversized", m.caller, oversized(m.good(), limit), codes.ResourceExhausted, reason, "")
	check("nobody", caller{}, m.good(), codes.Unauthenticated, "CREDENTIALS_REQUIRED", "")
	check("wrong role", person("intake"), m.good(), codes.PermissionDenied, "ROLE_REQUIRED", "")
	check("a service that may not call", service("consent"), m.good(), codes.PermissionDenied, "SERVICE_FORBIDDEN", "")
	if m.foreign == "" {
		return
	}
	foreign := m.caller
	foreign.tenant = "other"
	check("foreign tenant", foreign, m.good(), codes.NotFound, m.foreign, "")
}

func (w *world) invoke(t *testing.T, c caller, name string, r proto.Message) error {
	t.Helper()
	path := "/" + retentionv1.RetentionService_ServiceDesc.ServiceName + "/" + name
	return w.dial(t, c).Invoke(deadline(t), path, r, new(retentionv1.EndPermitResponse))
}

// limit is how many bytes the method takes, and the reason for which more are
// refused. What is beyond the largest limit of a server, gRPC itself refuses.
func (m method) limit() (bytes int, reason string) {
	if m.name == "PutSchedule" {
		return 512 << 10, ""
	}
	return 64 << 10, "REQUEST_TOO_LARGE"
}

// oversized adds a field that nobody knows to a request, just beyond a limit.
func oversized(r proto.Message, limit int) proto.Message {
	field := protowire.AppendTag(nil, 1000, protowire.BytesType)
	r.ProtoReflect().SetUnknown(protowire.AppendBytes(field, bytes.Repeat([]byte{'x'}, limit-proto.Size(r))))
	return r
}
