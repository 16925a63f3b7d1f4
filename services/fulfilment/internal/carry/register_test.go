package carry_test

import (
	"archive/zip"
	"bytes"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// given is an entry of the register.
func given(recipient string, year int, marketing bool) *consentv1.Disclosure {
	return &consentv1.Disclosure{
		Recipient: recipient, Title: recipient + " Inc.", Contact: "1 " + recipient + " Street", Policy: "shop", Marketing: marketing,
		Categories: []string{"user.contact"}, At: timestamppb.New(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)),
	}
}

func listed(w *fake.World, right request.Right, key string) (es.Aggregate, request.Request) {
	agg := w.Submit(right, key)
	w.Settle()
	w.Verify(agg)
	w.Run(soon(w))
	return agg, w.State(agg)
}

// archive is what the package of a request holds, by file.
func archive(t *testing.T, w *fake.World, agg es.Aggregate) map[string]string {
	t.Helper()
	var data []byte
	name := pack.Name{Tenant: agg.Tenant, Request: agg.ID, Package: w.State(agg).Package.Name}
	err := w.Packages.Read(t.Context(), name, func(part []byte) error {
		data = append(data, part...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

func TestAListOfDisclosuresNamesWhomTheRegisterNames(t *testing.T) {
	w, _, _ := world(t)
	w.Peers.Given = []*consentv1.Disclosure{given("mailer", 2025, true), given("sister", 2025, true), given("older", 2024, true), given("server", 2025, false)}
	agg, s := listed(w, request.DisclosureList, "r1")
	if s.Outcome != request.Complete || len(s.Leaves) != 1 || s.Leaves[0].Collected != 2 {
		t.Fatalf("outcome %d, leaves %+v, %+v", s.Outcome, s.Leaves, request.Explain(s))
	}
	files := archive(t, w, agg)
	text := strings.Join(slices.Collect(maps.Values(files)), "\n")
	for _, want := range []string{"mailer Inc.", "1 mailer Street", "sister Inc.", "Who was given your data for marketing in 2025"} {
		if !strings.Contains(text, want) {
			t.Errorf("the list lacks %q", want)
		}
	}
	for _, not := range []string{"older", "server", "about.json"} {
		if strings.Contains(text, not) {
			t.Errorf("the list holds %q", not)
		}
	}
	if last := w.Post.Sent[len(w.Post.Sent)-1]; !strings.Contains(last.Text, "direct marketing in 2025") {
		t.Errorf("the person is told:\n%s", last.Text)
	}
	if want := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC); !s.Package.ExpiresAt.Equal(want) {
		t.Errorf("it can be fetched until %s, want %s", s.Package.ExpiresAt, want)
	}
}

func TestNobodyIsAnAnswer(t *testing.T) {
	for _, right := range []request.Right{request.DisclosureList, request.Accounting} {
		w, _, _ := world(t)
		agg, s := listed(w, right, "r1")
		if s.Outcome != request.NothingHeld || !s.Package.Live(w.Clock.Now()) {
			t.Fatalf("%d: outcome %d, package %+v, %+v", right, s.Outcome, s.Package, request.Explain(s))
		}
		page := archive(t, w, agg)["index.html"]
		if !strings.Contains(page, "we gave nobody") && !strings.Contains(page, "no such disclosure was made") {
			t.Errorf("the page says:\n%s", page)
		}
		if last := w.Post.Sent[len(w.Post.Sent)-1]; !strings.Contains(last.Text, "The answer is: nobody.") {
			t.Errorf("the person is told:\n%s", last.Text)
		}
	}
}

func TestASecondListInAYearIsTheFirstAndItsAnswer(t *testing.T) {
	w, _, _ := world(t)
	w.Peers.Given = []*consentv1.Disclosure{given("mailer", 2025, true)}
	first, _ := listed(w, request.DisclosureList, "r1")
	_, second := listed(w, request.DisclosureList, "r2")
	if second.Outcome != request.Duplicate || second.DuplicateOf != first.ID {
		t.Errorf("outcome %d, answered with %q", second.Outcome, second.DuplicateOf)
	}
	if !w.State(first).Package.Live(w.Clock.Now()) {
		t.Error("its answer is gone")
	}
	if last := w.Post.Sent[len(w.Post.Sent)-1]; !strings.Contains(last.Text, first.ID) || strings.Contains(last.Text, "refuse") {
		t.Errorf("the person is told:\n%s", last.Text)
	}
	w.Run(time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC))
	_, next := listed(w, request.DisclosureList, "r3")
	if next.Outcome != request.NothingHeld { // nobody had anything in 2026
		t.Errorf("in the next year: outcome %d, %+v", next.Outcome, request.Explain(next))
	}
}

func TestAnAnswerThatIsGoneIsGivenAgain(t *testing.T) {
	w, _, _ := world(t)
	w.Peers.Given = []*consentv1.Disclosure{given("mailer", 2025, true)}
	first, _ := listed(w, request.DisclosureList, "r1")
	_, err := w.Handlers.Requests.Handle(t.Context(), first, es.Command[request.Command]{
		ID: "revoke", At: w.Clock.Now(), Data: request.RevokePackage{Reason: request.PackageSeparated, At: w.Clock.Now()},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, second := listed(w, request.DisclosureList, "r2")
	if second.Outcome != request.Complete || !second.Package.Live(w.Clock.Now()) {
		t.Errorf("outcome %d, package %+v", second.Outcome, second.Package)
	}
}

func TestAnAccountingIsReadPageByPage(t *testing.T) {
	w, _, _ := world(t)
	for _, to := range []string{"clinic", "court", "county", "cousin", "coroner"} {
		w.Peers.Given = append(w.Peers.Given, given(to, 2023, false))
	}
	agg, s := listed(w, request.Accounting, "r1")
	if s.Outcome != request.Complete || s.Leaves[0].Collected != 5 {
		t.Fatalf("outcome %d, leaves %+v, %+v", s.Outcome, s.Leaves, request.Explain(s))
	}
	if page := archive(t, w, agg)["index.html"]; !strings.Contains(page, "1 coroner Street") {
		t.Errorf("the page says:\n%s", page)
	}
	if _, again := listed(w, request.Accounting, "r2"); again.Outcome != request.Complete {
		t.Errorf("a second one ends as %d", again.Outcome)
	}
}

func TestAListIsMadeTheSameWhereverItIsCutOff(t *testing.T) {
	for _, point := range carry.Points() {
		t.Run(point, func(t *testing.T) {
			w, _, _ := world(t)
			w.Peers.Given = []*consentv1.Disclosure{given("mailer", 2025, true)}
			crashed := false
			w.Crash = func(at string) error {
				if at == point && !crashed {
					crashed = true
					return fake.ErrCrash
				}
				return nil
			}
			_, s := listed(w, request.DisclosureList, "r1")
			if s.Outcome != request.Complete || !s.Package.Live(w.Clock.Now()) {
				t.Errorf("outcome %d, package %+v", s.Outcome, s.Package)
			}
		})
	}
}

func TestARegisterThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	w, _, _ := world(t)
	w.Peers.Given = []*consentv1.Disclosure{given("mailer", 2025, true)}
	w.Peers.Away["ListMarketingDisclosures"] = true
	agg, s := listed(w, request.DisclosureList, "r1")
	if x := request.Explain(s); s.Closed || x.Awaited != "plan.retry" || x.Reason == "" {
		t.Fatalf("closed %t, %+v", s.Closed, x)
	}
	w.Peers.Set(func(p *fake.Peers) { p.Away = map[string]bool{} })
	w.Run(soon(w))
	if s = w.State(agg); s.Outcome != request.Complete {
		t.Errorf("outcome %d", s.Outcome)
	}
}
