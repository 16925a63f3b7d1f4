package conformance_test

import (
	"fmt"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// authorizes lets content of an account elsewhere come in, and returns what
// imported items name.
func (p *person) authorizes(c stack.Clients, provider string, scopes ...string) string {
	p.w.Helper()
	res, err := c.Consent.AuthorizeSource(stack.Deadline(p.w), &consentv1.AuthorizeSourceRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref, Policy: p.policy, Provider: provider, Scopes: scopes, Evidence: "form:7",
		AuthorizedAt: timestamppb.Now(),
	})
	if err != nil {
		p.w.Fatalf("authorize %s %v: %v", provider, scopes, err)
	}
	p.acts = append(p.acts, fmt.Sprint("person.source_authorized ", p.policy, " ", provider, " ", scopes, " ", res.GetAuthorization()))
	return res.GetAuthorization()
}

// revokes ends what was authorised: of all scopes if none is named.
func (p *person) revokes(c stack.Clients, provider string, scopes ...string) {
	p.w.Helper()
	_, err := c.Consent.RevokeSource(stack.Deadline(p.w), &consentv1.RevokeSourceRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref, Policy: p.policy, Provider: provider, Scopes: scopes, RevokedAt: timestamppb.Now(),
	})
	if err != nil {
		p.w.Fatalf("revoke %s %v: %v", provider, scopes, err)
	}
	told := fmt.Sprint("person.source_revoked ", p.policy, " ", provider)
	if len(scopes) > 0 {
		told += fmt.Sprint(" ", scopes)
	}
	p.acts = append(p.acts, told)
}

// importing is the question whether content may come in.
func importing(provider, scope string) ask {
	return ask{
		purpose: "import.third_party", category: "third_party.content", source: "third_party", action: "collect",
		provider: provider, scope: scope,
	}
}

// imported is content that came in, as the tenant's product keeps it: it names
// the authorisation. The log tells who gave that, for whose account, and of what
// scopes.
func (p *person) imported(what string, a ask, authorization string) {
	p.w.Helper()
	item := p.allowed(what, a, "CONSENT_GIVEN").GetAuthorization()
	if item != authorization {
		p.w.Errorf("%s: the item names %q, and the person gave %q", what, item, authorization)
	}
	var found []string
	for _, e := range p.w.Replay(audit.Filter{}) {
		for _, ev := range e.Events {
			if ev.Data["authorization"] == item {
				found = append(found, fmt.Sprint(e.Tenant, " ", e.ID, " ", ev.Data["provider"]))
			}
		}
	}
	if want := fmt.Sprint(p.tenant, " ", p.ref, " ", a.provider); len(found) != 1 || found[0] != want {
		p.w.Errorf("%s: the log tells of the item's authorisation %v, want [%s]", what, found, want)
	}
}

// asAuthorised shows PT-04: signing in with an account authorises nothing, and
// neither does consent to import; what is authorised is a scope of a provider,
// by one person; what is revoked comes in no more. What has come in falls under
// the policy.
func asAuthorised(_ *testing.T, w *world) {
	mail, notes := importing("mailer", "mail.read"), importing("mailer", "notes.read")
	p, signedIn := w.stranger(personnelTenant, personnelTenant), w.stranger(personnelTenant, personnelTenant)
	self := w.AsSubject(personnelTenant, p.ref) // whoever signs in can ask for their own
	signing := ask{purpose: "service.provide", category: "personal.email", source: "registration"}
	p.allowed("the account, by signing in", signing, "CONTRACT_NEEDS")
	p.denied("import, signed in", mail, "CONSENT_MISSING")
	p.grants(mail.purpose)
	signedIn.grants(mail.purpose)
	p.denied("import, consented", mail, "SOURCE_NOT_AUTHORIZED")
	p.denied("import from nobody knows where", importing("", ""), "SOURCE_NOT_AUTHORIZED")
	id := p.authorizes(self, "mailer", "mail.read")
	p.imported("import, authorised", mail, id)
	p.denied("another scope", notes, "SCOPE_NOT_AUTHORIZED")
	p.denied("no scope", importing("mailer", ""), "SCOPE_NOT_AUTHORIZED")
	p.denied("another provider", importing("drive", "mail.read"), "SOURCE_NOT_AUTHORIZED")
	signedIn.denied("another person", mail, "SOURCE_NOT_AUTHORIZED")
	used := ask{purpose: "service.imported", category: "third_party.content", source: "third_party"}
	beyond := ask{purpose: "mail.service", category: "third_party.content", source: "third_party", channel: "email"}
	p.allowed("what came in, used as the policy says", used, "CONTRACT_NEEDS")
	p.denied("what came in, used otherwise", beyond, "PURPOSE_NOT_FOR_CATEGORY")
	second := p.authorizes(p.product, "mailer", "notes.read")
	p.imported("the other scope, authorised", notes, second)
	p.imported("the first, as before", mail, id)
	p.revokes(p.product, "mailer", "mail.read")
	p.denied("the next import, revoked", mail, "SCOPE_NOT_AUTHORIZED")
	p.imported("what was not revoked", notes, second)
	p.allowed("what came in stays under the policy", used, "CONTRACT_NEEDS")
	p.revokes(self, "mailer")
	p.denied("everything revoked", notes, "SOURCE_NOT_AUTHORIZED")
	again := p.authorizes(p.product, "mailer", "mail.read")
	p.imported("authorised again", mail, again)
	p.decides(act{purpose: mail.purpose, decision: "withdrawn"})
	p.denied("authorised, and consent withdrawn", mail, "CONSENT_WITHDRAWN")
}
