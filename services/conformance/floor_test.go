package conformance_test

import (
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/systemtest/stack"
)

// basicRights shows QC-16: no clause below a law that the policy declares is
// published, each beside a twin that is; and what a policy may say, a law's
// shorter time limit overrules for a request, which names the law.
func basicRights(t *testing.T, w *world) {
	tenant := w.tenantOf(qceraTenant)
	const (
		stop    = "    - {right: withdrawal, clause: QC-04}\n"
		steps   = "steps: {give: 1, withdraw: 1,"
		clocked = "\nretention:"
		laws    = "rules: [coppa, ccpa, gdpr]"
	)
	months := func(period, more string) string {
		return "\nclocks:\n  - {right: access, period: " + period + more + ", clause: QC-16}\nretention:"
	}
	for field, below := range map[string]change{
		"document.requests.rights":             {stop, ""},
		"document.requests.rights[3].verified": {stop, "    - {right: withdrawal, verified: true, clause: QC-04}\n"},
		"document.consent.steps.withdraw":      {steps, "steps: {give: 1, withdraw: 3,"},
		"document.clocks[0].period":            {clocked, months("P3M", "")},
		"document.ages":                        {"  minimum: 13\n", "  minimum: 12\n"},
		"document.signals[0].honoured":         {"{signal: gpc, honoured: true,", "{signal: gpc, honoured: false,"},
		"document.contact":                     {"contact: {mail: leaveteam@qcera.com, web: \"http://qcera.com\", clause: QC-12}\n", ""},
	} {
		w.cannotPublish(tenant, second(t, qceraTenant, below), field)
	}
	w.publishes(tenant, second(t, qceraTenant, change{steps, "steps: {give: 3, withdraw: 3,"}))
	w.tenantOf(qceraTenant, change{laws, "rules: []"}, change{"  minimum: 13\n", "  minimum: 12\n"}) // declares no law

	asked := func(changes ...change) *fulfilmentv1.Request {
		tenant := w.tenantOf(qceraTenant, changes...)
		email := "rights@" + tenant + ".example"
		w.Register(tenant, email)
		id := w.Submit(tenant, fulfilmentv1.Right_RIGHT_ACCESS, qceraTenant, email)
		res, err := w.As(tenant, "dpo").Requests.GetRequest(stack.Deadline(w), &fulfilmentv1.GetRequestRequest{Request: id})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetRequest()
	}
	law, long, short := asked(), asked(change{clocked, months("P80D", ", no_extension: true")}), asked(change{clocked, months("P10D", "")})
	for what, r := range map[string]*fulfilmentv1.Request{"a policy that is silent": law, "a policy that says eighty days": long} {
		if left := time.Until(r.GetDueAt().AsTime()); left < 27*24*time.Hour || left > 32*24*time.Hour || r.GetRulePack() == "" {
			t.Errorf("%s: due in %v by %q", what, left, r.GetRulePack())
		}
	}
	if long.GetRulePack() != law.GetRulePack() {
		t.Errorf("the law says %q beside a long promise, %q beside none", long.GetRulePack(), law.GetRulePack())
	}
	if left := time.Until(short.GetDueAt().AsTime()); left > 12*24*time.Hour {
		t.Errorf("a shorter promise: due in %v", left)
	}
}
