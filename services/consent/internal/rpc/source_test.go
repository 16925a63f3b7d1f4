package rpc_test

import (
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func authorization(change func(*consentv1.AuthorizeSourceRequest)) *consentv1.AuthorizeSourceRequest {
	r := &consentv1.AuthorizeSourceRequest{
		RequestId: uuid1, SubjectRef: subject, Policy: "qcera", Provider: "mailer", Scopes: []string{"mail.read"},
		Evidence: "sha256:abc", AuthorizedAt: timestamppb.New(time.Now().Add(-time.Minute)),
	}
	change(r)
	return r
}

func revocation(change func(*consentv1.RevokeSourceRequest)) *consentv1.RevokeSourceRequest {
	r := &consentv1.RevokeSourceRequest{
		RequestId: uuid1, SubjectRef: subject, Policy: "qcera", Provider: "mailer", RevokedAt: timestamppb.New(time.Now().Add(-time.Minute)),
	}
	change(r)
	return r
}

func sourceMethods() []method {
	return []method{
		{
			name: "AuthorizeSource", caller: human("product"), wrong: "dpo", empty: "request_id", foreign: "POLICY_NOT_FOUND",
			good: func() proto.Message { return authorization(func(*consentv1.AuthorizeSourceRequest) {}) },
			bad: map[string]proto.Message{
				"provider":      authorization(func(r *consentv1.AuthorizeSourceRequest) { r.Provider = "jane@example.org" }),
				"scopes":        authorization(func(r *consentv1.AuthorizeSourceRequest) { r.Scopes = nil }),
				"scopes[0]":     authorization(func(r *consentv1.AuthorizeSourceRequest) { r.Scopes = []string{"a b"} }),
				"evidence":      authorization(func(r *consentv1.AuthorizeSourceRequest) { r.Evidence = "Jane said yes" }),
				"authorized_at": authorization(func(r *consentv1.AuthorizeSourceRequest) { r.AuthorizedAt = tomorrow() }),
			},
		},
		{
			name: "RevokeSource", caller: human("product"), wrong: "dpo", empty: "request_id",
			good: func() proto.Message { return revocation(func(*consentv1.RevokeSourceRequest) {}) },
			bad: map[string]proto.Message{
				"provider":   revocation(func(r *consentv1.RevokeSourceRequest) { r.Provider = "" }),
				"scopes":     revocation(func(r *consentv1.RevokeSourceRequest) { r.Scopes = []string{"a", "a"} }),
				"revoked_at": revocation(func(r *consentv1.RevokeSourceRequest) { r.RevokedAt = tomorrow() }),
			},
		},
	}
}

func TestContentOfAnAccountComesInAsAuthorised(t *testing.T) {
	w := newWorld(t)
	w.publish(t, document(t, "personnel-technology"))
	w.decide(t, "personnel-technology", "import.third_party", given)
	asked := func(provider, scope string) *consentv1.Question {
		return &consentv1.Question{
			SubjectRef: subject, Policy: "personnel-technology", Action: consentv1.Action_ACTION_COLLECT, Purpose: "import.third_party",
			Categories: []string{"third_party.content"}, Source: consentv1.Source_SOURCE_THIRD_PARTY, Provider: provider, Scope: scope,
		}
	}
	w.wants(t, "signed in", asked("mailer", "mail"), "SOURCE_NOT_AUTHORIZED PT-04")
	self := w.consent(t, caller{tenant: "acme", subject: subject, roles: []string{"subject"}})
	r := &consentv1.AuthorizeSourceRequest{
		RequestId: w.id(), SubjectRef: subject, Policy: "personnel-technology", Provider: "mailer", Scopes: []string{"mail"},
		Evidence: "sha256:abc", AuthorizedAt: timestamppb.New(w.now()),
	}
	var id string
	for range 2 { // a repeat has the first answer
		res, err := self.AuthorizeSource(deadline(t), r)
		if err != nil || id != "" && id != res.GetAuthorization() {
			t.Fatalf("%v, error %v", res, err)
		}
		id = res.GetAuthorization()
	}
	w.wants(t, "authorised", asked("mailer", "mail"), "+CONSENT_GIVEN PT-04")
	w.wants(t, "another scope", asked("mailer", "contacts"), "SCOPE_NOT_AUTHORIZED PT-04")
	w.wants(t, "another provider", asked("drive", "mail"), "SOURCE_NOT_AUTHORIZED PT-04")
	res, err := w.consent(t, human("product")).Check(deadline(t), &consentv1.CheckRequest{Question: asked("mailer", "mail")})
	if err != nil || res.GetAnswer().GetAuthorization() != id {
		t.Errorf("the answer names %q, want %q; error %v", res.GetAnswer().GetAuthorization(), id, err)
	}
	before := timestamppb.New(w.now())
	w.later(time.Hour)
	if _, err := self.RevokeSource(deadline(t), &consentv1.RevokeSourceRequest{
		RequestId: w.id(), SubjectRef: subject, Policy: "personnel-technology", Provider: "mailer", RevokedAt: timestamppb.New(w.now()),
	}); err != nil {
		t.Fatal(err)
	}
	w.wants(t, "revoked", asked("mailer", "mail"), "SOURCE_NOT_AUTHORIZED PT-04")
	past := asked("mailer", "mail")
	past.At = before
	w.wants(t, "as it was", past, "+CONSENT_GIVEN PT-04")
	list, err := self.ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: subject})
	if rows := list.GetDecisions(); err != nil || len(rows) != 3 || rows[1].GetAuthorization() != id || rows[1].GetScope() != "mail" ||
		rows[1].GetEffective() || rows[2].GetDecision() != withdrawn || !rows[2].GetEffective() {
		t.Errorf("%v, error %v", list, err)
	}
	_, err = self.RevokeSource(deadline(t), revocation(func(r *consentv1.RevokeSourceRequest) { r.SubjectRef = another }))
	expect(t, "somebody else's", err, codes.PermissionDenied, "NOT_OWN_DATA")
	_, err = self.AuthorizeSource(deadline(t), authorization(func(r *consentv1.AuthorizeSourceRequest) { r.SubjectRef = another }))
	expect(t, "somebody else's", err, codes.PermissionDenied, "NOT_OWN_DATA")
}
