package conformance_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// announces posts a version with a notice that nobody overlooks; without one
// where the notice is empty.
func (w *world) announces(tenant string, doc policydoc.Document, notice string) error {
	w.Helper()
	_, err := w.As(tenant, "dpo").Policies.PostPolicy(stack.Deadline(w), &consentv1.PostPolicyRequest{
		RequestId: uuid.NewString(), Policy: doc.Policy, Version: uint32(doc.Version), TextHash: doc.TextSHA256,
		PostedAt: timestamppb.Now(), ProminentNotice: notice,
	})
	return err
}

// differs is what a document would change for somebody, from which versions,
// and whether it reduces their rights.
func (p *person) differs(document []byte) (from []uint32, reduces bool) {
	p.w.Helper()
	res, err := p.w.AsSubject(p.tenant, p.ref).Policies.DiffPolicy(stack.Deadline(p.w), &consentv1.DiffPolicyRequest{
		Policy: p.policy, SubjectRef: p.ref, Document: document,
	})
	if err != nil {
		p.w.Fatalf("diff: %v", err)
	}
	for _, d := range res.GetDiffs() {
		from = append(from, d.GetFromVersion())
	}
	return from, res.GetReduces()
}

// The changes of CW-20: one that reduces, in two halves, and one that improves.
const (
	research = "\npurposes:\n  - id: logs.research\n    title: Research\n    basis: %s\n    categories: [log.ip_address]\n    clause: CW-10\n"
)

// reduced are the first version's clauses with a change in each direction: a
// research purpose is allowed, and what is undescribed no longer is.
func reduced(basis string) []change {
	return []change{
		{"\npurposes:\n", fmt.Sprintf(research, basis)},
		{"undescribed: {mode: offer,", "undescribed: {mode: closed,"},
	}
}

// numbered is a version of Caseworks' policy.
func numbered(t testing.TB, number int, changes ...change) []byte {
	t.Helper()
	return text(t, caseworksTenant, append(changes, change{"\nversion: 1\n", fmt.Sprintf("\nversion: %d\n", number)})...)
}

// neverReduced shows CW-20: a change in both directions, in two steps of which the
// first reduces a little and the second the rest.
func neverReduced(t *testing.T, w *world) {
	tenant := w.tenantOf(caseworksTenant)
	old, other := w.stranger(tenant, caseworksTenant), w.stranger(tenant, caseworksTenant)
	for _, p := range []*person{old, other} {
		p.decides(act{purpose: undescribed, decision: "offered"}) // now they are known
	}
	studied := ask{purpose: "logs.research", category: "log.ip_address", source: "observed"}
	partner := ask{purpose: undescribed, category: "log.ip_address", source: "observed"}
	old.allowed("undescribed, offered, by the first version", partner, "NOT_OPTED_OUT")

	minor := numbered(t, 2, append(reduced(optOut), change{"\nmodified:", "\nchange: minor\nmodified:"})...)
	w.cannotPublish(tenant, minor, "document.change")
	first := w.publishes(tenant, numbered(t, 2, reduced(optOut)...))
	w.quietly(tenant, first)
	if err := w.announces(tenant, first, "web:front-page"); err != nil {
		t.Fatal(err)
	}
	rest := numbered(t, 3, reduced(described)...)
	if from, reduces := old.differs(rest); !slices.Equal(from, []uint32{1, 2}) || !reduces {
		t.Errorf("the second half is held against %v and reduces: %v", from, reduces)
	}
	last := w.publishes(tenant, rest)
	w.quietly(tenant, last)
	if err := w.announces(tenant, last, "web:front-page"); err != nil {
		t.Fatal(err)
	}
	studied.collected = time.Now()
	partner.collected = studied.collected
	if got := old.denied("what was reduced, for somebody of the first version", studied, "WAY_OUT_NOT_OFFERED"); got.GetVersion() != 1 {
		t.Errorf("decided by version %d", got.GetVersion())
	}
	old.denied("what was improved, for the same", partner, "PURPOSE_NOT_DESCRIBED")
	if err := old.accepts(3, true, time.Now()); err != nil {
		t.Fatalf("use: %v", err)
	}
	old.decides(act{purpose: "logs.research", decision: "given", implied: true})
	old.denied("accepted by use", studied, "WAY_OUT_NOT_OFFERED")
	if err := old.accepts(3, false, time.Now()); err != nil {
		t.Fatalf("explicit acceptance: %v", err)
	}
	if got := old.allowed("accepted explicitly", studied, "PURPOSE_DESCRIBED"); got.GetVersion() != 3 {
		t.Errorf("decided by version %d", got.GetVersion())
	}
	other.denied("accepted by somebody else", studied, "WAY_OUT_NOT_OFFERED")
	if from, reduces := old.differs(numbered(t, 4, reduced(described)...)); !slices.Equal(from, []uint32{3}) || reduces {
		t.Errorf("for who has accepted, the same again is held against %v and reduces: %v", from, reduces)
	}
	w.stranger(tenant, caseworksTenant).allowed("who came later", studied, "PURPOSE_DESCRIBED")
	w.reductionIsTold(tenant)
	w.withoutThePromise(studied)
}

// quietly: what reduces rights is not posted without a notice.
func (w *world) quietly(tenant string, doc policydoc.Document) {
	w.Helper()
	code, reason, _ := stack.Answer(w.announces(tenant, doc, ""))
	if code != codes.FailedPrecondition || reason != "PROMINENT_NOTICE_MISSING" {
		w.Errorf("version %d posted quietly: %v %s", doc.Version, code, reason)
	}
}

// reductionIsTold holds the log against the two versions: over which versions
// each reduces, and where it was announced.
func (w *world) reductionIsTold(tenant string) {
	w.Helper()
	var told []string
	for _, ev := range w.policyEvents(tenant) {
		switch ev.Type {
		case "policy.published":
			told = append(told, fmt.Sprint("published ", ev.Data["version"], ev.Data["reduces"]))
		case "policy.posted":
			told = append(told, fmt.Sprint("posted ", ev.Data["version"], ev.Data["prominent_notice"]))
		case "policy.posting_refused":
			told = append(told, fmt.Sprint("refused ", ev.Data["version"], ev.Data["reason"]))
		}
	}
	w.Logf("told: %q", told)
	if len(told) != 8 {
		w.Errorf("the log tells\n%q", told)
	}
}

// withoutThePromise is the twin: a policy that promises less lets the same
// person be judged by the version of the day, and post it quietly.
func (w *world) withoutThePromise(studied ask) {
	w.Helper()
	binds := change{"versions: {binds: accepted, prominent: true,", "versions: {binds: collected,"}
	tenant := w.tenantOf(caseworksTenant, binds)
	p := w.stranger(tenant, caseworksTenant)
	p.decides(act{purpose: undescribed, decision: "offered"})
	doc := w.publishes(tenant, numbered(w, 2, append(reduced(described), binds)...))
	if err := w.announces(tenant, doc, ""); err != nil {
		w.Errorf("posted quietly where nobody promised otherwise: %v", err)
	}
	studied.collected = time.Now()
	p.allowed("where nobody promised to ask", studied, "PURPOSE_DESCRIBED")
}
