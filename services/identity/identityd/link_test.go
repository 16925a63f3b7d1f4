package identityd_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/grpc/codes"
)

var link = regexp.MustCompile(`https://privacy\.acme\.example/confirm#([a-z2-7]{26})\.([a-z2-7]{26})`)

// links are the secrets in the links that an address was sent.
func (b *mailbox) links(to string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, m := range b.mails {
		if found := link.FindStringSubmatch(strings.ReplaceAll(m.text, "=\r\n", "")); m.to == to && found != nil {
			out = append(out, found[2])
		}
	}
	return out
}

func TestALinkConfirmsOnceAndOnlyItsOwnVerification(t *testing.T) {
	w, d := found(t)
	jane, john := d.register(t, email("jane@example.com")), d.register(t, email("john@example.com"))
	hers, his := d.verify(t, "step-1", jane), d.verify(t, "step-2", john)
	for _, id := range []string{hers, his} {
		w.waitFor(t, id, "verification.code_sent")
	}
	testwait.For(t, 20*time.Second, func() error {
		if len(w.mails.links("jane@example.com")) == 0 || len(w.mails.links("john@example.com")) == 0 {
			return errNotYet
		}
		return nil
	})
	secret := w.mails.links("jane@example.com")[0]
	check := func(id string) (*identityv1.CheckCodeResponse, error) {
		return d.as(t, tenant, "intake").CheckCode(deadline(t), &identityv1.CheckCodeRequest{
			RequestId: newRequestID(), Verification: id, Code: secret,
		})
	}
	if got := must(check(his))(t); got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_OPEN {
		t.Errorf("another's link is answered with %v", got)
	}
	if got := must(check(hers))(t); got.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED {
		t.Errorf("the link is answered with %v", got)
	}
	_, err := check(hers)
	expect(t, err, codes.FailedPrecondition, "VERIFICATION_CLOSED")
	got := must(d.service(t, "fulfilment", tenant).GetVerification(deadline(t), &identityv1.GetVerificationRequest{Verification: hers}))(t)
	if got.GetMethod() != "link" || got.GetAssuranceLevel() != 2 { // she was registered a moment ago
		t.Errorf("proven by %q to level %d", got.GetMethod(), got.GetAssuranceLevel())
	}
}
