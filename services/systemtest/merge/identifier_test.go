package merge_test

import (
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
)

// tracking is a question about nobody: may a browser be told from others.
func tracking() *consentv1.Question {
	return &consentv1.Question{
		Policy: tenant, Purpose: "trends.track", Categories: []string{"cookie.browser_id"},
		Action: consentv1.Action_ACTION_USE, Source: consentv1.Source_SOURCE_COOKIE,
	}
}

// mailing is one under the policy that does not serve children.
func mailing() *consentv1.Question {
	return &consentv1.Question{
		Policy: "qcera", Purpose: "mail.periodic", Categories: []string{"visitor.email"}, Channel: "email",
		Action: consentv1.Action_ACTION_ACCESS, Source: consentv1.Source_SOURCE_ONLINE,
	}
}

// byAddress asks consent about whoever has an address.
func (w world) byAddress(address string, q *consentv1.Question) (*consentv1.Answer, error) {
	w.Helper()
	res, err := w.As(tenant, "product").Answers.CheckByIdentifier(stack.Deadline(w), &consentv1.CheckByIdentifierRequest{
		Identifier: email(address), Consistency: consentv1.Consistency_CONSISTENCY_FULL, Question: q,
	})
	return res.GetAnswer(), err
}

func (w world) says(what, address string, q *consentv1.Question, allowed bool, want string) {
	w.Helper()
	got, err := w.byAddress(address, q)
	if err != nil || got.GetReason() != want || got.GetAllowed() != allowed || got.GetJoined() {
		w.Errorf("%s: %v, %v; want %v by %s", what, got, err, allowed, want)
	}
}

// TestAQuestionByAnIdentifierIsAnsweredByWhatIdentityKnows asks consent about
// addresses, of which identity alone knows whose they are.
func TestAQuestionByAnIdentifierIsAnsweredByWhatIdentityKnows(t *testing.T) {
	w := newWorld(t)
	const childs, nobodys = "jack@people.example", "nobody@people.example"
	jane, john, child := w.Register(tenant, janes), w.Register(tenant, johns), w.Register(tenant, childs)
	w.refuses(john)
	w.says("nobody's", nobodys, tracking(), true, "NOT_OPTED_OUT")
	w.says("hers, who has refused nothing", janes, tracking(), true, "NOT_OPTED_OUT")
	w.says("his, who has refused", johns, tracking(), false, "OPTED_OUT")
	merge := w.merge(jane, john)
	w.says("hers, who is he", janes, tracking(), false, "OPTED_OUT")
	w.unmerge(jane, merge)
	testwait.For(t, time.Minute, func() error { return w.expect(jane, "NOT_OPTED_OUT") })
	w.says("hers again", janes, tracking(), true, "NOT_OPTED_OUT")
	w.Publish(tenant, "qcera", time.Now().Add(-time.Hour))
	w.says("a grown-up's", childs, mailing(), false, "CONSENT_MISSING")
	testwait.For(t, time.Minute, func() error {
		_, err := w.As(tenant, "verifier").Ages.RecordAge(stack.Deadline(w), &identityv1.RecordAgeRequest{
			RequestId: uuid.NewString(), SubjectRef: child, Source: identityv1.AgeSource_AGE_SOURCE_DOCUMENT,
			BirthDate: time.Now().AddDate(-6, 0, 0).Format(time.DateOnly), Evidence: "case:7",
		})
		return err
	})
	w.says("a child's", childs, mailing(), false, "PERSON_IS_MINOR")
	request := w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, tenant, johns)
	w.Closed(tenant, request)
	w.answers(john, "PERSON_ERASED")
	w.says("of whom nothing is left to know", johns, tracking(), true, "NOT_OPTED_OUT")
	if err := w.StopOne("identity"); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{janes, johns, childs, nobodys} {
		got, err := w.byAddress(address, tracking())
		if code, reason, _ := stack.Answer(err); code != codes.Unavailable || got.GetAllowed() {
			t.Errorf("without identity, %s: %v, %s %s", address, got, code, reason)
		}
	}
	w.StartOne("identity")
	testwait.For(t, time.Minute, func() error { _, err := w.byAddress(johns, tracking()); return err })
	w.says("a child's, with identity again", childs, mailing(), false, "PERSON_IS_MINOR")
}
