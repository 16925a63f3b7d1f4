package cli_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/habeas/internal/cli"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// registerOf answers for the register, and recipientsOf for the directory.
type registerOf struct {
	consentv1.UnimplementedDisclosureServiceServer
	s *answering
}

type recipientsOf struct {
	consentv1.UnimplementedRecipientServiceServer
	s *answering
}

func (r registerOf) ListMarketingDisclosures(_ context.Context, q *consentv1.ListMarketingDisclosuresRequest) (*consentv1.ListMarketingDisclosuresResponse, error) {
	out := &consentv1.ListMarketingDisclosuresResponse{Year: q.GetYear(), Zone: "America/New_York"}
	if r.s.allowed {
		out.Recipients = []*consentv1.Holding{holding()}
	}
	return out, r.s.err
}

func (r registerOf) ListDisclosures(context.Context, *consentv1.ListDisclosuresRequest) (*consentv1.ListDisclosuresResponse, error) {
	return &consentv1.ListDisclosuresResponse{Disclosures: []*consentv1.Disclosure{entry()}}, r.s.err
}

func (r registerOf) ListAccounting(context.Context, *consentv1.ListAccountingRequest) (*consentv1.ListAccountingResponse, error) {
	return &consentv1.ListAccountingResponse{Disclosures: []*consentv1.Disclosure{entry()}}, r.s.err
}

func (r registerOf) ListRecipientsOf(context.Context, *consentv1.ListRecipientsOfRequest) (*consentv1.ListRecipientsOfResponse, error) {
	return &consentv1.ListRecipientsOfResponse{Recipients: []*consentv1.Holding{holding()}}, r.s.err
}

func holding() *consentv1.Holding {
	at := timestamppb.New(timeOf(2025, 3, 4))
	return &consentv1.Holding{
		Recipient: "acme-mail", Kind: "affiliate", Title: "Acme Mail", Contact: "1 Example Street", Categories: []string{"personal.email"},
		Purposes: []string{"mail.updates"}, Disclosures: 3, First: at, Last: at,
	}
}

func entry() *consentv1.Disclosure {
	return &consentv1.Disclosure{
		At: timestamppb.New(timeOf(2025, 3, 4)), Action: consentv1.Action_ACTION_DISCLOSE, Recipient: "court", Categories: []string{"patient.information"},
		Purpose: "ground.law", Reason: "LEGAL_GROUND",
	}
}

func (r recipientsOf) RecordAgreement(_ context.Context, q *consentv1.RecordAgreementRequest) (*consentv1.RecordAgreementResponse, error) {
	a := q.GetAgreement()
	if a.GetMechanism() != nil || a.GetConsideration() != consentv1.Consideration_CONSIDERATION_NONE || !slices.Equal(a.GetUndertakings(), []string{"security", "task_only"}) {
		return nil, context.Canceled
	}
	return &consentv1.RecordAgreementResponse{Number: 2}, r.s.err
}

func (r recipientsOf) GetRecipient(context.Context, *consentv1.GetRecipientRequest) (*consentv1.GetRecipientResponse, error) {
	return &consentv1.GetRecipientResponse{Profile: &consentv1.RecipientProfile{Kind: "affiliate", Title: "Acme Mail"}}, r.s.err
}

func TestWhoWasGivenDataIsShown(t *testing.T) {
	s := serve(t, "consent")
	subject := strings.Repeat("a", 26)
	marketing := []string{"disclosure", "list", subject, "--marketing", "--policy", "personnel-technology", "--year", "2025"}
	for _, tc := range []struct {
		name    string
		allowed bool
		args    []string
		want    []string
	}{
		{"nobody, for marketing", false, marketing, []string{"nobody got anything for marketing in 2025"}},
		{"for marketing", true, marketing, []string{"acme-mail", "affiliate", "1 Example Street", "personal.email", "3"}},
		{"all", true, []string{"disclosure", "list", subject}, []string{"court", "ground.law", "LEGAL_GROUND", "patient.information"}},
		{"an accounting", true, []string{"disclosure", "accounting", subject}, []string{"court", "ground.law"}},
		{"who holds what", true, []string{"disclosure", "recipients", subject}, []string{"acme-mail", "Acme Mail", "mail.updates"}},
		{"what was agreed", true, []string{
			"recipient", "agree", "acme-mail", "--undertaking", "security,task_only", "--category", "personal.email", "--purpose", "mail.updates",
			"--from", "2025-01-01", "--document", "dpa-1",
		}, []string{"agreement 2 of acme-mail is recorded"}},
		{"a recipient", true, []string{"recipient", "show", "acme-mail"}, []string{"affiliate", "Acme Mail", "agreement"}},
	} {
		s.allowed = tc.allowed
		got := s.run(t, "", tc.args...)
		if got.code != cli.ExitOK {
			t.Errorf("%s: exit code %d: %s", tc.name, got.code, got.err)
		}
		for _, want := range tc.want {
			if !strings.Contains(got.out, want) {
				t.Errorf("%s: no %q in\n%s", tc.name, want, got.out)
			}
		}
	}
	for _, args := range [][]string{
		{"disclosure", "list", subject, "--marketing"},
		{"disclosure", "list", subject, "--year", "2025"},
		{"recipient", "put", "acme-mail"},
		{"recipient", "agree", "acme-mail", "--from", "soon", "--document", "d"},
		{"recipient", "end", "acme-mail"},
		{"recipient", "agree", "acme-mail", "--from", "2025-01-01", "--document", "d", "--consideration", "favours"},
	} {
		if got := s.run(t, "", args...); got.code != cli.ExitUsage {
			t.Errorf("%v: exit code %d", args, got.code)
		}
	}
}
