package identityd_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// malformed is a request that breaks a rule at a field.
type malformed struct {
	field string
	call  call
}

// call is one call with its request.
type call func(ctx context.Context, c *api) error

// method is one of identity's, with a good call of it and bad ones.
type method struct {
	name  string
	role  string // one that may call; empty for services only
	wrong string // one that may not
	good  call
	bad   []malformed
	// foreign is what a good call gets in another tenant, where nothing that it
	// names exists; empty when there it is as good as here.
	foreign string
	stepUp  bool   // the caller proves themselves once more
	service string // the one that may call, where no role may; empty for fulfilment
}

func methods(subject, verification string) []method {
	return slices.Concat(changeMethods(subject), subjectMethods(subject), verificationMethods(verification), tenantMethods(), keyMethods(), suppressionMethods(),
		mergeMethods(subject), ageMethods(subject), settingsMethods(), staffMethods(), agentMethods(), checkMethods(verification), grantMethods(), consentMethods(subject))
}

func changeMethods(ref string) []method {
	unspecified := &identityv1.Identifier{Value: "x"}
	return []method{
		{
			name: identityv1.SubjectService_RegisterSubject_FullMethodName, role: "product", wrong: "verifier",
			good: registers(newRequestID(), email("fresh@example.com")),
			bad: []malformed{
				{"identifiers", registers(newRequestID())},
				{"identifiers[0].kind", registers(newRequestID(), unspecified)},
				{"identifiers[0].value", registers(newRequestID(), email("no address"))},
				{"identifiers[0].value", registers(newRequestID(), email("jäne@example.com"))},
				{"identifiers[0].value", registers(newRequestID(), phone("12345"))},
				{"identifiers[1]", registers(newRequestID(), email("a@example.com"), email("A@Example.com "))},
				{"request_id", registers("1", email("a@example.com"))},
			},
		},
		{
			name: identityv1.SubjectService_LinkIdentifier_FullMethodName, role: "product", wrong: "intake", foreign: "SUBJECT_NOT_FOUND",
			good: links(ref, phone("+493011111111")),
			bad:  []malformed{{"subject_ref", links("x", phone("+493011111111"))}, {"identifier", links(ref, nil)}, {"identifier.value", links(ref, phone("+0"))}},
		},
		{
			name: identityv1.SubjectService_UnlinkIdentifier_FullMethodName, role: "product", wrong: "intake", foreign: "SUBJECT_NOT_FOUND",
			good: unlinks(ref, phone("+493011111111")),
			bad:  []malformed{{"subject_ref", unlinks("x", phone("+493011111111"))}, {"identifier.value", unlinks(ref, phone("+0"))}},
		},
	}
}

func subjectMethods(ref string) []method {
	return []method{
		{
			name: identityv1.SubjectService_ResolveSubject_FullMethodName, role: "intake", wrong: "auditor", foreign: "SUBJECT_NOT_FOUND",
			good: resolves(email("jane@example.com")),
			bad:  []malformed{{"identifier", resolves(nil)}, {"identifier.value", resolves(email("@"))}},
		},
		{
			name: identityv1.SubjectService_GetSubject_FullMethodName, role: "auditor", wrong: "intake", foreign: "SUBJECT_NOT_FOUND",
			good: getsSubject(&identityv1.GetSubjectRequest{SubjectRef: ref}),
			bad:  []malformed{{"subject_ref", getsSubject(&identityv1.GetSubjectRequest{SubjectRef: "x"})}},
		},
		{
			name: identityv1.SubjectService_ListIdentifiers_FullMethodName, role: "verifier", wrong: "product", foreign: "SUBJECT_NOT_FOUND",
			good: lists(ref), bad: []malformed{{"subject_ref", lists("x")}},
		},
		{
			name: identityv1.SubjectService_ForgetSubject_FullMethodName, wrong: "dpo", foreign: "SUBJECT_NOT_FOUND",
			good: forgets("f", ref, request),
			bad:  []malformed{{"request_id", forgets("", ref, request)}, {"subject_ref", forgets("f", "x", request)}, {"request", forgets("f", ref, "x")}},
		},
	}
}

// otherSpelling has an id's length and letters, and is no id: its last letter
// holds bits that an id has not.
const otherSpelling = "zzzzzzzzzzzzzzzzzzzzzzzzzz"

func verificationMethods(id string) []method {
	return []method{
		{
			name: identityv1.VerificationService_StartVerification_FullMethodName, role: "intake", wrong: "product",
			good: starts(&identityv1.StartVerificationRequest{RequestId: "s", Request: request}),
			bad: []malformed{
				{"request_id", starts(&identityv1.StartVerificationRequest{Request: request})},
				{"request", starts(&identityv1.StartVerificationRequest{RequestId: "s", Request: "x"})},
				{"request", starts(&identityv1.StartVerificationRequest{RequestId: "s", Request: otherSpelling})},
				{"subject_ref", starts(&identityv1.StartVerificationRequest{RequestId: "s", Request: request, SubjectRef: otherSpelling})},
				{"subject_ref", starts(&identityv1.StartVerificationRequest{RequestId: "s", Request: request, SubjectRef: "x"})},
			},
		},
		{
			name: identityv1.VerificationService_CheckCode_FullMethodName, role: "verifier", wrong: "product", foreign: "VERIFICATION_NOT_FOUND",
			good: checks(id, "1"), bad: []malformed{{"verification", checks("x", "1")}, {"code", checks(id, "")}},
		},
		{
			name: identityv1.VerificationService_GetVerification_FullMethodName, role: "dpo", wrong: "product", foreign: "VERIFICATION_NOT_FOUND",
			good: getsVerification(id), bad: []malformed{{"verification", getsVerification("x")}},
		},
	}
}

func tenantMethods() []method {
	return []method{
		{
			name: identityv1.TenantService_CreateTenant_FullMethodName, role: "platform_admin", wrong: "product",
			good: creates(func(*identityv1.CreateTenantRequest) {}), stepUp: true,
			bad: []malformed{
				{"tenant", creates(func(r *identityv1.CreateTenantRequest) { r.Tenant = "third" })},
				{"tenant", creates(func(r *identityv1.CreateTenantRequest) { r.Tenant = "_log" })},
				{"display_name", creates(func(r *identityv1.CreateTenantRequest) { r.DisplayName = "" })},
				{"time_zone", creates(func(r *identityv1.CreateTenantRequest) { r.TimeZone = "Local" })},
				{"time_zone", creates(func(r *identityv1.CreateTenantRequest) { r.TimeZone = "../../etc/passwd" })},
				{"calendar", creates(func(r *identityv1.CreateTenantRequest) { r.Calendar = "Germany" })},
				{"calendar", creates(func(r *identityv1.CreateTenantRequest) { r.Calendar = "zz" })},
			},
		},
		{
			name: identityv1.TenantService_OffboardTenant_FullMethodName, role: "platform_admin", wrong: "dpo",
			good: offboards(func(*identityv1.OffboardTenantRequest) {}), stepUp: true,
			bad: []malformed{
				{"request_id", offboards(func(r *identityv1.OffboardTenantRequest) { r.RequestId = "" })},
				{"tenant", offboards(func(r *identityv1.OffboardTenantRequest) { r.Tenant = "umbrella" })},
				{"reason", offboards(func(r *identityv1.OffboardTenantRequest) { r.Reason = "Because." })},
			},
		},
		{
			name: identityv1.TenantService_ApproveOffboarding_FullMethodName, role: "approver", wrong: "dpo", stepUp: true,
			good: approves(newRequestID()), bad: []malformed{{"request_id", approves("")}},
		},
		{
			name: identityv1.TenantService_CancelOffboarding_FullMethodName, role: "dpo", wrong: "approver",
			good: stays(newRequestID()), bad: []malformed{{"request_id", stays("")}},
		},
		{name: identityv1.TenantService_GetTenant_FullMethodName, role: "product", wrong: "holder", good: getsTenant("")},
	}
}

func keyMethods() []method {
	const profile = sealv1.KeyClass_KEY_CLASS_PROFILE
	return []method{
		{
			name: identityv1.KeyService_GetKeys_FullMethodName, wrong: "key_admin", good: getsKeys("request-"+request, profile),
			bad: []malformed{
				{"wants[0].key.holder", getsKeys("jane@example.com", profile)},
				{"wants[0].key.class", getsKeys("request-"+request, 0)},
			},
		},
		{
			name: identityv1.KeyService_GetMessageKey_FullMethodName, role: "product", wrong: "key_admin", good: getsMessageKey(request),
			bad: []malformed{{"conversation", getsMessageKey("jane@example.com")}},
		},
		{name: identityv1.KeyService_GetDigestKeys_FullMethodName, wrong: "key_admin", good: digests},
		{
			name: identityv1.KeyService_FollowDrops_FullMethodName, wrong: "key_admin", good: joins(&identityv1.FollowDropsRequest{Reader: request}),
			bad: []malformed{{"reader", joins(&identityv1.FollowDropsRequest{})}, {"reader", joins(&identityv1.FollowDropsRequest{Reader: "x"})}},
		},
		{
			name: identityv1.KeyService_DestroyKeys_FullMethodName, wrong: "key_admin", good: destroys("request-"+request, "request-closed"),
			bad: []malformed{
				{"keys[0].holder", destroys("subject-"+request, "request-closed")},
				{"keys[0].holder", destroys("nobody", "request-closed")},
				{"reason", destroys("request-"+request, "Because!")},
			},
		},
	}
}

func suppressionMethods() []method {
	value, later := &identityv1.SuppressedValue{System: "shop", Column: "a.b", Value: "x"}, timestamppb.New(time.Now().Add(time.Hour))
	return []method{
		{
			name: identityv1.SuppressionService_Suppress_FullMethodName, wrong: "holder", good: suppresses(request, later, value),
			bad: []malformed{
				{"values", suppresses(request, later)},
				{"erasure_ref", suppresses("x", later, value)},
				{"until", suppresses(request, nil, value)},
				{"until", suppresses(request, &timestamppb.Timestamp{Nanos: -1}, value)},
			},
		},
		{
			name: identityv1.SuppressionService_KeepRefusals_FullMethodName, wrong: "dpo", good: keeps(later, "2020-01-02", email("x@example.com")),
			bad: []malformed{
				{"identifiers", keeps(later, "2020-01-02")},
				{"identifiers[0].value", keeps(later, "2020-01-02", email("nobody"))},
				{"refusals[0].refused_on", keeps(later, "yesterday", email("x@example.com"))},
				{"until", keeps(nil, "2020-01-02", email("x@example.com"))},
				{"until", keeps(&timestamppb.Timestamp{Nanos: -1}, "2020-01-02", email("x@example.com"))},
			},
		},
		{
			name: identityv1.SuppressionService_CheckSuppressed_FullMethodName, role: "holder", wrong: "intake", good: looks(value),
			bad: []malformed{{"values", looks()}, {"values[0].value", looks(&identityv1.SuppressedValue{System: "a", Column: "b"})}},
		},
	}
}

// caller is somebody who may call the method in a tenant.
func (m method) caller(t *testing.T, d *running, tenant string) *api {
	t.Helper()
	if m.role == "" {
		return d.service(t, cmp.Or(m.service, "fulfilment"), tenant)
	}
	if m.stepUp {
		return d.stepped(t, "ann", tenant, m.role)
	}
	return d.as(t, tenant, m.role)
}

func TestWhatIsRefusedLeavesNothing(t *testing.T) {
	w, d := found(t)
	d.create(t, "other")
	ref := d.register(t, email("jane@example.com"), phone("+493011111111"))
	started := must(d.as(t, tenant, "intake").StartVerification(deadline(t), &identityv1.StartVerificationRequest{
		RequestId: "step-1", Request: request, SubjectRef: ref,
	}))(t)
	w.mails.code(t, "jane@example.com", 1)
	must(d.as(t, "other", "product").RegisterSubject(deadline(t), &identityv1.RegisterSubjectRequest{ // so that the tenant has its peppers
		RequestId: newRequestID(), Identifiers: []*identityv1.Identifier{email("john@example.com")},
	}))(t)
	w.quiet(t)
	before := w.commits(t)
	all := methods(ref, started.GetVerification())
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) { m.refuses(t, d) })
	}
	if after := w.commits(t); after != before {
		t.Errorf("%d commits were appended by calls that were refused", after-before)
	}
	t.Run("every method is here", func(t *testing.T) { complete(t, all) })
}

func TestWhatEndsShowsOrVerifiesAPersonIsForOneService(t *testing.T) {
	_, d := found(t)
	ref := d.register(t, email("jane@example.com"))
	shared := []string{
		identityv1.SubjectService_GetSubject_FullMethodName, identityv1.TenantService_GetTenant_FullMethodName,
		identityv1.KeyService_GetKeys_FullMethodName, identityv1.KeyService_GetDigestKeys_FullMethodName,
		identityv1.KeyService_FollowDrops_FullMethodName, identityv1.SubjectService_RecordTouch_FullMethodName,
		identityv1.MergeService_ListMerges_FullMethodName, identityv1.AgeService_GetAgeStatus_FullMethodName,
		identityv1.SettingsService_GetSettings_FullMethodName,
	}
	for _, m := range methods(ref, request) {
		for _, name := range []string{"consent", "retention", "audit"} {
			resolves := name == "consent" && m.name == identityv1.SubjectService_ResolveSubject_FullMethodName // for CheckByIdentifier
			ends := name == "retention" && m.name == identityv1.KeyService_DestroyKeys_FullMethodName          // of conversations, see keyrights.go
			if name != "audit" && slices.Contains(shared, m.name) || resolves || ends || name == m.service {
				continue
			}
			forbids := "SERVICE_FORBIDDEN"
			if m.name == identityv1.KeyService_GetMessageKey_FullMethodName && name != "audit" {
				forbids = "ROLE_REQUIRED" // it is for products, and for none of the services that have keys
			}
			if code, reason, _ := answer(m.good(deadline(t), d.service(t, name, tenant))); code != codes.PermissionDenied || reason != forbids {
				t.Errorf("%s by %s: %s %s", m.name, name, code, reason)
			}
		}
	}
	for _, name := range []string{"consent", "retention"} {
		must(d.service(t, name, tenant).GetSubject(deadline(t), &identityv1.GetSubjectRequest{SubjectRef: ref}))(t)
	}
}

// refuses tries everything that must not work, and nothing that must.
func (m method) refuses(t *testing.T, d *running) {
	expect(t, m.good(deadline(t), d.as(t, tenant)), codes.Unauthenticated, "CREDENTIALS_REQUIRED")
	expect(t, m.good(deadline(t), d.as(t, tenant, m.wrong)), codes.PermissionDenied, "ROLE_REQUIRED")
	expect(t, m.good(deadline(t), d.service(t, "billing", tenant)), codes.PermissionDenied, "SERVICE_FORBIDDEN")
	everywhere := m.name == identityv1.TenantService_CreateTenant_FullMethodName || m.name == identityv1.KeyService_FollowDrops_FullMethodName ||
		m.name == identityv1.KeyService_GetMessageKey_FullMethodName // of which retention knows
	if !everywhere {
		expect(t, m.good(deadline(t), m.caller(t, d, "nowhere")), codes.NotFound, "TENANT_NOT_FOUND")
	}
	if m.foreign != "" {
		expect(t, m.good(deadline(t), m.caller(t, d, "other")), codes.NotFound, m.foreign)
	}
	for _, b := range m.bad {
		code, reason, field := answer(b.call(deadline(t), m.caller(t, d, tenant)))
		if code != codes.InvalidArgument || reason != "INVALID_ARGUMENT" || field != b.field {
			t.Errorf("got %s %s at %q, want InvalidArgument at %q", code, reason, field, b.field)
		}
	}
}

// complete fails if a method of identity's is not among those tested.
func complete(t *testing.T, tested []method) {
	for _, desc := range []grpc.ServiceDesc{
		identityv1.TenantService_ServiceDesc, identityv1.SubjectService_ServiceDesc, identityv1.VerificationService_ServiceDesc,
		identityv1.KeyService_ServiceDesc, identityv1.SuppressionService_ServiceDesc,
		identityv1.MergeService_ServiceDesc, identityv1.AgeService_ServiceDesc, identityv1.SettingsService_ServiceDesc,
		identityv1.AgentService_ServiceDesc,
		identityv1.StaffService_ServiceDesc, identityv1.BreakGlassService_ServiceDesc,
	} {
		var names []string
		for _, m := range desc.Methods {
			names = append(names, m.MethodName)
		}
		for _, s := range desc.Streams {
			names = append(names, s.StreamName)
		}
		for _, name := range names {
			full := "/" + desc.ServiceName + "/" + name
			if !slices.ContainsFunc(tested, func(m method) bool { return m.name == full }) {
				t.Errorf("%s is not tested", full)
			}
		}
	}
}
