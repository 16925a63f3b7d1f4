package conformance_test

import (
	"encoding/csv"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/devmail"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
)

// caseworksHolders hold every personal category of Caseworks' policy between
// them.
func caseworksHolders(t testing.TB, s *stack.Stack) []*holder {
	t.Helper()
	const accounts, logs, partners = "case-accounts", "case-logs", "case-partners"
	held := map[string][]string{}
	for _, c := range document(t, caseworksTenant).Categories {
		kind, _, _ := strings.Cut(c.ID, ".")
		switch {
		case !c.Personal || c.ID == "account.email":
		case kind == "log" || kind == "cookie":
			held[logs] = append(held[logs], c.ID)
		case kind == "affiliate":
			held[partners] = append(held[partners], c.ID)
		default:
			held[accounts] = append(held[accounts], c.ID)
		}
	}
	var out []*holder
	for _, name := range []string{accounts, logs, partners} {
		out = append(out, newHolder(t, s, "cw-13", name, "account.email", held[name]...))
	}
	return out
}

// everythingHeld shows CW-13: the package holds everything that was planted
// about somebody, of every category and from every system, for machines and for
// people; and nothing about the neighbour, who differs in the address alone.
// Who has not shown who they are gets none.
func everythingHeld(t *testing.T, w *world) {
	tenant := w.tenantOf(caseworksTenant)
	w.schedule(tenant, caseworksTenant)
	email, neighbour := uuid.NewString()+"@people.example", uuid.NewString()+"@people.example"
	var planted, others []string
	missing := categories(document(t, caseworksTenant))
	for _, h := range w.caseworks {
		h.joins(w, tenant)
		for range 3 {
			for category, value := range h.plant(t, email) {
				planted = append(planted, value)
				missing = slices.DeleteFunc(missing, func(c string) bool { return c == category || c == h.address })
			}
		}
		for _, value := range h.plant(t, neighbour) {
			others = append(others, value)
		}
	}
	if len(missing) > 0 {
		t.Fatalf("nothing was planted of %v", missing)
	}
	w.Register(tenant, email)
	w.Register(tenant, neighbour)
	r := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ACCESS, caseworksTenant, email))
	if r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE {
		t.Errorf("the request ended as %v", r.GetOutcome())
	}
	machines, people := w.forms(w.Package(tenant, r.GetRequest()), w.caseworks)
	for _, form := range []string{machines, people} {
		for _, value := range append(planted, email) {
			if !strings.Contains(form, value) {
				t.Errorf("a package lacks %s", value)
			}
		}
		for _, value := range append(others, neighbour) {
			if strings.Contains(form, value) {
				t.Errorf("a package holds the neighbour's %s", value)
			}
		}
	}
	w.isTold(tenant, r.GetRequest(), "request.verified", "request.manifest_committed", "request.leaves_started", "request.package_ready",
		"request.leaves_completed", "request.closed", "request.package_read")
	request := w.unverified(tenant, neighbour)
	w.Verify(tenant, request, neighbour, 0) // the one fact that was missing
	machines, _ = w.forms(w.Package(tenant, w.Closed(tenant, request).GetRequest()), w.caseworks)
	for _, value := range others {
		if !strings.Contains(machines, value) {
			t.Errorf("verified, the neighbour's package lacks %s", value)
		}
	}
}

// categories are the personal ones of a policy.
func categories(doc policydoc.Document) []string {
	var out []string
	for _, c := range doc.Categories {
		if c.Personal {
			out = append(out, c.ID)
		}
	}
	return out
}

// forms are the contents of a package for machines and for people, each of
// which must be what it claims to be.
func (w *world) forms(files map[string]string, holders []*holder) (machines, people string) {
	w.Helper()
	pages := 0
	for name, content := range files {
		switch path.Ext(name) {
		case ".json":
			if !json.Valid([]byte(content)) {
				w.Errorf("%s is no JSON", name)
			}
			machines += content
		case ".csv":
			if _, err := csv.NewReader(strings.NewReader(content)).ReadAll(); err != nil {
				w.Errorf("%s: %v", name, err)
			}
			people += content
		case ".html":
			pages++
			for _, h := range holders {
				for _, c := range h.categories {
					if !strings.Contains(content, c) || !strings.Contains(content, h.name) {
						w.Errorf("the page says nothing of %s in %s", c, h.name)
					}
				}
			}
		}
	}
	if pages != 1 {
		w.Errorf("the package has %d pages", pages)
	}
	return machines, people
}

// unverified asks without showing who asks: no scope is fixed, no system is
// asked, and there is no package. It returns the request.
func (w *world) unverified(tenant, email string) string {
	w.Helper()
	request := w.Submit(tenant, fulfilmentv1.Right_RIGHT_ACCESS, caseworksTenant, email)
	w.Mail.Wait(w, email, func(devmail.Message) bool { return true }) // the code has come, and stays where it is
	stream, err := w.Agent(tenant).Requests.DownloadPackage(stack.For(stack.Deadline(w), "case.handling"), &fulfilmentv1.DownloadPackageRequest{Request: request})
	if err == nil {
		_, err = stream.Recv()
	}
	if code, reason, _ := stack.Answer(err); code != codes.FailedPrecondition && code != codes.NotFound || reason == "" {
		w.Errorf("a package for who is not verified: %v %s", code, reason)
	}
	for _, event := range w.told(tenant, request) {
		if slices.Contains([]string{"request.verified", "request.manifest_committed", "request.leaves_started", "request.package_ready"}, event) {
			w.Errorf("the log tells of %s for who is not verified", event)
		}
	}
	return request
}

// told are the types of a request's own events, in order.
func (w *world) told(tenant, request string) []string {
	w.Helper()
	var out []string
	for _, e := range w.Replay(audit.Filter{Tenant: tenant, Request: request}) {
		for _, ev := range e.Events {
			if e.ID == request {
				out = append(out, ev.Type)
			}
		}
	}
	return out
}

// isTold holds the log against events that it must tell of, in this order.
func (w *world) isTold(tenant, request string, want ...string) {
	w.Helper()
	told := w.told(tenant, request)
	at := 0
	for _, event := range told {
		if at < len(want) && event == want[at] {
			at++
		}
	}
	if at < len(want) {
		w.Errorf("the log tells %v, in which %s is missing", told, want[at])
	}
}
