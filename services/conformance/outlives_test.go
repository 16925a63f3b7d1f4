package conformance_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// oldYes is a yes to the periodic e-mail that another system has kept for years.
func oldYes() *consentv1.ImportRow {
	return &consentv1.ImportRow{
		Policy: qceraTenant, Version: 1, Evidence: "form:1", DecidedAt: timestamppb.New(time.Now().AddDate(-3, 0, 0)),
		Choice: &consentv1.Choice{Purpose: letter().purpose, Decision: consentv1.Decision_DECISION_GIVEN, Expression: consentv1.Expression_EXPRESSION_EXPLICIT},
	}
}

// imports takes rows in, as the product, and returns why each was refused.
func (w *world) imports(tenant string, rows ...*consentv1.ImportRow) []string {
	w.Helper()
	claims := rpctest.With(rpctest.Claims(time.Now(), "product"), "tenant", tenant)
	token := w.Issuer.Sign(rpctest.With(claims, "exp", time.Now().Add(time.Hour).Unix()))
	stream, err := consentv1.NewImportServiceClient(w.Conn("consent", token)).ImportDecisions(stack.Deadline(w))
	if err != nil {
		w.Fatal(err)
	}
	begin := &consentv1.BeginImport{Source: "newsletter", EvidenceKind: "web_form", Rows: uint64(len(rows)), FileDigest: fmt.Sprintf("%064x", w.numbers())}
	why := make([]string, len(rows))
	for _, step := range []*consentv1.ImportDecisionsRequest{
		{Step: &consentv1.ImportDecisionsRequest_Begin{Begin: begin}},
		{Step: &consentv1.ImportDecisionsRequest_Rows{Rows: &consentv1.ImportRows{First: 1, Rows: rows}}},
	} {
		if err := stream.Send(step); err != nil {
			w.Fatal(err)
		}
		out, err := stream.Recv()
		if err != nil {
			w.Fatal(stack.Answer(err))
		}
		for _, r := range out.GetRefused() {
			why[r.GetRow()-1] = r.GetReason()
		}
	}
	return why
}

// numbers counts the imports of a row's test.
func (w *world) numbers() int {
	w.variants["imports"]++
	return w.variants["imports"]
}

// outlivesErasure: who stopped the mail is erased, and an old list is imported
// again. Neither the list brings them back nor, once they have come back by the same
// address, does their old yes count: the refusal was kept under a keyed hash. Who
// stopped nothing is the twin.
func (w *world) outlivesErasure() {
	w.Helper()
	tenant := w.tenantOf(qceraTenant)
	w.schedule(tenant, qceraTenant)
	w.letters.joins(w, tenant)
	address := map[string]string{"stopped": uuid.NewString() + "@people.example", "twin": uuid.NewString() + "@people.example"}
	come := func(who string) *person {
		return &person{w: w, tenant: tenant, policy: qceraTenant, ref: w.Register(tenant, address[who]), product: w.As(tenant, "product")}
	}
	for _, who := range []string{"stopped", "twin"} {
		p := come(who)
		p.grants(letter().purpose)
		if res := p.prepares(letter()); who == "stopped" {
			if err := w.stops(tenant, res.GetToken()); err != nil {
				w.Fatal(err)
			}
		}
		w.asksEmployer(tenant, fulfilmentv1.Right_RIGHT_ERASURE, address[who])
	}
	byAddress := func(who string) *consentv1.ImportRow {
		row := oldYes()
		row.Identifier = &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: address[who]}
		return row
	}
	if got := w.imports(tenant, byAddress("stopped"), byAddress("twin")); !slices.Equal(got, []string{"SUBJECT_SUPPRESSED", "SUBJECT_SUPPRESSED"}) {
		w.Errorf("imported after the erasure: %v", got)
	}
	back, twin := come("stopped"), come("twin")
	back.denied("back by the same address", letter(), "CONSENT_WITHDRAWN")
	twin.denied("back, and had stopped nothing", letter(), "CONSENT_MISSING")
	rows := []*consentv1.ImportRow{oldYes(), oldYes()}
	rows[0].SubjectRef, rows[1].SubjectRef = back.ref, twin.ref
	if got := w.imports(tenant, rows...); !slices.Equal(got, []string{"REFUSED_BEFORE_ERASURE", ""}) {
		w.Errorf("imported after they came back: %v", got)
	}
	back.denied("after the import", letter(), "CONSENT_WITHDRAWN")
	w.expect("the twin, after the import", twin.prepares(letter()).GetAnswer(), true, "CONSENT_GIVEN")
	kept := func(ref string) (n int) {
		for _, e := range w.Replay(audit.Filter{}) {
			for _, ev := range e.Events {
				if e.Context == "consent" && e.ID == ref && strings.HasPrefix(ev.Type, "person.decision_recorded") && ev.Data["kept"] != nil {
					n++
				}
			}
		}
		return n
	}
	if a, b := kept(back.ref), kept(twin.ref); a != 1 || b != 0 {
		w.Errorf("the log tells of %d refusals that were kept, and of %d of the twin", a, b)
	}
	back.grants(letter().purpose)
	w.expect("a yes of their own", back.prepares(letter()).GetAnswer(), true, "CONSENT_GIVEN")
}
