package rpc_test

import (
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/es"

	"google.golang.org/grpc/codes"
)

func TestALeaderThatCannotProveItselfGivesNoAnswer(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.decide(t, "qcera", "mail.periodic", given)
	w.wants(t, "with a leader", mail(), "+CONSENT_GIVEN QC-05")
	ask := func() (*consentv1.CheckResponse, error) {
		return w.consent(t, human("product")).Check(deadline(t), &consentv1.CheckRequest{Question: mail()})
	}
	w.store.disown(es.ErrUnavailable, 1)
	_, err := ask()
	expect(t, "a leader that is away", err, codes.Unavailable, "LOG_UNAVAILABLE")
	w.store.disown(es.ErrStale, 100)
	_, err = ask()
	expect(t, "a leader that is always behind", err, codes.Aborted, "CONTENDED")
	w.store.disown(es.ErrStale, 2)
	if res, err := ask(); err != nil || !res.GetAnswer().GetAllowed() {
		t.Errorf("a leader that was behind: %v, error %v", res, err)
	}
}
