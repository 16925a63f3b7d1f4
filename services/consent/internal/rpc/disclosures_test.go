package rpc_test

import (
	"fmt"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	kit "habeas.internal/services/internal/rpc"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const provider = "acme-mail"

// recipients calls RecipientService, disclosures DisclosureService.
func (w *world) recipients(t *testing.T, c caller) consentv1.RecipientServiceClient {
	t.Helper()
	return consentv1.NewRecipientServiceClient(w.dial(t, c))
}

func (w *world) disclosures(t *testing.T, c caller) consentv1.DisclosureServiceClient {
	t.Helper()
	return consentv1.NewDisclosureServiceClient(w.dial(t, c))
}

func profile(kind string) *consentv1.RecipientProfile {
	return &consentv1.RecipientProfile{Kind: kind, Title: "Acme Mail", Contact: "1 Example Street", Region: "us"}
}

func deal(change ...func(*consentv1.Agreement)) *consentv1.Agreement {
	a := &consentv1.Agreement{
		Undertakings: []string{"like_practices", "task_only", "security", "as_specified"}, Categories: []string{"personal.email", "personal.name", "usage.ip_address"},
		Purposes: []string{"service.provide"}, Consideration: consentv1.Consideration_CONSIDERATION_NONE,
		From: timestamppb.New(time.Unix(1, 0)), ConfirmedAt: timestamppb.New(time.Unix(2, 0)), Document: "dpa-1",
	}
	for _, c := range change {
		c(a)
	}
	return a
}

// provides registers a provider that has agreed.
func (w *world) provides(t *testing.T, kind string, change ...func(*consentv1.Agreement)) {
	t.Helper()
	dpo := w.recipients(t, human("dpo"))
	if _, err := dpo.PutRecipient(deadline(t), &consentv1.PutRecipientRequest{RequestId: w.id(), Recipient: provider, Profile: profile(kind)}); err != nil {
		t.Fatal(err)
	}
	if _, err := dpo.RecordAgreement(deadline(t), &consentv1.RecordAgreementRequest{RequestId: w.id(), Recipient: provider, Agreement: deal(change...)}); err != nil {
		t.Fatal(err)
	}
}

// give is a disclosure of one category to the provider.
func (w *world) give(category string, keys ...string) *consentv1.DiscloseRequest {
	source := consentv1.Source_SOURCE_REGISTRATION
	if category == "usage.ip_address" {
		source = consentv1.Source_SOURCE_OBSERVED
	}
	return &consentv1.DiscloseRequest{RequestId: w.id(), Question: &consentv1.Question{
		SubjectRef: subject, Policy: "personnel-technology", Action: consentv1.Action_ACTION_DISCLOSE, Purpose: "service.provide",
		Categories: []string{category}, Source: source, Recipient: provider, Keys: keys,
	}}
}

func TestADisclosureIsAllowedAndRecordedInOneStep(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology"))
	c := w.disclosures(t, human("product"))
	ask := w.give("personal.email", "email")
	n := w.appends(func() {
		_, err := c.Disclose(deadline(t), ask)
		expect(t, "to somebody unknown, of somebody unknown", err, codes.FailedPrecondition, "RECIPIENT_UNKNOWN")
	})
	if n != 0 {
		t.Errorf("%d commits of somebody whom nobody knows", n)
	}
	w.provides(t, "service_provider")
	var first *consentv1.DiscloseResponse
	n = w.appends(func() {
		var err error
		ask = w.give("personal.email", "email")
		if first, err = c.Disclose(deadline(t), ask); err != nil || first.GetNumber() != 1 || first.GetAnswer().GetReason() != "CONTRACT_NEEDS" {
			t.Fatalf("disclosed: %v, error %v", first, err)
		}
		if again, err := c.Disclose(deadline(t), ask); err != nil || again.GetNumber() != 1 {
			t.Errorf("again: %v, error %v", again, err)
		}
	})
	if n != 1 {
		t.Errorf("%d commits, want one", n)
	}
	n = w.appends(func() {
		_, err := c.Disclose(deadline(t), w.give("usage.ip_address", "email"))
		expect(t, "the address, by the same key", err, codes.FailedPrecondition, "COMBINATION_FORBIDDEN")
	})
	if n != 1 {
		t.Errorf("%d commits, want the refusal", n)
	}
	w.wants(t, "asked before", w.give("usage.ip_address", "email").GetQuestion(), "COMBINATION_FORBIDDEN PT-06")
	if res, err := c.Disclose(deadline(t), w.give("usage.ip_address", "set.2")); err != nil || res.GetNumber() != 2 {
		t.Errorf("by a key of its own: %v, error %v", res, err)
	}
	if _, err := w.recipients(t, human("dpo")).EndAgreement(deadline(t), &consentv1.EndAgreementRequest{RequestId: w.id(), Recipient: provider, Reason: "breach"}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Disclose(deadline(t), w.give("personal.name", "set.3"))
	expect(t, "after the agreement's end", err, codes.FailedPrecondition, "AGREEMENT_ENDED")
	if again, err := c.Disclose(deadline(t), ask); err != nil || again.GetNumber() != 1 || !again.GetAnswer().GetAllowed() {
		t.Errorf("what was done is still answered: %v, error %v", again, err)
	}
}

func TestARegisterIsShownToWhomItIsAbout(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology"))
	w.provides(t, "service_provider")
	c := w.disclosures(t, human("product"))
	for i := range 3 {
		r := w.give("personal.email", "email")
		r.Marketing = i == 1
		if _, err := c.Disclose(deadline(t), r); err != nil {
			t.Fatal(err)
		}
	}
	law := w.give("personal.email")
	law.Question.Purpose, law.Question.Recipient = "ground.law", "court"
	proven := human("product")
	proven.proven = true
	sure := w.disclosures(t, proven)
	_, err := sure.Disclose(deadline(t), law)
	expect(t, "a ground without a record", err, codes.FailedPrecondition, "GROUND_NOT_RECORDED")
	law.RequestId, law.Ground = w.id(), &consentv1.GroundUse{Belief: "subpoena", Document: "case:1"}
	if _, err := sure.Disclose(deadline(t), law); err != nil {
		t.Fatalf("on a ground: %v", err)
	}
	self := caller{tenant: "acme", subject: subject, roles: []string{"subject"}}
	mine := w.disclosures(t, self)
	var got []string
	for token := ""; ; {
		res, err := mine.ListDisclosures(deadline(t), &consentv1.ListDisclosuresRequest{SubjectRef: subject, PageSize: 3, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range res.GetDisclosures() {
			got = append(got, fmt.Sprintf("%d %s %s %s %s", d.GetNumber(), d.GetRecipient(), d.GetTitle(), d.GetReason(), d.GetGround().GetDocument()))
		}
		if token = res.GetNextPageToken(); token == "" {
			break
		}
	}
	want := fmt.Sprint([]string{
		"1 acme-mail Acme Mail CONTRACT_NEEDS ", "2 acme-mail Acme Mail CONTRACT_NEEDS ", "3 acme-mail Acme Mail CONTRACT_NEEDS ",
		"4 court  LEGAL_GROUND case:1",
	})
	if fmt.Sprint(got) != want {
		t.Errorf("%q, want %s", got, want)
	}
	res, err := mine.ListDisclosures(deadline(t), &consentv1.ListDisclosuresRequest{SubjectRef: subject, Marketing: true})
	if err != nil || len(res.GetDisclosures()) != 1 || res.GetDisclosures()[0].GetContact() != "1 Example Street" {
		t.Errorf("for marketing: %v, error %v", res, err)
	}
	res, err = mine.ListDisclosures(deadline(t), &consentv1.ListDisclosuresRequest{SubjectRef: subject, To: timestamppb.New(w.now().Add(-time.Hour))})
	if err != nil || len(res.GetDisclosures()) != 0 {
		t.Errorf("an hour ago: %v, error %v", res, err)
	}
	stranger := caller{tenant: "acme", subject: another, roles: []string{"subject"}}
	_, err = w.disclosures(t, stranger).ListDisclosures(deadline(t), &consentv1.ListDisclosuresRequest{SubjectRef: subject})
	expect(t, "somebody else's", err, codes.PermissionDenied, "NOT_OWN_DATA")
}

// TestWhoCallsIsWhoBelievesItNecessary: nobody discloses on a ground in somebody else's
// name, nor by a token that was left open. A service, which is nobody, says for whom.
// The twin is any other disclosure: it needs neither.
func TestWhoCallsIsWhoBelievesItNecessary(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology"))
	w.provides(t, "service_provider")
	proven := human("product")
	proven.proven = true
	law := func(by string) *consentv1.DiscloseRequest {
		r := w.give("personal.email")
		r.Question.Purpose, r.Question.Recipient = "ground.law", "court"
		r.Ground = &consentv1.GroundUse{Belief: "subpoena", BelievedBy: by, Document: "case:1"}
		return r
	}
	for name, tc := range map[string]struct {
		who    caller
		by     string
		code   codes.Code
		reason string
		want   string
	}{
		"without a step-up":              {human("product"), "", codes.PermissionDenied, "STEP_UP_REQUIRED", ""},
		"with one":                       {proven, "", codes.OK, "", "actor-1"},
		"in somebody else's name":        {proven, "counsel-1", codes.InvalidArgument, "INVALID_ARGUMENT", ""},
		"a service, for nobody":          {service("fulfilment"), "", codes.FailedPrecondition, "GROUND_RECORD_INCOMPLETE", ""},
		"a service, for whom it answers": {service("fulfilment"), "counsel-1", codes.OK, "", "counsel-1"},
	} {
		res, err := w.disclosures(t, tc.who).Disclose(deadline(t), law(tc.by))
		if tc.want == "" {
			expect(t, name, err, tc.code, tc.reason)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := w.believed(t, res.GetNumber()); got != kit.ActorID("acme", tc.want) {
			t.Errorf("%s: believed by %q", name, got)
		}
	}
	if _, err := w.disclosures(t, human("product")).Disclose(deadline(t), w.give("personal.email", "email")); err != nil {
		t.Errorf("what is on no ground: %v", err)
	}
}

// believed is who believed an entry of the register to be necessary.
func (w *world) believed(t *testing.T, number uint32) string {
	t.Helper()
	self := caller{tenant: "acme", subject: subject, roles: []string{"subject"}}
	res, err := w.disclosures(t, self).ListDisclosures(deadline(t), &consentv1.ListDisclosuresRequest{SubjectRef: subject})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range res.GetDisclosures() {
		if d.GetNumber() == number {
			return d.GetGround().GetBelievedBy()
		}
	}
	return ""
}

func TestAControllerToComeIsGivenTheDataOfThoseWhoWereTold(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology"))
	w.provides(t, "successor")
	c := w.disclosures(t, human("product"))
	_, err := c.Disclose(deadline(t), w.give("personal.name"))
	expect(t, "no succession", err, codes.FailedPrecondition, "SUCCESSION_NOT_RECORDED")
	if _, err := w.recipients(t, human("dpo")).RecordSuccession(deadline(t), &consentv1.RecordSuccessionRequest{
		RequestId: w.id(), Recipient: provider, Event: "merger-1", From: timestamppb.New(w.now().Add(-time.Minute)),
	}); err != nil {
		t.Fatal(err)
	}
	_, err = c.Disclose(deadline(t), w.give("personal.name"))
	expect(t, "nobody was told", err, codes.FailedPrecondition, "NOTICE_MISSING")
	notice := &consentv1.RecordNoticeRequest{RequestId: w.id(), SubjectRef: subject, Recipient: provider, NotifiedAt: timestamppb.New(w.now()), Evidence: "mail:1"}
	if _, err := c.RecordNotice(deadline(t), notice); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Disclose(deadline(t), w.give("personal.name")); err != nil {
		t.Errorf("told: %v", err)
	}
	got, err := w.recipients(t, human("auditor")).GetRecipient(deadline(t), &consentv1.GetRecipientRequest{Recipient: provider})
	if err != nil || got.GetSuccession() != "merger-1" || got.GetAgreement().GetNumber() != 1 || got.GetProfile().GetTitle() != "Acme Mail" {
		t.Errorf("%v, error %v", got, err)
	}
}

func recipientMethods() []method {
	put := func(change func(*consentv1.PutRecipientRequest)) *consentv1.PutRecipientRequest {
		r := &consentv1.PutRecipientRequest{RequestId: uuid1, Recipient: provider, Profile: profile("processor")}
		change(r)
		return r
	}
	agree := func(change func(*consentv1.Agreement)) *consentv1.RecordAgreementRequest {
		return &consentv1.RecordAgreementRequest{RequestId: uuid1, Recipient: provider, Agreement: deal(change)}
	}
	unknown := "RECIPIENT_NOT_FOUND"
	return []method{
		{
			name: "PutRecipient", caller: human("dpo"), wrong: "product", empty: "request_id",
			good: func() proto.Message { return put(func(*consentv1.PutRecipientRequest) {}) },
			bad: map[string]proto.Message{
				"recipient":      put(func(r *consentv1.PutRecipientRequest) { r.Recipient = "a.b" }),
				"profile.title":  put(func(r *consentv1.PutRecipientRequest) { r.Profile.Title = "" }),
				"profile.region": put(func(r *consentv1.PutRecipientRequest) { r.Profile.Region = "USA" }),
			},
		},
		{
			name: "RecordAgreement", caller: human("dpo"), wrong: "product", empty: "request_id", foreign: unknown,
			good: func() proto.Message { return agree(func(*consentv1.Agreement) {}) },
			bad: map[string]proto.Message{
				"agreement.consideration": agree(func(a *consentv1.Agreement) { a.Consideration = 0 }),
				"agreement.from":          agree(func(a *consentv1.Agreement) { a.From = nil }),
				"agreement.document":      agree(func(a *consentv1.Agreement) { a.Document = "the one of May" }),
			},
		},
		{
			name: "ConfirmPractices", caller: human("dpo"), wrong: "product", empty: "request_id", foreign: unknown,
			good: func() proto.Message {
				return &consentv1.ConfirmPracticesRequest{RequestId: uuid1, Recipient: provider, ConfirmedAt: timestamppb.Now()}
			},
			bad: map[string]proto.Message{"confirmed_at": &consentv1.ConfirmPracticesRequest{RequestId: uuid1, Recipient: provider}},
		},
		{
			name: "EndAgreement", caller: human("dpo"), wrong: "product", empty: "request_id", foreign: unknown,
			good: func() proto.Message {
				return &consentv1.EndAgreementRequest{RequestId: uuid1, Recipient: provider, Reason: "over"}
			},
			bad: map[string]proto.Message{"reason": &consentv1.EndAgreementRequest{RequestId: uuid1, Recipient: provider, Reason: "They left."}},
		},
		{
			name: "RecordSuccession", caller: human("dpo"), wrong: "product", empty: "request_id", foreign: unknown,
			good: func() proto.Message {
				return &consentv1.RecordSuccessionRequest{RequestId: uuid1, Recipient: provider, Event: "m", From: timestamppb.Now()}
			},
			bad: map[string]proto.Message{"event": &consentv1.RecordSuccessionRequest{RequestId: uuid1, Recipient: provider, From: timestamppb.Now()}},
		},
		{
			name: "GetRecipient", caller: human("auditor"), wrong: "subject", empty: "recipient", foreign: unknown,
			good: func() proto.Message { return &consentv1.GetRecipientRequest{Recipient: provider} },
			bad:  map[string]proto.Message{"recipient": &consentv1.GetRecipientRequest{Recipient: "*"}},
		},
	}
}

func disclosureMethods() []method {
	give := func(change func(*consentv1.DiscloseRequest)) *consentv1.DiscloseRequest {
		r := new(world).give("personal.email")
		r.RequestId, r.Question.Policy = uuid1, "qcera"
		change(r)
		return r
	}
	notice := func(at *timestamppb.Timestamp, evidence string) *consentv1.RecordNoticeRequest {
		return &consentv1.RecordNoticeRequest{RequestId: uuid1, SubjectRef: subject, Recipient: provider, NotifiedAt: at, Evidence: evidence}
	}
	return []method{
		{
			name: "Disclose", caller: human("product"), wrong: "subject", empty: "request_id",
			good: func() proto.Message { return give(func(*consentv1.DiscloseRequest) {}) },
			bad: map[string]proto.Message{
				"question.at":        give(func(r *consentv1.DiscloseRequest) { r.Question.At = timestamppb.New(time.Unix(1, 0)) }),
				"question.action":    give(func(r *consentv1.DiscloseRequest) { r.Question.Action = consentv1.Action_ACTION_USE }),
				"question.recipient": give(func(r *consentv1.DiscloseRequest) { r.Question.Recipient = "" }),
				"question.keys[0]":   give(func(r *consentv1.DiscloseRequest) { r.Question.Keys = []string{"jane@example.org"} }),
				"ground":             give(func(r *consentv1.DiscloseRequest) { r.Ground = &consentv1.GroundUse{} }),
				"ground.belief":      give(func(r *consentv1.DiscloseRequest) { r.Ground = &consentv1.GroundUse{Belief: "Jane is in danger"} }),
			},
		},
		{
			name: "RecordNotice", caller: human("product"), wrong: "subject", empty: "request_id",
			good: func() proto.Message { return notice(timestamppb.Now(), "mail:1") },
			bad:  map[string]proto.Message{"notified_at": notice(tomorrow(), "mail:1"), "evidence": notice(timestamppb.Now(), "")},
		},
		{
			name: "ListDisclosures", caller: human("auditor"), wrong: "product", empty: "subject_ref",
			good: func() proto.Message { return &consentv1.ListDisclosuresRequest{SubjectRef: subject} },
			bad:  map[string]proto.Message{"page_token": &consentv1.ListDisclosuresRequest{SubjectRef: subject, PageToken: "%"}},
		},
	}
}
