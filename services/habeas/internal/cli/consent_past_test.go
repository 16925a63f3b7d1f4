package cli_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/habeas/internal/cli"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/receipt"

	"google.golang.org/protobuf/types/known/timestamppb"
)

func (s *answering) GetConsentState(context.Context, *consentv1.GetConsentStateRequest) (*consentv1.GetConsentStateResponse, error) {
	said, recorded := timestamppb.New(timeOf(2026, 1, 2)), timestamppb.New(timeOf(2026, 1, 9))
	return &consentv1.GetConsentStateResponse{
		Policies: []*consentv1.PolicyState{{Policy: "p", Version: 3, States: []*consentv1.PurposeState{
			{
				Purpose: "mail", Known: &consentv1.StatusThen{Decision: consentv1.Decision_DECISION_GIVEN},
				Was: &consentv1.StatusThen{Decision: consentv1.Decision_DECISION_WITHDRAWN, DecidedAt: said, Circumstances: &consentv1.Circumstances{Notice: "signup.3"}},
			},
			{Purpose: "ads", Known: &consentv1.StatusThen{}, Was: &consentv1.StatusThen{}},
		}}},
		Late: []*consentv1.LateWithdrawal{{Policy: "p", Purpose: "mail", DecidedAt: said, RecordedAt: recorded, Recipients: []*consentv1.LateRecipient{
			{Recipient: "acme-mail", Disclosures: []*consentv1.LateDisclosure{{Number: 7}, {Number: 9}}},
		}}},
	}, s.err
}

func TestTheStateOfAMomentIsShownAsItWasKnownAndAsItWas(t *testing.T) {
	s := serve(t, "consent")
	r := s.run(t, "", "consent", "state", "jane", "--at", "2026-01-05")
	for _, want := range []string{"given", "withdrawn", "2026-01-02 00:00", "signup.3", "acme-mail", "7,9", "ads"} {
		if r.code != cli.ExitOK || !strings.Contains(r.out, want) {
			t.Errorf("no %q; exit code %d\n%s%s", want, r.code, r.out, r.err)
		}
	}
}

func TestAReceiptIsVerifiedOffline(t *testing.T) {
	key, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file, err := receipt.Sign(receipt.Receipt{ID: "r-1", Record: receipt.Record{Events: []receipt.Event{{Purpose: "mail", State: "dpv:ConsentGiven"}}}}, key)
	if err != nil {
		t.Fatal(err)
	}
	good, bad := filepath.Join(t.TempDir(), "good.json"), filepath.Join(t.TempDir(), "bad.json")
	for name, content := range map[string]string{good: string(file), bad: strings.Replace(string(file), "ConsentGiven", "ConsentRefused", 1)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	public := base64.StdEncoding.EncodeToString(key.Public())
	s := serve(t, "consent")
	if r := s.run(t, "", "consent", "receipt", "verify", good, "--key", public); r.code != cli.ExitOK || !strings.Contains(r.out, "dpv:ConsentGiven") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if r := s.run(t, "", "consent", "receipt", "verify", bad, "--key", public); r.code != cli.ExitRefused || r.out != "" {
		t.Errorf("a forged one: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	other, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	strange := base64.StdEncoding.EncodeToString(other.Public())
	if r := s.run(t, "", "consent", "receipt", "verify", good, "--key", strange); r.code != cli.ExitRefused {
		t.Errorf("of another key: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if r := s.run(t, "", "consent", "receipt", "verify", good); r.code != cli.ExitUsage {
		t.Errorf("without a key: exit code %d\n%s%s", r.code, r.out, r.err)
	}
}
