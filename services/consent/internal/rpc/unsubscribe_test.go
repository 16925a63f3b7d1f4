package rpc_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// letter asks to send a message of Qcera's periodic e-mail.
func letter(q *consentv1.Question) { q.Action = consentv1.Action_ACTION_USE }

func (w *world) unsubscribe(t *testing.T, c caller) consentv1.UnsubscribeServiceClient {
	t.Helper()
	return consentv1.NewUnsubscribeServiceClient(w.dial(t, c))
}

// prepare asks to send a message.
func (w *world) prepare(t *testing.T, q *consentv1.Question) *consentv1.PrepareMessageResponse {
	t.Helper()
	res, err := w.unsubscribe(t, human("product")).PrepareMessage(deadline(t), &consentv1.PrepareMessageRequest{
		Question: q, Page: "https://shop.example/stop?t=",
	})
	if err != nil {
		t.Fatalf("prepare: %v", err)
	}
	return res
}

// stop unsubscribes as a front end of a tenant.
func (w *world) stop(t *testing.T, tenant, token string) (*consentv1.UnsubscribeResponse, error) {
	t.Helper()
	who := human("intake")
	who.tenant = tenant
	return w.unsubscribe(t, who).Unsubscribe(deadline(t), &consentv1.UnsubscribeRequest{Token: token})
}

func TestAPeriodicMessageNeedsWhatStopsIt(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.wants(t, "undecided", mail(letter), "CONSENT_MISSING QC-05")
	if res := w.prepare(t, mail(letter)); res.GetToken() != "" || text(res.GetAnswer()) != "CONSENT_MISSING QC-05" {
		t.Errorf("undecided: %v", res)
	}
	w.decide(t, "qcera", "mail.periodic", given)
	w.wants(t, "given, and without a token", mail(letter), "UNSUBSCRIBE_REQUIRED QC-05")
	res := w.prepare(t, mail(letter))
	if text(res.GetAnswer()) != "+CONSENT_GIVEN QC-05" || res.GetListUnsubscribe() != "<https://shop.example/stop?t="+res.GetToken()+">" ||
		res.GetListUnsubscribePost() != "List-Unsubscribe=One-Click" || !res.GetEndsAt().AsTime().After(w.now().AddDate(9, 0, 0)) {
		t.Errorf("given: %v", res)
	}
	raw, err := base64.RawURLEncoding.DecodeString(res.GetToken())
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{subject, "qcera", "mail.periodic", "acme"} {
		if strings.Contains(res.GetToken(), word) || strings.Contains(string(raw), word) {
			t.Errorf("the token says %s to whoever sees it", word)
		}
	}
	// The twin: were the purpose not periodic, a message would go without.
	twin := newWorld(t)
	twin.publish(t, document(t, "qcera", "    periodic: true\n", ""))
	twin.decide(t, "qcera", "mail.periodic", given)
	twin.wants(t, "a purpose that is not periodic", mail(letter), "+CONSENT_GIVEN QC-05")
	if res := twin.prepare(t, mail(letter)); !res.GetAnswer().GetAllowed() || res.GetToken() != "" {
		t.Errorf("a purpose that is not periodic: %v", res)
	}
}

func TestATokenStopsMessagesOnceAndEachTime(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.decide(t, "qcera", "mail.periodic", given)
	token := w.prepare(t, mail(letter)).GetToken()
	before := w.store.appends.Load()
	for range 3 {
		res, err := w.stop(t, "acme", token)
		if err != nil || !slices.Equal(res.GetPurposes(), []string{"mail.periodic"}) || res.GetPolicy() != "qcera" || res.GetChannel() != "email" {
			t.Fatalf("%v, error %v", res, err)
		}
	}
	if n := w.store.appends.Load() - before; n != 1 {
		t.Errorf("%d commits of one unsubscription that came three times", n)
	}
	w.wants(t, "stopped", mail(letter), "CONSENT_WITHDRAWN QC-05")
	list, err := w.consent(t, human("product")).ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject})
	if err != nil {
		t.Fatal(err)
	}
	last := list.GetDecisions()[1]
	if c := last.GetCircumstances(); last.GetDecision() != withdrawn || c.GetMethod() != "unsubscribe" || c.GetChannel() != "email" || c.GetActor() != consentv1.Actor_ACTOR_SELF {
		t.Errorf("recorded as %v", last)
	}
	w.later(time.Minute)
	w.decide(t, "qcera", "mail.periodic", given)
	if _, err := w.stop(t, "acme", token); err != nil {
		t.Error(err)
	}
	w.wants(t, "stopped by an old message after they subscribed again", mail(letter), "CONSENT_WITHDRAWN QC-05")
}

func TestOneClickStopsAllPeriodicMessagesOfAChannelAndNothingElse(t *testing.T) {
	w := newWorld(t)
	const list = "  - id: mail.periodic\n"
	more := strings.ReplaceAll(`  - id: NAME
    title: More
    basis: BASIS
    categories: [visitor.email]
    channels: [CHANNEL]
    periodic: true
    clause: QC-05
`, "BASIS", "opt_in")
	of := func(name, channel string) string {
		return strings.NewReplacer("NAME", name, "CHANNEL", channel).Replace(more)
	}
	w.publish(t, document(t, "qcera", list, of("mail.tips", "email")+of("text.periodic", "sms")+list))
	all := []string{"mail.periodic", "mail.tips", "text.periodic", "website.improve"}
	if err := w.record(t, w.act(given, all...)); err != nil {
		t.Fatal(err)
	}
	token := w.prepare(t, mail(letter)).GetToken()
	status := func() (out []string) {
		for _, p := range all {
			q := mail(func(q *consentv1.Question) { q.Purpose = p })
			q.Channel = map[bool]string{true: "sms", false: "email"}[p == "text.periodic"]
			out = append(out, strings.Fields(w.asked(t, q))[0])
		}
		return out
	}
	only, err := w.unsubscribe(t, human("product")).Unsubscribe(deadline(t), &consentv1.UnsubscribeRequest{Token: token, OnlyThis: true})
	if err != nil || !slices.Equal(only.GetPurposes(), []string{"mail.periodic"}) {
		t.Errorf("only this one: %v, error %v", only, err)
	}
	if want := []string{"CONSENT_WITHDRAWN", "+CONSENT_GIVEN", "+CONSENT_GIVEN", "+CONSENT_GIVEN"}; !slices.Equal(status(), want) {
		t.Errorf("after stopping one: %v", status())
	}
	before := w.store.appends.Load()
	if res, err := w.stop(t, "acme", token); err != nil || !slices.Equal(res.GetPurposes(), []string{"mail.periodic", "mail.tips"}) {
		t.Errorf("all: %v, error %v", res, err)
	}
	if want := []string{"CONSENT_WITHDRAWN", "CONSENT_WITHDRAWN", "+CONSENT_GIVEN", "+CONSENT_GIVEN"}; !slices.Equal(status(), want) || w.store.appends.Load() != before+1 {
		t.Errorf("after stopping all: %v", status())
	}
}

func TestEveryTokenThatIsNoneIsAnsweredAlike(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	w.decide(t, "qcera", "mail.periodic", given)
	token := w.prepare(t, mail(letter)).GetToken()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(at int) string {
		b := slices.Clone(raw)
		b[at] ^= 1
		return base64.RawURLEncoding.EncodeToString(b)
	}
	forged := map[string]string{
		"no base64": "~", "too short": "AQ", "with more behind": token + "AAAA", "cut": token[:len(token)-8], "padded": token + "=",
		"of another format": changed(0), "of another year": changed(2), "under another key": changed(5),
		"with another text": changed(len(raw) - 40), "with another seal": changed(len(raw) - 1),
	}
	before := w.store.appends.Load()
	wants := ""
	check := func(what string, err error) {
		t.Helper()
		expect(t, what, err, codes.InvalidArgument, "UNSUBSCRIBE_TOKEN_INVALID")
		if wants == "" {
			wants = err.Error()
		}
		if err == nil || err.Error() != wants {
			t.Errorf("%s: answered %v, and others %s", what, err, wants)
		}
	}
	for name, text := range forged {
		_, err := w.stop(t, "acme", text)
		check(name, err)
	}
	_, err = w.stop(t, "other", token)
	check("of another tenant", err)
	w.wants(t, "still given", mail(letter), "UNSUBSCRIBE_REQUIRED QC-05")
	w.later(10 * 366 * 24 * time.Hour)
	_, err = w.stop(t, "acme", token)
	check("after its time", err)
	if n := w.store.appends.Load() - before; n != 0 {
		t.Errorf("%d commits of tokens that are none", n)
	}
}

func TestAMessageIsAboutNow(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "qcera"))
	for field, change := range map[string]func(*consentv1.Question){
		"question.action":  func(q *consentv1.Question) { q.Action = consentv1.Action_ACTION_ACCESS },
		"question.channel": func(q *consentv1.Question) { q.Channel = "" },
		"question.at":      func(q *consentv1.Question) { q.At = timestamppb.New(w.now().Add(-time.Hour)) },
	} {
		_, err := w.unsubscribe(t, human("product")).PrepareMessage(deadline(t), &consentv1.PrepareMessageRequest{Question: mail(letter, change)})
		if code, _, at := answer(err); code != codes.InvalidArgument || at != field {
			t.Errorf("%s: answered %v about %q", field, code, at)
		}
	}
}
