package identityd_test

import (
	"context"
	"strings"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
)

func enrols(cause string, ids ...*identityv1.Identifier) call {
	return func(ctx context.Context, c *api) error {
		_, err := c.EnrolSubjects(ctx, &identityv1.EnrolSubjectsRequest{Cause: cause, Identifiers: ids})
		return err
	}
}

func checksActing(r *identityv1.CheckActingRequest) call {
	return func(ctx context.Context, c *api) error {
		_, err := identityv1.NewAgeServiceClient(c.conn).CheckActing(ctx, r)
		return err
	}
}

// consentMethods are those that consent alone may call.
func consentMethods(ref string) []method {
	imported := strings.Repeat("a", len(ref))
	return []method{
		{
			name: identityv1.SubjectService_EnrolSubjects_FullMethodName, service: "consent", wrong: "product",
			good: enrols(imported, email("jane@example.com")),
			bad:  []malformed{{"cause", enrols("x", email("jane@example.com"))}, {"identifiers", enrols(imported)}},
		},
		{
			name: identityv1.AgeService_CheckActing_FullMethodName, service: "consent", wrong: "product", foreign: "SUBJECT_NOT_FOUND",
			good: checksActing(&identityv1.CheckActingRequest{SubjectRef: ref, Reference: "case:7"}),
			bad: []malformed{
				{"subject_ref", checksActing(&identityv1.CheckActingRequest{SubjectRef: "x", Reference: "case:7"})},
				{"reference", checksActing(&identityv1.CheckActingRequest{SubjectRef: ref})},
				{"years", checksActing(&identityv1.CheckActingRequest{SubjectRef: ref, Reference: "case:7", Years: 151})},
			},
		},
	}
}
