package rpc_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	kit "habeas.internal/services/internal/rpc"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const uuid1 = "00000000-0000-4000-8000-999999999999"

// method is one of the contract's: how it is called well, and what is wrong
// with calls that are not.
type method struct {
	name   string
	caller caller
	good   func() proto.Message
	empty  string                   // first field that an empty request lacks; none if empty is well
	bad    map[string]proto.Message // by the field that is malformed
	limit  int                      // bytes; zero: 64 KiB
	wrong  string                   // a role that may not call
	// foreign is the reason that a foreign tenant gets; empty: an answer about
	// its own world.
	foreign string
}

func acceptance(change func(*consentv1.AcceptPolicyRequest)) *consentv1.AcceptPolicyRequest {
	r := &consentv1.AcceptPolicyRequest{
		RequestId: uuid1, SubjectRef: subject, Policy: "qcera", Version: 1, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
		AcceptedAt: timestamppb.Now(), Evidence: "sha256:abc",
	}
	change(r)
	return r
}

func signal(at *timestamppb.Timestamp, signals ...consentv1.Signal) *consentv1.ApplySignalRequest {
	return &consentv1.ApplySignalRequest{RequestId: uuid1, SubjectRef: subject, Policy: "qcera", Signals: signals, ReceivedAt: at}
}

func batch(questions ...*consentv1.Question) *consentv1.BatchCheckRequest {
	return &consentv1.BatchCheckRequest{Questions: questions}
}

func consentMethods() []method {
	return slices.Concat(decisionMethods(), actMethods(), sourceMethods(), questionMethods())
}

// tomorrow lies in the future.
func tomorrow() *timestamppb.Timestamp { return timestamppb.New(time.Now().Add(24 * time.Hour)) }

func actMethods() []method {
	fact := func(f consentv1.Fact, cause string) *consentv1.ApplyFactRequest {
		return &consentv1.ApplyFactRequest{RequestId: "step-1", SubjectRef: subject, Fact: f, Cause: cause}
	}
	return []method{
		{
			name: "AcceptPolicy", caller: human("product"), wrong: "dpo", empty: "request_id", foreign: "POLICY_NOT_FOUND",
			good: func() proto.Message { return acceptance(func(*consentv1.AcceptPolicyRequest) {}) },
			bad: map[string]proto.Message{
				"version":     acceptance(func(r *consentv1.AcceptPolicyRequest) { r.Version = 0 }),
				"accepted_at": acceptance(func(r *consentv1.AcceptPolicyRequest) { r.AcceptedAt = tomorrow() }),
			},
		},
		{
			name: "WithdrawAll", caller: human("product"), wrong: "dpo", empty: "request_id",
			good: func() proto.Message {
				return &consentv1.WithdrawAllRequest{RequestId: uuid1, SubjectRef: subject, DecidedAt: timestamppb.Now()}
			},
			bad: map[string]proto.Message{
				"decided_at":  &consentv1.WithdrawAllRequest{RequestId: uuid1, SubjectRef: subject, DecidedAt: tomorrow()},
				"subject_ref": &consentv1.WithdrawAllRequest{RequestId: uuid1, SubjectRef: "s", DecidedAt: timestamppb.Now()},
			},
		},
		{
			name: "ApplySignal", caller: human("product"), wrong: "dpo", empty: "request_id", foreign: "POLICY_NOT_FOUND",
			good: func() proto.Message { return signal(timestamppb.Now(), consentv1.Signal_SIGNAL_GPC) },
			bad: map[string]proto.Message{
				"received_at": signal(tomorrow(), consentv1.Signal_SIGNAL_GPC),
				"signals[0]":  signal(timestamppb.Now(), consentv1.Signal_SIGNAL_UNSPECIFIED),
				"signals":     signal(timestamppb.Now(), consentv1.Signal_SIGNAL_DNT, consentv1.Signal_SIGNAL_DNT),
			},
		},
		{
			name: "ApplyFact", caller: service("fulfilment"), wrong: "product", empty: "request_id",
			good: func() proto.Message { return fact(consentv1.Fact_FACT_RESTRICTED, cause) },
			bad: map[string]proto.Message{
				"fact": fact(0, cause), "cause": fact(consentv1.Fact_FACT_CLOSED, "a case"),
			},
		},
		{
			name: "ListRefusals", caller: service("fulfilment"), wrong: "dpo", empty: "subject_ref",
			good: func() proto.Message { return &consentv1.ListRefusalsRequest{SubjectRef: subject} },
		},
		{
			name: "ApplyRefusals", caller: service("fulfilment"), wrong: "product", empty: "request_id",
			good: func() proto.Message { return refusal("mail.periodic", "2020-01-02") },
			bad: map[string]proto.Message{
				"refusals": &consentv1.ApplyRefusalsRequest{RequestId: "step-1", SubjectRef: subject}, "refusals[0].purpose": refusal("Mail", "2020-01-02"),
				"refusals[0].refused_on": refusal("mail.periodic", "2020-02-31"),
			},
		},
	}
}

// refusal is one that has outlived an erasure.
func refusal(purpose, day string) *consentv1.ApplyRefusalsRequest {
	return &consentv1.ApplyRefusalsRequest{RequestId: "step-1", SubjectRef: subject, Refusals: []*identityv1.KeptRefusal{
		{Policy: "qcera", Purpose: purpose, Channel: "email", RefusedOn: day},
	}}
}

func questionMethods() []method {
	question := func(change func(*consentv1.Question)) *consentv1.CheckRequest {
		return &consentv1.CheckRequest{Question: mail(change)}
	}
	return []method{
		{
			name: "Check", caller: human("product"), wrong: "subject", empty: "question",
			good: func() proto.Message { return question(func(*consentv1.Question) {}) },
			bad: map[string]proto.Message{
				"question.at":            question(func(q *consentv1.Question) { q.At = tomorrow() }),
				"question.action":        question(func(q *consentv1.Question) { q.Action = 0 }),
				"question.purpose":       question(func(q *consentv1.Question) { q.Purpose = "" }),
				"question.categories":    question(func(q *consentv1.Question) { q.Categories = nil }),
				"question.categories[0]": question(func(q *consentv1.Question) { q.Categories = []string{"visitor.*"} }),
				"question.source":        question(func(q *consentv1.Question) { q.Source = 99 }),
				"question.provider":      question(func(q *consentv1.Question) { q.Provider = "My Mail" }),
				"question.scope":         question(func(q *consentv1.Question) { q.Scope = "jane@example.org" }),
				"question.region":        question(func(q *consentv1.Question) { q.Region = "Germany" }),
				"consistency_token":      &consentv1.CheckRequest{Question: mail(), ConsistencyToken: strings.Repeat("x", 9000)},
			},
		},
		{
			name: "BatchCheck", caller: human("product"), wrong: "subject", empty: "questions", limit: 256 << 10,
			good: func() proto.Message { return batch(mail()) },
			bad: map[string]proto.Message{
				"questions[1].at":      batch(mail(), mail(func(q *consentv1.Question) { q.At = tomorrow() })),
				"questions[0].channel": batch(mail(func(q *consentv1.Question) { q.Channel = "E Mail" })),
				"questions":            batch(make([]*consentv1.Question, 1001)...),
			},
		},
		{
			name: "GetConsentState", caller: human("auditor"), wrong: "intake", empty: "subject_ref",
			good: func() proto.Message { return &consentv1.GetConsentStateRequest{SubjectRef: subject} },
			bad: map[string]proto.Message{
				"policy": &consentv1.GetConsentStateRequest{SubjectRef: subject, Policy: "a.b.>"},
				"at":     &consentv1.GetConsentStateRequest{SubjectRef: subject, At: tomorrow()},
			},
		},
		{
			name: "GetConsentReceipt", caller: human("dpo"), wrong: "intake", empty: "subject_ref", foreign: "POLICY_NOT_FOUND",
			good: func() proto.Message { return &consentv1.GetConsentReceiptRequest{SubjectRef: subject, Policy: "qcera"} },
			bad: map[string]proto.Message{
				"policy": &consentv1.GetConsentReceiptRequest{SubjectRef: subject},
			},
		},
		{
			name: "GetWithdrawalParity", caller: human("auditor"), wrong: "product", empty: "policy", foreign: "POLICY_NOT_FOUND",
			good: func() proto.Message { return &consentv1.GetWithdrawalParityRequest{Policy: "qcera"} },
			bad:  map[string]proto.Message{"policy": &consentv1.GetWithdrawalParityRequest{Policy: "a.b.>"}},
		},
		{
			name: "ListDecisions", caller: human("auditor"), wrong: "intake", empty: "subject_ref",
			good: func() proto.Message { return &consentv1.ListDecisionsRequest{SubjectRef: subject} },
			bad: map[string]proto.Message{
				"page_size":  &consentv1.ListDecisionsRequest{SubjectRef: subject, PageSize: 1001},
				"page_token": &consentv1.ListDecisionsRequest{SubjectRef: subject, PageToken: "LTE"},
			},
		},
	}
}

func TestEveryMethodRefusesWhatIsWrongAndStoresNothing(t *testing.T) {
	w := newWorld(t)
	b := document(t, "qcera")
	if _, err := w.policies(t, human("dpo")).PublishPolicy(deadline(t), &consentv1.PublishPolicyRequest{RequestId: w.id(), Document: b}); err != nil {
		t.Fatal(err)
	}
	_, err := w.policies(t, human("dpo")).PostPolicy(deadline(t), &consentv1.PostPolicyRequest{
		RequestId: w.id(), Policy: "qcera", Version: 1, TextHash: textHash(t, b), PostedAt: timestamppb.New(w.now().Add(-time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	before := w.store.appends.Load()
	for _, s := range []struct {
		desc    grpc.ServiceDesc
		methods []method
	}{
		{consentv1.ConsentService_ServiceDesc, consentMethods()},
		{consentv1.PolicyService_ServiceDesc, policyMethods(t)},
		{consentv1.RecipientService_ServiceDesc, recipientMethods()},
		{consentv1.DisclosureService_ServiceDesc, slices.Concat(disclosureMethods(), registerMethods())},
	} {
		for _, m := range s.methods {
			t.Run(m.name, func(t *testing.T) { w.refuses(t, s.desc.ServiceName, m) })
		}
		if len(s.methods) != len(s.desc.Methods) {
			t.Errorf("%d methods of %s are tested, it has %d", len(s.methods), s.desc.ServiceName, len(s.desc.Methods))
		}
	}
	if n := w.store.appends.Load() - before; n != 0 {
		t.Errorf("%d commits were appended", n)
	}
}

func (w *world) refuses(t *testing.T, path string, m method) {
	t.Helper()
	check := func(what string, c caller, r proto.Message, code codes.Code, reason, field string) {
		t.Helper()
		err := w.dial(t, c).Invoke(deadline(t), "/"+path+"/"+m.name, r, new(consentv1.ApplyFactResponse))
		gotCode, gotReason, gotField := answer(err)
		if gotCode != code || gotReason != reason || gotField != field {
			t.Errorf("%s: answered %v %q %q, want %v %q %q", what, gotCode, gotReason, gotField, code, reason, field)
		}
	}
	if m.empty != "" {
		empty := m.good()
		proto.Reset(empty)
		check("empty", m.caller, empty, codes.InvalidArgument, "INVALID_ARGUMENT", m.empty)
	}
	for field, r := range m.bad {
		check("malformed "+field, m.caller, r, codes.InvalidArgument, "INVALID_ARGUMENT", field)
	}
	limit, reason := 64<<10, "REQUEST_TOO_LARGE"
	if m.limit > 0 {
		limit = m.limit
	}
	if m.limit == 512<<10 { // what is beyond the server's largest limit, gRPC itself refuses
		reason = ""
	}
	check("oversized", m.caller, oversized(m.good(), limit), codes.ResourceExhausted, reason, "")
	check("nobody", caller{}, m.good(), codes.Unauthenticated, "CREDENTIALS_REQUIRED", "")
	check("wrong role", human(m.wrong), m.good(), codes.PermissionDenied, "ROLE_REQUIRED", "")
	check("a service that may not call", service("audit"), m.good(), codes.PermissionDenied, "SERVICE_FORBIDDEN", "")
	if m.foreign == "" {
		return
	}
	foreign := m.caller
	foreign.tenant = "other"
	check("foreign tenant", foreign, m.good(), codes.NotFound, m.foreign, "")
}

// oversized adds a field that nobody knows to a request, just beyond a limit.
func oversized(r proto.Message, limit int) proto.Message {
	field := protowire.AppendTag(nil, 1000, protowire.BytesType)
	r.ProtoReflect().SetUnknown(protowire.AppendBytes(field, bytes.Repeat([]byte{'x'}, max(limit-proto.Size(r), 1))))
	return r
}

func TestAForeignTenantSeesItsOwnWorldOnly(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.decide(t, "qcera", "mail.periodic", given)
	before := w.store.appends.Load()
	other := caller{tenant: "other", subject: "actor-1", roles: []string{"product", "dpo"}}
	c := w.consent(t, other)
	res, err := c.Check(deadline(t), &consentv1.CheckRequest{Question: mail()})
	if err != nil || res.GetAnswer().GetAllowed() || res.GetAnswer().GetReason() != "POLICY_NOT_IN_FORCE" {
		t.Errorf("check: %v, error %v", res, err)
	}
	list, err := c.ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject})
	if err != nil || len(list.GetDecisions()) != 0 {
		t.Errorf("decisions: %v, error %v", list, err)
	}
	policies, err := w.policies(t, other).ListPolicies(deadline(t), &consentv1.ListPoliciesRequest{})
	if err != nil || len(policies.GetVersions()) != 0 {
		t.Errorf("policies: %v, error %v", policies, err)
	}
	if n := w.store.appends.Load() - before; n != 0 {
		t.Errorf("%d commits were appended", n)
	}
	all, err := c.WithdrawAll(deadline(t), &consentv1.WithdrawAllRequest{RequestId: w.id(), SubjectRef: subject, DecidedAt: timestamppb.New(w.now())})
	if err != nil || len(all.GetWithdrawn()) != 0 {
		t.Errorf("withdrawn: %v, error %v", all, err)
	}
}

func TestAPersonTouchesTheirOwnDataOnly(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	before := w.store.appends.Load()
	self, stranger := caller{tenant: "acme", subject: subject, roles: []string{"subject"}}, caller{tenant: "acme", subject: another, roles: []string{"subject"}}
	_, err := w.consent(t, stranger).RecordDecision(deadline(t), decision(func(*consentv1.RecordDecisionRequest) {}))
	expect(t, "a decision of somebody else", err, codes.PermissionDenied, "NOT_OWN_DATA")
	_, err = w.consent(t, stranger).AcceptPolicy(deadline(t), acceptance(func(*consentv1.AcceptPolicyRequest) {}))
	expect(t, "an acceptance of somebody else", err, codes.PermissionDenied, "NOT_OWN_DATA")
	_, err = w.consent(t, stranger).ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject})
	expect(t, "the decisions of somebody else", err, codes.PermissionDenied, "NOT_OWN_DATA")
	if n := w.store.appends.Load() - before; n != 0 {
		t.Errorf("%d commits were appended", n)
	}
	_, err = w.consent(t, self).RecordDecision(deadline(t), decision(func(r *consentv1.RecordDecisionRequest) { r.DecidedAt = timestamppb.New(w.now()) }))
	expect(t, "one's own decision", err, codes.OK, "")
	list, err := w.consent(t, self).ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject})
	if err != nil || len(list.GetDecisions()) != 2 {
		t.Errorf("one's own decisions: %v, error %v", list, err)
	}
}

func TestATokenOfAnotherHistoryIsRefused(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	_, err := w.consent(t, human("product")).Check(deadline(t), &consentv1.CheckRequest{Question: mail(), ConsistencyToken: "%"})
	expect(t, "malformed", err, codes.InvalidArgument, "CONSISTENCY_TOKEN_MALFORMED")
	_, err = w.consent(t, human("product")).Check(deadline(t), &consentv1.CheckRequest{Question: mail(), ConsistencyToken: otherEpoch()})
	expect(t, "check", err, codes.FailedPrecondition, "TOKEN_OF_ANOTHER_EPOCH")
	ctx := metadata.AppendToOutgoingContext(deadline(t), kit.MetadataConsistency, otherEpoch())
	_, err = w.policies(t, human("auditor")).GetPolicy(ctx, &consentv1.GetPolicyRequest{Policy: "qcera"})
	expect(t, "get", err, codes.FailedPrecondition, "TOKEN_OF_ANOTHER_EPOCH")
	_, err = w.consent(t, human("auditor")).ListDecisions(ctx, &consentv1.ListDecisionsRequest{SubjectRef: subject})
	expect(t, "list", err, codes.FailedPrecondition, "TOKEN_OF_ANOTHER_EPOCH")
}
