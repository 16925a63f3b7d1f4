package conformance_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
)

// browses is somebody whom identity knows by a cookie alone.
func (w *world) browses(tenant, policy, cookie string) *person {
	w.Helper()
	res, err := w.As(tenant, "product").Subjects.RegisterSubject(stack.Deadline(w), &identityv1.RegisterSubjectRequest{
		RequestId:   uuid.NewString(),
		Identifiers: []*identityv1.Identifier{{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_COOKIE, Value: cookie}},
	})
	if err != nil {
		w.Fatalf("register a visit: %v", err)
	}
	return w.known(tenant, policy, res.GetSubjectRef())
}

// signsUp makes a visit somebody's, who takes over what it refused.
func (p *person) signsUp(visit *person, refused ...string) {
	p.w.Helper()
	_, err := p.product.Merges.SignUp(stack.Deadline(p.w), &identityv1.SignUpRequest{
		RequestId: uuid.NewString(), AnonymousRef: visit.ref, SubjectRef: p.ref,
	})
	if err != nil {
		p.w.Fatalf("sign up: %v", err)
	}
	for _, purpose := range refused {
		p.acts = append(p.acts, fmt.Sprintf("person.decision_recorded %s %s refused explicit", p.policy, purpose))
	}
}

// cookiesRefused shows CW-21: two visits, of which one refuses a purpose of
// cookies. Whoever signs up has refused what their visit refused, and nothing
// else; what depends on it is named.
func cookiesRefused(t *testing.T, w *world) {
	const track, keep = "trends.track", "preferences.store"
	tracked := ask{purpose: track, category: "cookie.browser_id", source: "cookie"}
	kept := ask{purpose: keep, category: "cookie.preferences", source: "cookie"}
	refuses, tolerates := w.visitor(caseworksTenant, caseworksTenant), w.browses(caseworksTenant, caseworksTenant, uuid.NewString())
	for _, visit := range []*person{refuses, tolerates} {
		visit.allowed("a cookie that nobody refused", tracked, "NOT_OPTED_OUT")
	}
	if lost := refuses.decides(act{purpose: track, decision: "refused"}); len(lost) != 0 {
		t.Errorf("without trends one loses %v", lost)
	}
	refuses.denied("a refused cookie", tracked, "OPTED_OUT")
	refuses.allowed("another purpose of the same visit", kept, "NOT_OPTED_OUT")
	if lost := tolerates.decides(act{purpose: keep, decision: "given"}); len(lost) != 0 {
		t.Errorf("who gives loses %v", lost)
	}
	jane, john := w.stranger(caseworksTenant, caseworksTenant), w.stranger(caseworksTenant, caseworksTenant)
	for _, known := range []*person{jane, john} {
		known.allowed("before anybody signs up", tracked, "NOT_OPTED_OUT")
	}
	jane.signsUp(refuses, track)
	john.signsUp(tolerates)
	jane.denied("refused before the sign-up", tracked, "OPTED_OUT")
	jane.allowed("never refused", kept, "NOT_OPTED_OUT")
	john.allowed("nothing refused", tracked, "NOT_OPTED_OUT")
	john.allowed("what the visit gave is not given by the person", kept, "NOT_OPTED_OUT")
	if lost := john.decides(act{purpose: keep, decision: "refused"}); !slices.Equal(lost, []string{"saved_preferences"}) {
		t.Errorf("without preferences one loses %v", lost)
	}
	john.denied("refused after the sign-up", kept, "OPTED_OUT")
	jane.signsUp(refuses) // again: there is nothing new to take
	jane.grants(track)
	jane.allowed("a later yes of the person's own", tracked, "CONSENT_GIVEN")
	w.isNotNamed(refuses, jane)
	w.isNotNamed(tolerates, john)
	_, err := jane.product.Merges.SignUp(stack.Deadline(t), &identityv1.SignUpRequest{
		RequestId: uuid.NewString(), AnonymousRef: john.ref, SubjectRef: jane.ref,
	})
	if _, reason, _ := stack.Answer(err); reason != "SUBJECT_NOT_ANONYMOUS" {
		t.Errorf("somebody who is known signs up as another: %s", reason)
	}
}

// isNotNamed: nothing that the log tells of a person names the visit.
func (w *world) isNotNamed(visit, p *person) {
	w.Helper()
	signedUp := false
	for _, e := range w.Replay(audit.Filter{Tenant: p.tenant}) {
		if e.ID != p.ref {
			continue
		}
		for _, ev := range e.Events {
			signedUp = signedUp || ev.Type == "subject.signed_up"
		}
		if strings.Contains(fmt.Sprint(e), visit.ref) {
			w.Errorf("what is told of a person names their visit: %v", e)
		}
	}
	if !signedUp {
		w.Error("the log does not tell of the sign-up")
	}
}

// cookiesImpersonal shows PT-26: what only a cookie knows is taken in for no
// personal category; cookies are refused; and a visit leaves its refusal to the
// person, and no cookie.
func cookiesImpersonal(t *testing.T, w *world) {
	quality := ask{purpose: "cookie.quality", category: "cookie.site", source: "cookie"}
	address := ask{purpose: "service.provide", category: "personal.email", source: "cookie", action: "collect"}
	entered := address
	entered.source = "registration"
	cookie := uuid.NewString()
	visit, other := w.browses(personnelTenant, personnelTenant, cookie), w.browses(personnelTenant, personnelTenant, uuid.NewString())
	jane, john := w.stranger(personnelTenant, personnelTenant), w.stranger(personnelTenant, personnelTenant)
	jane.allowed("an address, entered", entered, "CONTRACT_NEEDS")
	jane.denied("an address, from a cookie", address, "SOURCE_NOT_FOR_PERSONAL_DATA")
	visit.allowed("a cookie that nobody refused", quality, "NOT_OPTED_OUT")
	if lost := visit.decides(act{purpose: quality.purpose, decision: "refused"}); !slices.Equal(lost, []string{"site_features"}) {
		t.Errorf("without cookies one loses %v", lost)
	}
	visit.denied("a refused cookie", quality, "OPTED_OUT")
	jane.signsUp(visit, quality.purpose)
	john.signsUp(other)
	jane.denied("refused before the sign-up", quality, "OPTED_OUT")
	john.allowed("nothing refused", quality, "NOT_OPTED_OUT")
	w.isNotNamed(visit, jane)
	w.holdsNoCookie(jane, visit, cookie)
	const email, source = "title: E-mail addresses\n    sources: [registration, online", "{source: cookie, accepted: true, personal: false, clause: PT-26}"
	flipped := w.stranger(w.tenantOf(personnelTenant, change{email, email + ", cookie"}, change{source, strings.Replace(source, "false", "true", 1)}), personnelTenant)
	flipped.allowed("an address, from a cookie that may tell it", address, "CONTRACT_NEEDS")
}

// holdsNoCookie: the cookie leads to the visit, not to the person, and can't be
// linked to them.
func (w *world) holdsNoCookie(p, visit *person, cookie string) {
	w.Helper()
	id := &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_COOKIE, Value: cookie}
	found, err := p.product.Subjects.ResolveSubject(stack.Deadline(w), &identityv1.ResolveSubjectRequest{Identifier: id})
	if err != nil || found.GetSubjectRef() != visit.ref {
		w.Errorf("the cookie leads to %s, %v", found.GetSubjectRef(), err)
	}
	_, err = p.product.Subjects.LinkIdentifier(stack.Deadline(w), &identityv1.LinkIdentifierRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref, Identifier: id,
	})
	if _, reason, _ := stack.Answer(err); reason != "IDENTIFIER_IS_ANALYTICS" {
		w.Errorf("a cookie is linked to a person: %s", reason)
	}
	known, err := p.product.Subjects.GetSubject(stack.Deadline(w), &identityv1.GetSubjectRequest{SubjectRef: p.ref})
	if err != nil || !slices.Equal(known.GetKinds(), []identityv1.IdentifierKind{identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL}) {
		w.Errorf("after the sign-up a person is known by %v, %v", known.GetKinds(), err)
	}
}
