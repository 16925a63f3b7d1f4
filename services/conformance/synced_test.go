package conformance_test

import (
	"fmt"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
)

// synced shows PT-03: a permission for each kind, which every later sync asks for again;
// and once it is withdrawn, what was synced of that kind goes by itself, and nothing else.
func synced(_ *testing.T, w *world) {
	askedAtEachSync(w.stranger(personnelTenant, personnelTenant))
	copiesGo(w)
}

func askedAtEachSync(p *person) {
	kinds := []ask{
		{purpose: "connect.contact_list", category: "contacts.list", source: "online", action: "collect"},
		{purpose: "connect.address_book", category: "contacts.address_book", source: "online", action: "collect"},
		{purpose: "schedule.calendar", category: "contacts.calendar", source: "online", action: "collect"},
	}
	for i, a := range kinds {
		p.denied(a.category+", undecided", a, "CONSENT_MISSING")
		p.decides(act{purpose: a.purpose, decision: "given", implied: true})
		p.denied(a.category+", implied", a, "CONSENT_NOT_EXPLICIT")
		p.grants(a.purpose)
		p.allowed(a.category+", a sync", a, "CONSENT_GIVEN")
		for _, other := range kinds[i+1:] {
			p.denied(other.category+", by the permission for "+a.category, other, "CONSENT_MISSING")
		}
	}
	for i, a := range kinds {
		p.decides(act{purpose: a.purpose, decision: "withdrawn"})
		p.denied(a.category+", the next sync", a, "CONSENT_WITHDRAWN")
		for _, other := range kinds[i+1:] {
			p.allowed(other.category+", without "+a.category, other, "CONSENT_GIVEN")
		}
	}
}

const days = 24 * time.Hour

// somebody is known by an address, and has copies in a system.
type somebody struct {
	*person
	email  string
	copies map[string]string // by category
}

func (w *world) somebody(tenant, policy string, h *holder) somebody {
	w.Helper()
	email := uuid.NewString() + "@people.example"
	return somebody{w.known(tenant, policy, w.Register(tenant, email)), email, h.plant(w, email)}
}

// clocks are how what of somebody goes by itself stands, by category.
func (p *person) clocks() map[string]*retentionv1.Clock {
	p.w.Helper()
	res, err := p.w.As(p.tenant, "dpo").Storage.ListClocks(stack.Deadline(p.w), &retentionv1.ListClocksRequest{SubjectRef: p.ref})
	if err != nil {
		p.w.Fatalf("list clocks: %v", err)
	}
	out := map[string]*retentionv1.Clock{}
	for _, k := range res.GetClocks() {
		out[k.GetCategory()] = k
	}
	return out
}

// goesAlone waits until what a system holds of a category of somebody's is gone, and holds
// everything else against what it was.
func (s somebody) goesAlone(h *holder, category string) {
	s.w.Helper()
	testwait.For(s.w, time.Minute, func() error {
		if where := h.db.Find(s.w, s.copies[category]); len(where) > 0 {
			return fmt.Errorf("%s is still in %v", category, where)
		}
		return nil
	})
	delete(s.copies, category)
	s.keeps(h)
}

// keeps: what a system holds of somebody is still there.
func (s somebody) keeps(h *holder) {
	s.w.Helper()
	for category, value := range s.copies {
		if where := h.db.Find(s.w, value); len(where) != 1 {
			s.w.Errorf("%s is in %v", category, where)
		}
	}
	if where := h.db.Find(s.w, s.email); len(where) != 1 {
		s.w.Errorf("the address is in %v", where)
	}
}

// copiesGo: the policy says that copies go 30 days after the last permission is gone.
func copiesGo(w *world) {
	tenant := w.tenantSince(w.Stack, text(w, personnelTenant), time.Now().Add(-90*days))
	w.schedule(tenant, personnelTenant)
	w.synced.joins(w, tenant)
	p, twin := w.somebody(tenant, personnelTenant, w.synced), w.somebody(tenant, personnelTenant, w.synced)
	for _, purpose := range []string{"connect.contact_list", "connect.address_book", "schedule.calendar"} {
		p.decides(act{purpose: purpose, decision: "given", ago: 60 * days})
		twin.decides(act{purpose: purpose, decision: "given", ago: 60 * days})
	}
	twin.decides(act{purpose: "schedule.calendar", decision: "withdrawn", ago: 29 * days})
	twin.decides(act{purpose: "schedule.calendar", decision: "given", ago: 28 * days}) // and changes their mind
	p.decides(act{purpose: "connect.address_book", decision: "withdrawn", ago: 29 * days})
	p.decides(act{purpose: "schedule.calendar", decision: "withdrawn", ago: 31 * days})
	p.goesAlone(w.synced, "contacts.calendar")
	testwait.For(w, time.Minute, func() error {
		if k := p.clocks()["contacts.address_book"]; k.GetState() != "runs" || !k.GetDueAt().AsTime().After(time.Now()) || k.GetClause() != "PT-03" {
			return fmt.Errorf("a permission that was withdrawn 29 days ago: %v", k)
		}
		return nil
	})
	testwait.For(w, time.Minute, func() error {
		if k := twin.clocks(); len(k) > 0 {
			return fmt.Errorf("who has permitted it again: %v", k)
		}
		return nil
	})
	twin.keeps(w.synced)
	w.erasedOnce(tenant, p)
}

// erasedOnce: the log has one erasure of somebody that nobody asked for, it is closed, and
// of the person themselves nothing was forgotten.
func (w *world) erasedOnce(tenant string, p somebody) {
	w.Helper()
	announced, request := 0, ""
	for _, e := range w.Replay(audit.Filter{}) {
		for _, ev := range e.Events {
			if ev.Type == "person.erasure_due" && e.Tenant == tenant && e.ID == p.ref {
				announced++
				request, _ = ev.Data["request"].(string)
			}
		}
	}
	if announced != 1 {
		w.Fatalf("%d erasures were announced, want one", announced)
	}
	r := w.Closed(tenant, request)
	if r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE || len(r.GetScope()) != 1 || len(r.GetLeaves()) != 1 {
		w.Errorf("the erasure ended as %v, of %v: %v", r.GetOutcome(), r.GetScope(), r.GetLeaves())
	}
}
