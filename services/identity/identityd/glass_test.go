package identityd_test

import (
	"context"
	"slices"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"
)

func glassOf(c *api) identityv1.BreakGlassServiceClient {
	return identityv1.NewBreakGlassServiceClient(c.conn)
}

// wants is a whole ask about somebody, with a change.
func wants(ref string, change func(*identityv1.AskBreakGlassRequest)) *identityv1.AskBreakGlassRequest {
	r := &identityv1.AskBreakGlassRequest{
		RequestId: newRequestID(), SubjectRef: ref, Policy: "qcera", Ground: "law", Reason: "subpoena", Document: "case-7",
		Categories: []string{"employee.name"}, Period: durationpb.New(10 * time.Minute),
	}
	change(r)
	return r
}

func grantMethods() []method {
	asked := func(change func(*identityv1.AskBreakGlassRequest)) call {
		return func(ctx context.Context, c *api) error {
			_, err := glassOf(c).AskBreakGlass(ctx, wants(request, change))
			return err
		}
	}
	whole := asked(func(*identityv1.AskBreakGlassRequest) {})
	return append(decisionMethods(), method{
		name: identityv1.BreakGlassService_AskBreakGlass_FullMethodName, role: "verifier", wrong: "product", good: whole, stepUp: true,
		bad: []malformed{
			{"subject_ref", asked(func(r *identityv1.AskBreakGlassRequest) { r.SubjectRef = "jane" })},
			{"policy", asked(func(r *identityv1.AskBreakGlassRequest) { r.Policy = "" })},
			{"ground", asked(func(r *identityv1.AskBreakGlassRequest) { r.Ground = "" })},
			{"reason", asked(func(r *identityv1.AskBreakGlassRequest) { r.Reason = "Because I say so" })},
			{"document", asked(func(r *identityv1.AskBreakGlassRequest) { r.Document = "case 7" })},
			{"categories[0]", asked(func(r *identityv1.AskBreakGlassRequest) { r.Categories = []string{"All"} })},
			{"period", asked(func(r *identityv1.AskBreakGlassRequest) { r.Period = nil })},
		},
	})
}

// decisionMethods are those on a grant that is there.
func decisionMethods() []method {
	review := func(outcome identityv1.BreakGlassOutcome, reason string) call {
		return func(ctx context.Context, c *api) error {
			_, err := glassOf(c).ReviewBreakGlass(ctx, &identityv1.ReviewBreakGlassRequest{
				RequestId: newRequestID(), BreakGlass: request, Outcome: outcome, Reason: reason,
			})
			return err
		}
	}
	const none = "BREAK_GLASS_NOT_FOUND"
	return []method{
		{
			name: identityv1.BreakGlassService_GrantBreakGlass_FullMethodName, role: "dpo", wrong: "verifier", stepUp: true, foreign: none,
			good: func(ctx context.Context, c *api) error {
				_, err := glassOf(c).GrantBreakGlass(ctx, &identityv1.GrantBreakGlassRequest{RequestId: newRequestID(), BreakGlass: request})
				return err
			},
		},
		{
			name: identityv1.BreakGlassService_DeclineBreakGlass_FullMethodName, role: "approver", wrong: "verifier", foreign: none,
			good: func(ctx context.Context, c *api) error {
				_, err := glassOf(c).DeclineBreakGlass(ctx, &identityv1.DeclineBreakGlassRequest{RequestId: newRequestID(), BreakGlass: request, Reason: "not_needed"})
				return err
			},
		},
		{
			name: identityv1.BreakGlassService_CloseBreakGlass_FullMethodName, role: "agent", wrong: "intake", foreign: none,
			good: func(ctx context.Context, c *api) error {
				_, err := glassOf(c).CloseBreakGlass(ctx, &identityv1.CloseBreakGlassRequest{RequestId: newRequestID(), BreakGlass: request})
				return err
			},
		},
		{
			name: identityv1.BreakGlassService_ReviewBreakGlass_FullMethodName, role: "dpo", wrong: "auditor", foreign: none,
			good: review(identityv1.BreakGlassOutcome_BREAK_GLASS_OUTCOME_JUSTIFIED, "as_stated"),
			bad: []malformed{
				{"outcome", review(0, "as_stated")},
				{"reason", review(identityv1.BreakGlassOutcome_BREAK_GLASS_OUTCOME_UNJUSTIFIED, "")},
			},
		},
		{
			name: identityv1.BreakGlassService_GetBreakGlass_FullMethodName, role: "auditor", wrong: "product", foreign: none,
			good: func(ctx context.Context, c *api) error {
				_, err := glassOf(c).GetBreakGlass(ctx, &identityv1.GetBreakGlassRequest{BreakGlass: request})
				return err
			},
		},
		{
			name: identityv1.BreakGlassService_ListBreakGlass_FullMethodName, role: "dpo", wrong: "verifier",
			good: func(ctx context.Context, c *api) error {
				_, err := glassOf(c).ListBreakGlass(ctx, &identityv1.ListBreakGlassRequest{})
				return err
			},
		},
	}
}

// looker is somebody who is bound, and has no need.
type looker struct{ *api }

func (l looker) at(t *testing.T, ref, purpose, grant string) error {
	t.Helper()
	ctx := metadata.AppendToOutgoingContext(deadline(t), rpc.MetadataPurpose, purpose)
	if grant != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, rpc.MetadataBreakGlass, grant)
	}
	_, err := l.ListIdentifiers(ctx, &identityv1.ListIdentifiersRequest{SubjectRef: ref})
	return err
}

// TestTheGlassIsBrokenByTwoForOneAndLookedAtByAThird: it opens one person's data
// to who has asked, after a second person has granted it, until it is closed; a
// third one reviews it.
func TestTheGlassIsBrokenByTwoForOneAndLookedAtByAThird(t *testing.T) {
	w, d := found(t)
	w.peer.publish(t, "qcera")
	jane, john := d.register(t, email("jane@example.com")), d.register(t, email("john@example.com"))
	must(d.officer(t, tenant).RecordUndertaking(deadline(t), binds("vera", in(time.Hour))))(t)
	vera, dora, rita := d.stepped(t, "vera", tenant, "verifier", "approver"), d.stepped(t, "dora", tenant, "dpo"), d.stepped(t, "rita", tenant, "dpo")
	eyes := looker{vera}
	id := must(glassOf(vera).AskBreakGlass(deadline(t), wants(jane, func(*identityv1.AskBreakGlassRequest) {})))(t).GetBreakGlass()
	expect(t, eyes.at(t, jane, "leave.operate", id), codes.PermissionDenied, "BREAK_GLASS_CLOSED")
	grant := func(c *api) error {
		_, err := glassOf(c).GrantBreakGlass(deadline(t), &identityv1.GrantBreakGlassRequest{RequestId: newRequestID(), BreakGlass: id})
		return err
	}
	expect(t, grant(vera), codes.PermissionDenied, "SECOND_PERSON_REQUIRED")
	expect(t, grant(d.somebody(t, tenant, "dora", "dpo")), codes.PermissionDenied, "STEP_UP_REQUIRED")
	if err := grant(dora); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := eyes.at(t, jane, "leave.operate", id); err != nil {
			t.Errorf("by the grant: %v", err)
		}
	}
	expect(t, eyes.at(t, john, "leave.operate", id), codes.PermissionDenied, "OUTSIDE_NEED")
	expect(t, looker{d.as(t, tenant, "verifier")}.at(t, jane, "leave.operate", id), codes.PermissionDenied, "BREAK_GLASS_CLOSED")
	expect(t, looker{d.somebody(t, tenant, "vera", "intake")}.at(t, jane, "leave.operate", id), codes.PermissionDenied, "ROLE_REQUIRED")
	must(glassOf(vera).CloseBreakGlass(deadline(t), &identityv1.CloseBreakGlassRequest{RequestId: newRequestID(), BreakGlass: id}))(t)
	expect(t, eyes.at(t, jane, "leave.operate", id), codes.PermissionDenied, "BREAK_GLASS_CLOSED")
	review := func(c *api) error {
		_, err := glassOf(c).ReviewBreakGlass(deadline(t), &identityv1.ReviewBreakGlassRequest{
			RequestId: newRequestID(), BreakGlass: id, Outcome: identityv1.BreakGlassOutcome_BREAK_GLASS_OUTCOME_JUSTIFIED, Reason: "as_stated",
		})
		return err
	}
	expect(t, review(vera), codes.PermissionDenied, "REVIEWER_INVOLVED")
	expect(t, review(dora), codes.PermissionDenied, "REVIEWER_INVOLVED")
	if err := review(rita); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"breakglass.asked", "breakglass.refused", "breakglass.granted", "breakglass.used", "breakglass.closed",
		"breakglass.refused", "breakglass.refused", "breakglass.reviewed",
	}
	if got := w.history(t, "breakglass", tenant, id); !slices.Equal(got, want) {
		t.Errorf("the log tells %v, want %v", got, want)
	}
	testwait.For(t, 20*time.Second, func() error {
		for _, who := range []string{"vera", "dora"} {
			told := w.history(t, "staff", tenant, rpc.ActorID(tenant, who))
			if !slices.Contains(told, "staff.review_owed") || told[len(told)-1] != "staff.review_settled" {
				return errNotYet
			}
		}
		return nil
	})
	list := must(glassOf(rita).ListBreakGlass(deadline(t), &identityv1.ListBreakGlassRequest{}))(t).GetGrants()
	if len(list) != 1 || list[0].GetState() != identityv1.BreakGlassState_BREAK_GLASS_STATE_REVIEWED || list[0].GetUses() != 1 || list[0].GetOverdue() {
		t.Errorf("listed %v", list)
	}
}

// TestWhoMayAskAndWhy: a bound person, after a step-up, on a ground of the policy
// with what it requires, for one person and an hour at most.
func TestWhoMayAskAndWhy(t *testing.T) {
	w, d := found(t)
	w.peer.publish(t, "qcera")
	vera := d.stepped(t, actor, tenant, "verifier")
	ask := func(c *api, change func(*identityv1.AskBreakGlassRequest)) error {
		_, err := glassOf(c).AskBreakGlass(deadline(t), wants(request, change))
		return err
	}
	plain := func(*identityv1.AskBreakGlassRequest) {}
	expect(t, ask(d.as(t, tenant, "verifier"), plain), codes.PermissionDenied, "STEP_UP_REQUIRED")
	expect(t, ask(d.stepped(t, "nobody", tenant, "verifier"), plain), codes.PermissionDenied, "UNDERTAKING_REQUIRED")
	for name, tc := range map[string]struct {
		change func(*identityv1.AskBreakGlassRequest)
		code   codes.Code
		reason string
	}{
		"fraud is no ground here":   {func(r *identityv1.AskBreakGlassRequest) { r.Ground = "protection" }, codes.FailedPrecondition, "GROUND_NOT_ALLOWED"},
		"nor is a policy not there": {func(r *identityv1.AskBreakGlassRequest) { r.Policy = "caseworks" }, codes.FailedPrecondition, "GROUND_NOT_ALLOWED"},
		"law has a document":        {func(r *identityv1.AskBreakGlassRequest) { r.Document = "" }, codes.FailedPrecondition, "GROUND_NEEDS_DOCUMENT"},
		"safety is imminent":        {func(r *identityv1.AskBreakGlassRequest) { r.Ground = "personal_safety" }, codes.FailedPrecondition, "GROUND_NEEDS_IMMINENCE"},
		"categories have names":     {func(r *identityv1.AskBreakGlassRequest) { r.Categories = nil }, codes.FailedPrecondition, "GROUND_NEEDS_CATEGORIES"},
		"a person, not a case too":  {func(r *identityv1.AskBreakGlassRequest) { r.CaseId = "case-1" }, codes.InvalidArgument, "SCOPE_INVALID"},
		"and are the policy's":      {func(r *identityv1.AskBreakGlassRequest) { r.Categories = []string{"no.such"} }, codes.InvalidArgument, "INVALID_ARGUMENT"},
		"an hour at most":           {func(r *identityv1.AskBreakGlassRequest) { r.Period = durationpb.New(61 * time.Minute) }, codes.InvalidArgument, "PERIOD_INVALID"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, ask(vera, tc.change), tc.code, tc.reason) })
	}
}

// TestStaffLookWithConsentWhereThePolicySaysSo: a need is not enough, consent to
// another purpose neither, and what nobody can find out is no.
func TestStaffLookWithConsentWhereThePolicySaysSo(t *testing.T) {
	w, d := found(t)
	jane, john := d.register(t, email("jane@example.com")), d.register(t, email("john@example.com"))
	officer := d.officer(t, tenant)
	must(officer.RecordUndertaking(deadline(t), binds("vera", in(time.Hour))))(t)
	for _, purpose := range []string{"leave.operate", "mail.periodic", "case.handling"} {
		must(officer.GrantNeed(deadline(t), needs("vera", &identityv1.Need{Purpose: purpose, Until: in(time.Hour)})))(t)
	}
	w.peer.publish(t, "caseworks")
	eyes := looker{d.somebody(t, tenant, "vera", "verifier")}
	if err := eyes.at(t, jane, "leave.operate", ""); err != nil {
		t.Errorf("under a policy that does not bind staff to consent: %v", err)
	}
	w.peer.publish(t, "qcera")
	testwait.For(t, 20*time.Second, func() error { // the policies are remembered for a moment
		if code, _, _ := answer(eyes.at(t, jane, "leave.operate", "")); code == codes.OK {
			return errNotYet
		}
		return nil
	})
	expect(t, eyes.at(t, jane, "leave.operate", ""), codes.PermissionDenied, "CONSENT_REQUIRED")
	w.peer.agree(jane, "leave.operate", true)
	if err := eyes.at(t, jane, "leave.operate", ""); err != nil {
		t.Errorf("with consent: %v", err)
	}
	expect(t, eyes.at(t, john, "leave.operate", ""), codes.PermissionDenied, "CONSENT_REQUIRED")
	expect(t, eyes.at(t, jane, "mail.periodic", ""), codes.PermissionDenied, "CONSENT_REQUIRED")
	expect(t, eyes.at(t, jane, "case.handling", ""), codes.PermissionDenied, "CONSENT_REQUIRED")
	w.peer.leave(true)
	expect(t, eyes.at(t, jane, "leave.operate", ""), codes.Unavailable, "STAFF_CHECK_UNAVAILABLE")
	w.peer.leave(false)
	w.peer.agree(jane, "leave.operate", false)
	expect(t, eyes.at(t, jane, "leave.operate", ""), codes.PermissionDenied, "CONSENT_REQUIRED")

	// Where one policy binds staff, another one's grounds count for nothing.
	vera := d.stepped(t, "vera", tenant, "verifier")
	_, err := glassOf(vera).AskBreakGlass(deadline(t), wants(jane, func(r *identityv1.AskBreakGlassRequest) { r.Policy, r.Ground = "caseworks", "protection" }))
	expect(t, err, codes.FailedPrecondition, "GROUND_NOT_ALLOWED")
}

// TestConsentCountsForThePurposeOfTheNeed: somebody who looks for a case doesn't
// look by consent to whatever else the person has agreed to.
func TestConsentCountsForThePurposeOfTheNeed(t *testing.T) {
	w, d := found(t)
	w.peer.publish(t, "qcera")
	jane := d.register(t, email("jane@example.com"))
	officer := d.officer(t, tenant)
	must(officer.RecordUndertaking(deadline(t), binds("vera", in(time.Hour))))(t)
	must(officer.GrantNeed(deadline(t), needs("vera", &identityv1.Need{CaseId: "case-1", Until: in(time.Hour)})))(t)
	w.peer.agree(jane, "mail.periodic", true)
	eyes := looker{d.somebody(t, tenant, "vera", "verifier")}
	look := func() error {
		ctx := metadata.AppendToOutgoingContext(deadline(t), rpc.MetadataPurpose, "mail.periodic", rpc.MetadataCase, "case-1")
		_, err := eyes.ListIdentifiers(ctx, &identityv1.ListIdentifiersRequest{SubjectRef: jane})
		return err
	}
	expect(t, look(), codes.PermissionDenied, "CONSENT_REQUIRED")
	must(officer.GrantNeed(deadline(t), needs("vera", &identityv1.Need{Purpose: "mail.periodic", Until: in(time.Hour)})))(t)
	if err := look(); err != nil {
		t.Errorf("the twin, a need for this purpose: %v", err)
	}
}

// TestWhosePolicyAsksForConsent: that of the data, or the one that the person is
// registered under; and a grant shows its categories.
func TestWhosePolicyAsksForConsent(t *testing.T) {
	w, d := found(t)
	w.peer.publish(t, "qcera")
	w.peer.publish(t, "caseworks")
	register := func(name, policy string) string {
		return must(d.as(t, tenant, "product").RegisterSubject(deadline(t), &identityv1.RegisterSubjectRequest{
			RequestId: newRequestID(), Identifiers: []*identityv1.Identifier{email(name + "@example.com")}, Policy: policy,
		}))(t).GetSubjectRef()
	}
	jane, john, nobody := register("jane", "qcera"), register("john", "caseworks"), register("nobody", "")
	w.peer.agree(jane, "mail.periodic", true)
	officer := d.officer(t, tenant)
	must(officer.RecordUndertaking(deadline(t), binds("vera", in(time.Hour))))(t)
	must(officer.GrantNeed(deadline(t), needs("vera", &identityv1.Need{Purpose: "mail.periodic", Until: in(time.Hour)})))(t)
	vera := d.stepped(t, "vera", tenant, "verifier")
	grant := must(glassOf(vera).AskBreakGlass(deadline(t), wants(jane, func(*identityv1.AskBreakGlassRequest) {})))(t).GetBreakGlass()
	must(glassOf(d.stepped(t, "dora", tenant, "dpo")).GrantBreakGlass(deadline(t), &identityv1.GrantBreakGlassRequest{RequestId: newRequestID(), BreakGlass: grant}))(t)
	fulfilment := identityv1.NewStaffServiceClient(d.service(t, "fulfilment", tenant).conn)
	for name, tc := range map[string]struct {
		ref, policy, grant string
		categories         []string
		want               string
	}{
		"registered under one that binds":       {ref: john, policy: "qcera", want: "CONSENT_REQUIRED"},
		"data under one that does not":          {ref: jane, policy: "caseworks", categories: []string{"employee.name"}},
		"registered under one that does not":    {ref: john},
		"not known under which":                 {ref: nobody, want: "CONSENT_REQUIRED"},
		"a policy that is not in force":         {ref: nobody, policy: "other", want: "CONSENT_REQUIRED"},
		"agreed, and within the purpose":        {ref: jane, categories: []string{"visitor.email"}},
		"agreed, and more than the purpose":     {ref: jane, categories: []string{"visitor.email", "visitor.phone"}, want: "CONSENT_REQUIRED"},
		"by a grant, and more than it names":    {ref: jane, grant: grant, categories: []string{"employee.name", "visitor.phone"}, want: "OUTSIDE_GRANT"},
		"by a grant, and no more than it names": {ref: jane, grant: grant, categories: []string{"employee.name"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := must(fulfilment.CheckStaff(deadline(t), &identityv1.CheckStaffRequest{
				Actor: rpc.ActorID(tenant, "vera"), Purpose: "mail.periodic", BreakGlass: tc.grant, SubjectRefs: []string{tc.ref},
				Policy: tc.policy, Categories: tc.categories,
			}))(t)
			if got.GetRefusal() != tc.want {
				t.Errorf("%q, want %q", got.GetRefusal(), tc.want)
			}
		})
	}
	if got := w.history(t, "breakglass", tenant, grant); got[len(got)-1] != "breakglass.used" || len(got) != 3 {
		t.Errorf("the log tells %v: what was refused is no use, what was shown is one", got)
	}
}
