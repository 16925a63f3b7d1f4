package conformance_test

import (
	"strings"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/systemtest/stack"

	"google.golang.org/grpc/codes"
)

// letter is a message of the periodic e-mail.
func letter() ask {
	return ask{purpose: "mail.periodic", category: "visitor.email", source: "online", channel: "email"}
}

// prepares asks to send a message, as the product.
func (p *person) prepares(a ask) *consentv1.PrepareMessageResponse {
	p.w.Helper()
	res, err := p.product.Unsubscribe.PrepareMessage(stack.Deadline(p.w), &consentv1.PrepareMessageRequest{
		Question: p.question(a), Page: "https://leave.example/stop?t=",
	})
	if err != nil {
		p.w.Fatalf("prepare a message: %v", err)
	}
	return res
}

// stops hands a token in, as a front end of a tenant where nobody has signed in.
func (w *world) stops(tenant, token string) error {
	_, err := w.As(tenant, "intake").Unsubscribe.Unsubscribe(stack.Deadline(w), &consentv1.UnsubscribeRequest{Token: token})
	return err
}

// saysHowToStop shows QC-05: nothing periodic is sent without the token that stops
// it. The token alone stops all of it, once however often it comes; one that was
// changed, made up or is another tenant's stops nothing. What was stopped stays so
// until the person themselves say otherwise: an older yes that comes late changes
// nothing, nor does one that is imported after the person was erased and came back.
func saysHowToStop(t *testing.T, w *world) {
	p, twin := w.stranger(qceraTenant, qceraTenant), w.stranger(qceraTenant, qceraTenant)
	if res := p.prepares(letter()); res.GetToken() != "" || res.GetAnswer().GetReason() != "CONSENT_MISSING" {
		t.Errorf("undecided: %v", res)
	}
	p.grants("mail.periodic")
	twin.grants("mail.periodic")
	p.denied("sent without a token", letter(), "UNSUBSCRIBE_REQUIRED")
	res, others := p.prepares(letter()), twin.prepares(letter())
	w.expect("sent with a token", res.GetAnswer(), true, "CONSENT_GIVEN")
	if want := "<https://leave.example/stop?t=" + res.GetToken() + ">"; res.GetListUnsubscribe() != want || res.GetListUnsubscribePost() != "List-Unsubscribe=One-Click" {
		t.Errorf("headers %q, %q", res.GetListUnsubscribe(), res.GetListUnsubscribePost())
	}
	if strings.Contains(res.GetToken(), p.ref) || res.GetToken() == others.GetToken() {
		t.Errorf("the tokens of two people are %s and %s", res.GetToken(), others.GetToken())
	}
	forged := []byte(res.GetToken())
	forged[len(forged)-9] ^= 1
	for what, err := range map[string]error{
		"changed": w.stops(qceraTenant, string(forged)), "made up": w.stops(qceraTenant, strings.Repeat("A", len(forged))),
		"of another tenant": w.stops(personnelTenant, res.GetToken()),
	} {
		if code, reason, _ := stack.Answer(err); code != codes.InvalidArgument || reason != "UNSUBSCRIBE_TOKEN_INVALID" {
			t.Errorf("a token that is %s: %v %s", what, code, reason)
		}
	}
	w.expect("after tokens that are none", p.prepares(letter()).GetAnswer(), true, "CONSENT_GIVEN")
	for range 2 {
		if err := w.stops(qceraTenant, res.GetToken()); err != nil {
			t.Fatal(err)
		}
	}
	p.acts = append(p.acts, "person.decision_recorded qcera mail.periodic withdrawn explicit") // once
	p.denied("stopped", letter(), "CONSENT_WITHDRAWN")
	if got := p.prepares(letter()); got.GetToken() != "" || got.GetAnswer().GetReason() != "CONSENT_WITHDRAWN" {
		t.Errorf("stopped: %v", got)
	}
	p.decides(act{purpose: "mail.periodic", decision: "given", earlier: true})
	p.denied("after an older yes that comes late", letter(), "CONSENT_WITHDRAWN")
	w.expect("the twin, who stopped nothing", twin.prepares(letter()).GetAnswer(), true, "CONSENT_GIVEN")
	free := w.stranger(w.tenantOf(qceraTenant, change{"    periodic: true\n", ""}), qceraTenant)
	free.grants("mail.periodic")
	free.allowed("without a token, were the mail not periodic", letter(), "CONSENT_GIVEN")
	w.outlivesErasure()
}
