package identityd_test

import (
	"regexp"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/smssend/smstest"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/protobuf/types/known/durationpb"
)

const mobile = "+493011111111"

var eight = regexp.MustCompile(`\b[0-9]{8}\b`)

// texting is an identity that sends text messages, for a tenant that takes any known
// channel.
func texting(t *testing.T) (*world, *running, *smstest.Gateway) {
	t.Helper()
	w, g := newWorld(t), smstest.Serve(t)
	w.more = g.Environ()
	d := w.start(t)
	must(d.stepped(t, "ann", tenant, "platform_admin").CreateTenant(deadline(t), &identityv1.CreateTenantRequest{
		RequestId: newRequestID(), Tenant: tenant, DisplayName: "Acme", TimeZone: "UTC",
		Safeguards: &identityv1.Safeguards{Delay: durationpb.New(0), ChannelAge: durationpb.New(0)},
	}))(t)
	return w, d, g
}

// TestACodeByTextMessageGoesToAKnownNumberAndProvesLittle: a mail of the same standing
// is the twin that proves more.
func TestACodeByTextMessageGoesToAKnownNumberAndProvesLittle(t *testing.T) {
	w, d, g := texting(t)
	intake := d.as(t, tenant, "intake")
	check := func(id, code string) *identityv1.CheckCodeResponse {
		return must(intake.CheckCode(deadline(t), &identityv1.CheckCodeRequest{RequestId: newRequestID(), Verification: id, Code: code}))(t)
	}
	id := d.verify(t, "step-1", d.register(t, phone(mobile)))
	w.waitFor(t, id, "verification.code_sent")
	texts := g.Texts(mobile)
	if len(texts) != 1 || len(eight.FindAllString(texts[0], -1)) != 1 || !regexp.MustCompile(`^Acme: `).MatchString(texts[0]) {
		t.Fatalf("texts: %q", texts)
	}
	if got := check(id, "00000000"); got.GetAttemptsLeft() != 4 {
		t.Errorf("a wrong code leaves %d attempts", got.GetAttemptsLeft())
	}
	if got := check(id, eight.FindString(texts[0])); got.GetAssuranceLevel() != 2 {
		t.Errorf("the code reaches %d", got.GetAssuranceLevel())
	}
	got := must(d.service(t, "fulfilment", tenant).GetVerification(deadline(t), &identityv1.GetVerificationRequest{Verification: id}))(t)
	if got.GetMethod() != "text_message" || got.GetBetterFrom() != nil {
		t.Errorf("proven by %q, better from %v", got.GetMethod(), got.GetBetterFrom())
	}
	must(d.as(t, tenant, "product").LinkIdentifier(deadline(t), &identityv1.LinkIdentifierRequest{
		RequestId: newRequestID(), SubjectRef: got.GetSubjectRef(), Identifier: email("later@example.com"),
	}))(t)
	got = must(d.service(t, "fulfilment", tenant).GetVerification(deadline(t), &identityv1.GetVerificationRequest{Verification: id}))(t)
	if got.GetBetterFrom() == nil {
		t.Error("a code to an address that is known meanwhile would prove more, and nobody is told")
	}
	both := d.verify(t, "step-2", d.register(t, phone("+493022222222"), email("jane@example.com")))
	if got := check(both, w.mails.code(t, "jane@example.com", 1)); got.GetAssuranceLevel() != 3 {
		t.Errorf("a mail reaches %d", got.GetAssuranceLevel())
	}
	if n := len(g.Texts("+493022222222")); n != 0 {
		t.Errorf("who has an address got %d text messages", n)
	}
}

// TestANumberThatChangedLatelyGetsNoCode: by what is known here, or by what the
// gateway knows.
func TestANumberThatChangedLatelyGetsNoCode(t *testing.T) {
	w, d, g := texting(t)
	other := d.stepped(t, "ann", "young", "platform_admin") // with the usual safeguards
	must(other.CreateTenant(deadline(t), &identityv1.CreateTenantRequest{
		RequestId: newRequestID(), Tenant: "young", DisplayName: "Young", TimeZone: "UTC",
	}))(t)
	jane := must(d.as(t, "young", "product").RegisterSubject(deadline(t), &identityv1.RegisterSubjectRequest{
		RequestId: newRequestID(), Identifiers: []*identityv1.Identifier{phone(mobile)},
	}))(t)
	young := must(d.as(t, "young", "intake").StartVerification(deadline(t), &identityv1.StartVerificationRequest{
		RequestId: "step-1", Request: request, SubjectRef: jane.GetSubjectRef(),
	}))(t)
	testwait.For(t, time.Minute, func() error {
		for _, event := range w.history(t, "verification", "young", young.GetVerification()) {
			if event == "verification.code_not_sent" {
				return nil
			}
		}
		return errNotYet
	})
	g.Port("+493033333333", time.Now().Add(-time.Hour))
	g.Port("+493044444444", time.Now().AddDate(0, -1, 0))
	ported := d.verify(t, "step-2", d.register(t, phone("+493033333333")))
	w.waitFor(t, ported, "verification.code_not_sent")
	twin := d.verify(t, "step-3", d.register(t, phone("+493044444444")))
	w.waitFor(t, twin, "verification.code_sent")
	for number, want := range map[string]int{mobile: 0, "+493033333333": 0, "+493044444444": 1} {
		if got := len(g.Texts(number)); got != want {
			t.Errorf("%s got %d messages, want %d", number, got, want)
		}
	}
	if g.Denied("+493033333333") != 1 {
		t.Errorf("the gateway was asked %d times", g.Denied("+493033333333"))
	}
}
