package conformance_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// publishes publishes a version that nobody has posted yet.
func (w *world) publishes(tenant string, document []byte) policydoc.Document {
	w.Helper()
	if _, err := w.As(tenant, "dpo").Policies.PublishPolicy(stack.Deadline(w), &consentv1.PublishPolicyRequest{
		RequestId: uuid.NewString(), Document: document,
	}); err != nil {
		w.Fatalf("publish: %v", err)
	}
	doc, err := policydoc.Parse(document)
	if err != nil {
		w.Fatal(err)
	}
	return doc
}

// cannotPublish tries to publish what a rule of policies forbids, and looks for
// it afterwards.
func (w *world) cannotPublish(tenant string, document []byte, field string) {
	w.Helper()
	before := len(w.policyEvents(tenant))
	_, err := w.As(tenant, "dpo").Policies.PublishPolicy(stack.Deadline(w), &consentv1.PublishPolicyRequest{
		RequestId: uuid.NewString(), Document: document,
	})
	if code, _, got := stack.Answer(err); code != codes.InvalidArgument || got != field {
		w.Errorf("publish: %v, field %q, want it refused for %q", code, got, field)
	}
	if after := len(w.policyEvents(tenant)); after != before {
		w.Errorf("%d events of policies were stored with a version that was refused", after-before)
	}
}

// posts posts a version as of a moment.
func (w *world) posts(tenant string, doc policydoc.Document, hash string, at time.Time) error {
	w.Helper()
	_, err := w.As(tenant, "dpo").Policies.PostPolicy(stack.Deadline(w), &consentv1.PostPolicyRequest{
		RequestId: uuid.NewString(), Policy: doc.Policy, Version: uint32(doc.Version), TextHash: hash, PostedAt: timestamppb.New(at),
	})
	return err
}

// policyEvents are what the log tells of a tenant's policies.
func (w *world) policyEvents(tenant string) []audit.Event {
	w.Helper()
	var out []audit.Event
	for _, e := range w.Replay(audit.Filter{Tenant: tenant}) {
		if e.Aggregate == "policy" {
			out = append(out, e.Events...)
		}
	}
	return out
}

// Personnel Technology's policy with one more purpose.
const researchTags = "\npurposes:\n  - id: tags.research\n    title: Research\n    basis: described\n    categories: [tag.use]\n    clause: PT-24\n"

// effectiveOnPosting shows PT-21.
func effectiveOnPosting(t *testing.T, w *world) {
	tenant := w.tenantOf(personnelTenant)
	p := w.stranger(tenant, personnelTenant)
	p.grants("mail.updates") // now they are known
	asked := ask{purpose: "tags.research", category: "tag.use", source: "observed"}
	revised := w.publishes(tenant, second(t, personnelTenant, change{"\npurposes:\n", researchTags}))
	p.acceptsNothing(2, time.Now())
	if err := w.posts(tenant, revised, strings.Repeat("0", 64), time.Now()); reasonOf(err) != "TEXT_HASH_MISMATCH" {
		t.Errorf("posting of another text: %v", err)
	}
	unposted := p.denied("published, and not posted", asked, "PURPOSE_NOT_DESCRIBED")
	p.waitFor(asked, func(a *consentv1.Answer) bool { return a.GetVersion() == 1 }, -time.Second) // it was known a second ago
	posting := time.Now()
	if err := w.posts(tenant, revised, revised.TextSHA256, posting); err != nil {
		t.Fatal(err)
	}
	before, after := asked, asked
	before.at, after.at = posting.Add(-time.Second), posting.Add(time.Second)
	before.collected, after.collected = before.at, after.at
	first := p.denied("one second before posting", before, "PURPOSE_NOT_DESCRIBED")
	p.waitFor(asked, func(*consentv1.Answer) bool { return time.Now().After(after.at) }, 0)
	next := p.allowed("one second after posting", after, "PURPOSE_DESCRIBED")
	if unposted.GetVersion() != 1 || first.GetVersion() != 1 || next.GetVersion() != 2 {
		t.Errorf("decided by the versions %d, %d and %d", unposted.GetVersion(), first.GetVersion(), next.GetVersion())
	}
	p.acceptsNothing(2, posting.Add(-time.Second))
	if err := p.accepts(2, true, time.Now()); err != nil {
		t.Errorf("use after posting: %v", err)
	}
	_, err := w.As(tenant).Consent.AcceptPolicy(stack.Deadline(w), &consentv1.AcceptPolicyRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref, Policy: personnelTenant, Version: 2,
		Expression: consentv1.Expression_EXPRESSION_IMPLIED, AcceptedAt: timestamppb.Now(),
	})
	if code, _, _ := stack.Answer(err); code != codes.Unauthenticated {
		t.Errorf("use by nobody: %v", code)
	}
	w.postingIsTold(tenant, revised, posting)
	later := w.publishes(tenant, text(t, personnelTenant, change{"\nversion: 1\n", "\nversion: 3\n"}, change{"effective: 2020-10-20", "effective: 2199-01-01"}))
	if err := w.posts(tenant, later, later.TextSHA256, time.Now()); err != nil {
		t.Fatal(err)
	}
	asked.collected = time.Now()
	if got := p.allowed("posted, to be effective later", asked, "PURPOSE_DESCRIBED"); got.GetVersion() != 2 {
		t.Errorf("decided by version %d", got.GetVersion())
	}
}

// waitFor asks again and again, about a moment that lies so far from now, until
// the answer suits.
func (p *person) waitFor(a ask, suits func(*consentv1.Answer) bool, from time.Duration) {
	p.w.Helper()
	testwait.For(p.w, 10*time.Second, func() error {
		a.at = time.Now().Add(from)
		got, err := p.tries(a)
		if err == nil && !suits(got) {
			err = fmt.Errorf("allowed %v, %s, by version %d", got.GetAllowed(), got.GetReason(), got.GetVersion())
		}
		return err
	})
}

// acceptsNothing: use at that moment accepts no such version.
func (p *person) acceptsNothing(version uint32, at time.Time) {
	p.w.Helper()
	p.refused(p.accepts(version, true, at), "person.acceptance_refused", "VERSION_NOT_POSTED")
}

// postingIsTold holds the log against one posting that was refused and one that
// was made.
func (w *world) postingIsTold(tenant string, doc policydoc.Document, at time.Time) {
	w.Helper()
	var told []string
	for _, ev := range w.policyEvents(tenant) {
		if n, ok := ev.Data["version"].(uint32); ok && int(n) == doc.Version {
			told = append(told, fmt.Sprint(ev.Type, ev.Data["text_hash"], ev.Data["posted_at"], ev.Data["reason"]))
		}
	}
	want := []string{
		fmt.Sprint("policy.published", doc.TextSHA256, nil, nil),
		fmt.Sprint("policy.posting_refused", nil, nil, "TEXT_HASH_MISMATCH"),
		fmt.Sprint("policy.posted", doc.TextSHA256, at.UTC().Format(time.RFC3339Nano), nil),
	}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		w.Errorf("the log tells of version %d:\n%s\nwant\n%s", doc.Version, strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
}

func reasonOf(err error) string {
	_, reason, _ := stack.Answer(err)
	return reason
}

// inForceAtCollection shows PT-23.
func inForceAtCollection(t *testing.T, w *world) {
	tenant := w.tenantOf(personnelTenant)
	p := w.stranger(tenant, personnelTenant)
	widened := w.publishes(tenant, second(t, personnelTenant,
		change{"categories: [tag.use]\n    clause: PT-24", "categories: [log.device]\n    clause: PT-24"}, // customises by something else
		change{"\npurposes:\n", researchTags}))
	posting := time.Now()
	if err := w.posts(tenant, widened, widened.TextSHA256, posting); err != nil {
		t.Fatal(err)
	}
	if err := p.accepts(2, true, time.Now()); err != nil { // keeps using the service
		t.Fatal(err)
	}
	p.decides(act{purpose: "tags.research", decision: "given", implied: true})
	now := time.Now()
	research := ask{purpose: "tags.research", category: "tag.use", source: "observed", at: now}
	old, fresh, unknown := research, research, research
	old.collected, fresh.collected = posting.Add(-time.Hour), now
	got := p.answers([]ask{old, fresh, unknown})
	w.expect("collected under the first version", got[0], false, "PURPOSE_NOT_DESCRIBED")
	w.expect("collected under the second, asked in the same instant", got[1], true, "PURPOSE_DESCRIBED")
	w.expect("collected nobody knows when", got[2], false, "PURPOSE_NOT_DESCRIBED")
	if got[0].GetVersion() != 1 || got[1].GetVersion() != 2 || got[2].GetVersion() != 1 {
		t.Errorf("decided by the versions %d, %d and %d", got[0].GetVersion(), got[1].GetVersion(), got[2].GetVersion())
	}
	narrowed := ask{purpose: "experience.customize", category: "tag.use", source: "observed", collected: old.collected}
	if got := p.denied("old data, for what the second version has narrowed", narrowed, "PURPOSE_NOT_FOR_CATEGORY"); got.GetVersion() != 2 {
		t.Errorf("narrowed by version %d", got.GetVersion())
	}
	w.bindsByAcceptance(fresh)
	old.at = time.Time{}
	p.grants("tags.research")
	if got := p.allowed("collected under the first version, granted since", old, "PURPOSE_DESCRIBED"); got.GetVersion() != 2 {
		t.Errorf("decided by version %d", got.GetVersion())
	}
}

// bindsByAcceptance is the twin of inForceAtCollection in which the policy
// promises that a version binds who has accepted it.
func (w *world) bindsByAcceptance(a ask) {
	w.Helper()
	binds := change{"versions: {binds: collected,", "versions: {binds: accepted,"}
	tenant := w.tenantOf(personnelTenant, binds)
	p := w.stranger(tenant, personnelTenant)
	p.decides(act{purpose: "mail.updates", decision: "refused"}) // came under the first version
	widened := w.publishes(tenant, second(w, personnelTenant, binds, change{"\npurposes:\n", researchTags}))
	if err := w.posts(tenant, widened, widened.TextSHA256, time.Now()); err != nil {
		w.Fatal(err)
	}
	if err := p.accepts(2, true, time.Now()); err != nil {
		w.Fatal(err)
	}
	a.collected, a.at = time.Now(), time.Time{}
	if got := p.denied("fresh data, where versions bind by acceptance", a, "PURPOSE_NOT_DESCRIBED"); got.GetVersion() != 1 {
		w.Errorf("decided by version %d", got.GetVersion())
	}
	if err := p.accepts(2, false, time.Now()); err != nil {
		w.Fatal(err)
	}
	a.collected = time.Now()
	p.allowed("accepted explicitly", a, "PURPOSE_DESCRIBED")
}

// modificationDates shows QC-12.
func modificationDates(t *testing.T, w *world) {
	tenant := w.tenantOf(qceraTenant)
	w.cannotPublish(tenant, second(t, qceraTenant, change{"modified: 2013-05-16\n", ""}), "document.modified")
	p, late := w.stranger(tenant, qceraTenant), w.stranger(tenant, qceraTenant)
	p.grants("mail.periodic", "leave.operate")
	const mail = "title: Sending periodic e-mail\n    basis: opt_in\n    categories: [visitor.email"
	const survey = "\npurposes:\n  - id: survey.invite\n    title: Inviting to surveys\n    basis: opt_in\n    categories: [visitor.email]\n    clause: QC-15\n"
	changed := w.publishes(tenant, second(t, qceraTenant,
		change{"modified: 2013-05-16\n", "modified: 2026-11-01\n"}, change{mail, mail + ", visitor.phone"}, change{"\npurposes:\n", survey}))
	if err := w.posts(tenant, changed, changed.TextSHA256, time.Now()); err != nil {
		t.Fatal(err)
	}
	res, err := w.As(tenant, "auditor").Policies.GetPolicy(stack.Deadline(w), &consentv1.GetPolicyRequest{Policy: qceraTenant})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := policydoc.Parse(res.GetDocument())
	if err != nil || kept.Effective != "2013-05-01" || kept.Modified != "2026-11-01" || res.GetVersion() != 2 {
		t.Errorf("version %d is effective %s, modified %s: %v", res.GetVersion(), kept.Effective, kept.Modified, err)
	}
	late.grants("mail.periodic", "leave.operate")
	fresh := time.Now()
	phone := ask{purpose: "mail.periodic", category: "visitor.phone", source: "online", action: "access", collected: fresh}
	p.denied("a purpose that has grown, granted before", phone, "CONSENT_DOES_NOT_COVER")
	late.allowed("granted since", phone, "CONSENT_GIVEN")
	invited := ask{purpose: "survey.invite", category: "visitor.email", source: "online", collected: fresh}
	p.denied("a new purpose", invited, "CONSENT_MISSING")
	p.grants("survey.invite")
	p.allowed("a new purpose, granted", invited, "CONSENT_GIVEN")
	address := ask{purpose: "mail.periodic", category: "visitor.email", source: "online", action: "access", collected: fresh}
	p.allowed("what was granted before, as it was", address, "CONSENT_GIVEN")
}
