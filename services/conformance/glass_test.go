package conformance_test

import (
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"
)

// operating is what employees of Qcera see leave data for.
const operating = "leave.operate"

// glassed is a person, and staff who work for the tenant.
type glassed struct {
	w      *world
	tenant string
	jane   *person
	looked []string // of each look, the reason of a refusal or the grant that allowed it
}

// glass calls the break-glass service as somebody who has just proven themselves.
func (g *glassed) glass(name string, roles ...string) identityv1.BreakGlassServiceClient {
	g.w.Helper()
	return identityv1.NewBreakGlassServiceClient(g.w.Conn("identity", g.w.ProofOf(g.tenant, name, roles...)))
}

// looks reads the person's identifiers as staff, which gets this reason.
func (g *glassed) looks(what, purpose, grant, want string) {
	g.w.Helper()
	ctx := stack.For(stack.Deadline(g.w), purpose)
	if grant != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, rpc.MetadataBreakGlass, grant)
	}
	_, err := g.w.Named(g.tenant, "vera", "verifier").Subjects.ListIdentifiers(ctx, &identityv1.ListIdentifiersRequest{SubjectRef: g.jane.ref})
	code, reason, _ := stack.Answer(err)
	if reason != want || want == "" && code != codes.OK {
		g.w.Errorf("%s: %v %s, want %q", what, code, reason, want)
	}
	if want != "" {
		grant = "" // it has allowed nothing
	}
	g.looked = append(g.looked, want+" "+grant)
}

// asks asks for a grant on a ground of a policy, and returns why it is refused.
func (g *glassed) asks(policy, ground string) (id, reason string) {
	g.w.Helper()
	category := map[string]string{qceraTenant: "employee.email", caseworksTenant: "account.email"}[policy]
	res, err := g.glass("vera", "verifier").AskBreakGlass(stack.Deadline(g.w), &identityv1.AskBreakGlassRequest{
		RequestId: uuid.NewString(), SubjectRef: g.jane.ref, Policy: policy, Ground: ground, Reason: "suspected_fraud", Document: "case-7",
		Imminent: true, Categories: []string{category}, Period: durationpb.New(time.Hour),
	})
	_, reason, _ = stack.Answer(err)
	return res.GetBreakGlass(), reason
}

// lawRightsOrSafety shows QC-08: staff see somebody's data with their consent to
// the purpose, or on one of three grounds, agreed by a second person and reviewed
// by a third. Fraud and terms of use are grounds of Caseworks, and not here.
func lawRightsOrSafety(_ *testing.T, w *world) {
	g := &glassed{w: w, tenant: w.tenantOf(qceraTenant)}
	g.jane = w.stranger(g.tenant, qceraTenant)
	w.EmployNamed(g.tenant, "vera", operating, "case.identity")
	g.looks("without consent or ground", operating, "", "CONSENT_REQUIRED")
	g.jane.grants("mail.periodic")
	g.looks("with consent to something else", operating, "", "CONSENT_REQUIRED")
	g.jane.grants(operating)
	g.looks("with consent", operating, "", "")
	g.looks("with consent, for what nobody can agree to", "case.identity", "", "CONSENT_REQUIRED")
	g.jane.decides(act{purpose: operating, decision: "withdrawn"})
	g.looks("after it was withdrawn", operating, "", "CONSENT_REQUIRED")
	for ground, want := range map[string]string{
		"protection": "GROUND_NOT_ALLOWED", "terms": "GROUND_NOT_ALLOWED", "imminent_harm": "GROUND_NOT_ALLOWED",
		"law": "", "rights_or_property": "", "personal_safety": "",
	} {
		if _, reason := g.asks(qceraTenant, ground); reason != want {
			w.Errorf("the ground %s: %s, want %q", ground, reason, want)
		}
	}
	g.breaks()
	g.recorded()

	// The twins: Caseworks knows fraud and terms, and binds its staff to need alone.
	cw := &glassed{w: w, tenant: w.tenantOf(caseworksTenant)}
	cw.jane = w.stranger(cw.tenant, caseworksTenant)
	w.EmployNamed(cw.tenant, "vera", operating)
	cw.looks("under Caseworks, without consent", operating, "", "")
	for _, ground := range []string{"protection", "terms"} {
		if _, reason := cw.asks(caseworksTenant, ground); reason != "" {
			w.Errorf("under Caseworks, the ground %s: %s", ground, reason)
		}
	}
	lax := &glassed{w: w, tenant: w.tenantOf(qceraTenant, change{"  staff: {clause: QC-08}\n", ""})}
	lax.jane = w.stranger(lax.tenant, qceraTenant)
	w.EmployNamed(lax.tenant, "vera", operating)
	lax.looks("under Qcera's policy without that sentence", operating, "", "")
}

// breaks takes a grant from its asking to its review.
func (g *glassed) breaks() {
	g.w.Helper()
	id, _ := g.asks(qceraTenant, "law")
	g.looks("by a grant that nobody has granted", operating, id, "BREAK_GLASS_CLOSED")
	ctx, dora := stack.Deadline(g.w), g.glass("dora", "dpo")
	if _, err := dora.GrantBreakGlass(ctx, &identityv1.GrantBreakGlassRequest{RequestId: uuid.NewString(), BreakGlass: id}); err != nil {
		g.w.Fatalf("grant: %v", err)
	}
	g.looks("by a grant", operating, id, "")
	if _, err := dora.CloseBreakGlass(ctx, &identityv1.CloseBreakGlassRequest{RequestId: uuid.NewString(), BreakGlass: id}); err != nil {
		g.w.Fatalf("close: %v", err)
	}
	g.looks("by a grant that is closed", operating, id, "BREAK_GLASS_CLOSED")
	review := func(by identityv1.BreakGlassServiceClient) string {
		_, err := by.ReviewBreakGlass(ctx, &identityv1.ReviewBreakGlassRequest{
			RequestId: uuid.NewString(), BreakGlass: id, Outcome: identityv1.BreakGlassOutcome_BREAK_GLASS_OUTCOME_JUSTIFIED, Reason: "as_stated",
		})
		_, reason, _ := stack.Answer(err)
		return reason
	}
	if reason := review(dora); reason != "REVIEWER_INVOLVED" {
		g.w.Errorf("reviewed by who has granted it: %q", reason)
	}
	if reason := review(g.glass("rita", "dpo")); reason != "" {
		g.w.Errorf("reviewed by a third person: %s", reason)
	}
}

// recorded holds the read log against what was looked at.
func (g *glassed) recorded() {
	g.w.Helper()
	found := g.w.Reads(audit.ReadFilter{Tenant: g.tenant})
	if len(found) != len(g.looked) {
		g.w.Fatalf("the read log has %d readings, want %d", len(found), len(g.looked))
	}
	for i, r := range found {
		if got := r.Refusal + " " + r.BreakGlass; got != g.looked[i] || r.Actor != rpc.ActorID(g.tenant, "vera") {
			g.w.Errorf("reading %d: %+v, want %q by vera", i, r, g.looked[i])
		}
	}
}
