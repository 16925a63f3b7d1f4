package identityd_test

import (
	"context"
	"strings"
	"testing"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"google.golang.org/grpc/codes"
)

// asking makes a call of a method and its request.
func asking[Q, A any](client func(c *api) func(context.Context, Q) (A, error), r Q) call {
	return func(ctx context.Context, c *api) error {
		_, err := client(c)(ctx, r)
		return err
	}
}

func merging(ctx context.Context, c *api) (context.Context, identityv1.MergeServiceClient) {
	return withPurpose(ctx), identityv1.NewMergeServiceClient(c.conn)
}

func signsUp(r *identityv1.SignUpRequest) call {
	return func(ctx context.Context, c *api) error {
		ctx, m := merging(ctx, c)
		_, err := m.SignUp(ctx, r)
		return err
	}
}

func merges(r *identityv1.MergeSubjectsRequest) call {
	return func(ctx context.Context, c *api) error {
		ctx, m := merging(ctx, c)
		_, err := m.MergeSubjects(ctx, r)
		return err
	}
}

func unmerges(r *identityv1.UnmergeSubjectsRequest) call {
	return func(ctx context.Context, c *api) error {
		ctx, m := merging(ctx, c)
		_, err := m.UnmergeSubjects(ctx, r)
		return err
	}
}

func mergeMethods(ref string) []method {
	other := strings.Repeat("a", len(ref))
	return []method{
		{
			name: identityv1.SubjectService_FixIdentifiers_FullMethodName, wrong: "product", foreign: "SUBJECT_NOT_FOUND",
			good: asking(func(c *api) func(context.Context, *identityv1.FixIdentifiersRequest) (*identityv1.FixIdentifiersResponse, error) {
				return func(ctx context.Context, r *identityv1.FixIdentifiersRequest) (*identityv1.FixIdentifiersResponse, error) {
					return c.FixIdentifiers(ctx, r)
				}
			}, &identityv1.FixIdentifiersRequest{RequestId: "f", SubjectRef: ref, Request: other}),
		},
		{
			name: identityv1.SubjectService_RecordTouch_FullMethodName, wrong: "product", foreign: "SUBJECT_NOT_FOUND",
			good: asking(func(c *api) func(context.Context, *identityv1.RecordTouchRequest) (*identityv1.RecordTouchResponse, error) {
				return func(ctx context.Context, r *identityv1.RecordTouchRequest) (*identityv1.RecordTouchResponse, error) {
					return c.RecordTouch(ctx, r)
				}
			}, &identityv1.RecordTouchRequest{RequestId: "t", SubjectRef: ref, Kind: identityv1.TouchKind_TOUCH_KIND_PACKAGE, Reference: other}),
		},
		{
			name: identityv1.MergeService_SignUp_FullMethodName, role: "product", wrong: "verifier", foreign: "SUBJECT_NOT_FOUND",
			good: signsUp(&identityv1.SignUpRequest{RequestId: newRequestID(), SubjectRef: ref, AnonymousRef: other}),
			bad:  []malformed{{"anonymous_ref", signsUp(&identityv1.SignUpRequest{RequestId: newRequestID(), SubjectRef: ref, AnonymousRef: ref})}},
		},
		{
			name: identityv1.MergeService_MergeSubjects_FullMethodName, role: "verifier", wrong: "product", foreign: "SUBJECT_NOT_FOUND",
			good: merges(&identityv1.MergeSubjectsRequest{RequestId: newRequestID(), SubjectRef: ref, OtherRef: other, Evidence: "case:7"}),
			bad: []malformed{
				{"other_ref", merges(&identityv1.MergeSubjectsRequest{RequestId: newRequestID(), SubjectRef: ref, OtherRef: ref, Evidence: "case:7"})},
				{"evidence", merges(&identityv1.MergeSubjectsRequest{RequestId: newRequestID(), SubjectRef: ref, OtherRef: other})},
			},
		},
		{
			name: identityv1.MergeService_UnmergeSubjects_FullMethodName, role: "dpo", wrong: "product", foreign: "SUBJECT_NOT_FOUND",
			good: unmerges(&identityv1.UnmergeSubjectsRequest{RequestId: newRequestID(), SubjectRef: ref, Merge: other, Reason: "wrong_person"}),
			bad:  []malformed{{"reason", unmerges(&identityv1.UnmergeSubjectsRequest{RequestId: newRequestID(), SubjectRef: ref, Merge: other})}},
		},
		{
			name: identityv1.MergeService_ListMerges_FullMethodName, role: "auditor", wrong: "product", foreign: "SUBJECT_NOT_FOUND",
			good: func(ctx context.Context, c *api) error {
				_, err := identityv1.NewMergeServiceClient(c.conn).ListMerges(ctx, &identityv1.ListMergesRequest{SubjectRef: ref})
				return err
			},
		},
	}
}

func ageing(do func(context.Context, identityv1.AgeServiceClient) error) call {
	return func(ctx context.Context, c *api) error { return do(ctx, identityv1.NewAgeServiceClient(c.conn)) }
}

func agesAs(ref, born string, source identityv1.AgeSource) call {
	return ageing(func(ctx context.Context, c identityv1.AgeServiceClient) error {
		_, err := c.RecordAge(ctx, &identityv1.RecordAgeRequest{RequestId: newRequestID(), SubjectRef: ref, Source: source, BirthDate: born})
		return err
	})
}

func ageMethods(ref string) []method {
	const stated, alleged = identityv1.AgeSource_AGE_SOURCE_STATED, identityv1.AgeSource_AGE_SOURCE_ALLEGED
	one := func(name, role, wrong string, do func(context.Context, identityv1.AgeServiceClient) error) method {
		return method{name: name, role: role, wrong: wrong, foreign: "SUBJECT_NOT_FOUND", good: ageing(do)}
	}
	return []method{
		{
			name: identityv1.AgeService_RecordAge_FullMethodName, role: "verifier", wrong: "auditor", foreign: "SUBJECT_NOT_FOUND",
			good: agesAs(ref, "2000-01-01", stated),
			bad: []malformed{
				{"source", agesAs(ref, "2000-01-01", 0)},
				{"birth_date", agesAs(ref, "", stated)},
				{"birth_date", agesAs(ref, "2000-01-01", alleged)},
				{"birth_date", agesAs(ref, "1.1.2000", stated)},
			},
		},
		one(identityv1.AgeService_RecordMandate_FullMethodName, "product", "intake", func(ctx context.Context, c identityv1.AgeServiceClient) error {
			_, err := c.RecordMandate(ctx, &identityv1.RecordMandateRequest{
				RequestId: newRequestID(), SubjectRef: ref, Mandate: &identityv1.Mandate{Kind: identityv1.MandateKind_MANDATE_KIND_PARENT, Evidence: "form:7"},
			})
			return err
		}),
		one(identityv1.AgeService_EndMandate_FullMethodName, "product", "intake", func(ctx context.Context, c identityv1.AgeServiceClient) error {
			_, err := c.EndMandate(ctx, &identityv1.EndMandateRequest{RequestId: newRequestID(), SubjectRef: ref})
			return err
		}),
		one(identityv1.AgeService_RecordParentalConsent_FullMethodName, "verifier", "intake", func(ctx context.Context, c identityv1.AgeServiceClient) error {
			_, err := c.RecordParentalConsent(ctx, &identityv1.RecordParentalConsentRequest{
				RequestId: newRequestID(), SubjectRef: ref,
				Consent: &identityv1.ParentalConsent{Method: identityv1.ConsentMethod_CONSENT_METHOD_SIGNED_FORM, Evidence: "form:8"},
			})
			return err
		}),
		one(identityv1.AgeService_WithdrawParentalConsent_FullMethodName, "product", "intake", func(ctx context.Context, c identityv1.AgeServiceClient) error {
			_, err := c.WithdrawParentalConsent(ctx, &identityv1.WithdrawParentalConsentRequest{RequestId: newRequestID(), SubjectRef: ref})
			return err
		}),
		one(identityv1.AgeService_GetAgeStatus_FullMethodName, "auditor", "intake", func(ctx context.Context, c identityv1.AgeServiceClient) error {
			_, err := c.GetAgeStatus(ctx, &identityv1.GetAgeStatusRequest{SubjectRef: ref})
			return err
		}),
	}
}

// TestWithoutConsentNothingIsMergedOrAged: what consent has to learn first can't be
// done where it is not connected.
func TestWithoutConsentNothingIsMergedOrAged(t *testing.T) {
	w := newWorld(t)
	w.target = ""
	d := w.start(t)
	d.create(t, tenant)
	jane, john := d.register(t, email("jane@example.com")), d.register(t, email("john@example.com"))
	before := w.commits(t)
	for role, ask := range map[string]call{
		"verifier": merges(&identityv1.MergeSubjectsRequest{RequestId: newRequestID(), SubjectRef: jane, OtherRef: john, Evidence: "case:7"}),
		"product":  agesAs(jane, "2000-01-01", identityv1.AgeSource_AGE_SOURCE_STATED),
	} {
		expect(t, ask(deadline(t), d.as(t, tenant, role)), codes.FailedPrecondition, "CONSENT_NOT_CONNECTED")
	}
	expect(t, lists(jane)(deadline(t), d.as(t, tenant, "verifier")), codes.Unavailable, "STAFF_CHECK_UNAVAILABLE")
	if after := w.commits(t); after != before {
		t.Errorf("%d commits were appended", after-before)
	}
}

// TestOnlyAVerifierSaysThatThereWasADocument: nothing but another one takes its
// place.
func TestOnlyAVerifierSaysThatThereWasADocument(t *testing.T) {
	w, d := found(t)
	jane := d.register(t, email("jane@example.com"))
	before := w.commits(t)
	shown := agesAs(jane, "2000-01-01", identityv1.AgeSource_AGE_SOURCE_DOCUMENT)
	for _, role := range []string{"product", "intake"} {
		expect(t, shown(deadline(t), d.as(t, tenant, role)), codes.PermissionDenied, "DOCUMENT_NEEDS_VERIFIER")
	}
	expect(t, shown(deadline(t), d.as(t, tenant, "verifier")), codes.FailedPrecondition, "CONSENT_NOT_CONNECTED") // it gets further
	if after := w.commits(t); after != before {
		t.Errorf("%d commits were appended", after-before)
	}
}
