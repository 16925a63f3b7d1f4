package rpc_test

import (
	"bytes"
	"errors"
	"regexp"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/receipt"

	"google.golang.org/protobuf/types/known/timestamppb"
)

func (w *world) receipt(t *testing.T, c caller) ([]byte, error) {
	t.Helper()
	res, err := w.consent(t, c).GetConsentReceipt(deadline(t), &consentv1.GetConsentReceiptRequest{SubjectRef: subject, Policy: "qcera"})
	return res.GetReceipt(), err
}

func TestAReceiptTellsWhatWasDecidedAndVerifiesWithTheServicesKeyAlone(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	r := w.act(given, "mail.periodic", "website.improve")
	r.Choices[0].ExpiresAt = timestamppb.New(w.now().Add(time.Hour))
	if err := w.record(t, r); err != nil {
		t.Fatal(err)
	}
	w.later(2 * time.Hour)
	if err := w.record(t, w.act(withdrawn, "website.improve")); err != nil {
		t.Fatal(err)
	}
	self := caller{tenant: "acme", subject: subject, roles: []string{"subject"}}
	file, err := w.receipt(t, self)
	if err != nil {
		t.Fatal(err)
	}
	got, key, err := receipt.Verify(file, w.key)
	if err != nil || !key.Equal(w.key) {
		t.Fatalf("verify: %v\n%s", err, file)
	}
	record := got.Record
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(record.ID) || record.ID == got.ID {
		t.Errorf("ids %s and %s", got.ID, record.ID)
	}
	p := record.Processing
	if record.Principal != subject || p.Language != "en" || p.Notice.TextHash != textHash(t, document(t, "qcera")) || p.Controllers[0].Name == "" {
		t.Errorf("%+v", record)
	}
	status := map[string]string{}
	for _, purpose := range p.Purposes {
		status[purpose.Purpose] = purpose.Status
		if purpose.Basis != "dpv:ExplicitlyExpressedConsent" || len(purpose.PII) == 0 || purpose.PII[0].Retention == "" {
			t.Errorf("%+v", purpose)
		}
	}
	if status["mail.periodic"] != "dpv:ConsentExpired" || status["website.improve"] != "dpv:ConsentWithdrawn" || len(status) != 2 {
		t.Errorf("%v", status)
	}
	if n := len(record.Events); n != 4 || record.Events[0].Validity == "until withdrawn" || record.Events[3].State != "dpv:ConsentWithdrawn" {
		t.Errorf("%d events: %+v", n, record.Events)
	}
	again, err := w.receipt(t, human("dpo"))
	if err != nil {
		t.Fatal(err)
	}
	if other, _, err := receipt.Verify(again, w.key); err != nil || other.ID != got.ID {
		t.Errorf("the same record has another receipt: %s and %s, error %v", got.ID, other.ID, err)
	}
	if _, _, err := receipt.Verify(bytes.Replace(file, []byte("dpv:ConsentExpired"), []byte("dpv:ConsentGiven"), 1), w.key); !errors.Is(err, receipt.ErrForged) {
		t.Errorf("a forged one: %v", err)
	}
}

func TestAReceiptIsShownToWhomItIsAbout(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	if _, err := w.receipt(t, caller{tenant: "acme", subject: another, roles: []string{"subject"}}); code(err) != "NOT_OWN_DATA" {
		t.Errorf("somebody else's: %v", err)
	}
	file, err := w.receipt(t, human("dpo"))
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := receipt.Verify(file, w.key); err != nil || len(got.Record.Events) != 0 || len(got.Record.Processing.Purposes) != 0 {
		t.Errorf("of somebody who decided nothing: %+v, error %v", got, err)
	}
	if _, err := w.receipt(t, caller{tenant: "other", subject: "actor-1", roles: []string{"dpo"}}); code(err) != "POLICY_NOT_FOUND" {
		t.Errorf("of another tenant: %v", err)
	}
}

// code is the reason that an error names.
func code(err error) string {
	_, reason, _ := answer(err)
	return reason
}
