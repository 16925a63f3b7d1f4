package conformance_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/devmail"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
)

// Two employers, and who speaks for them.
const (
	employer, employersVoice   = "acme", "erin"
	otherEmployer, othersVoice = "beta", "ben"
)

func orderedHolder(t testing.TB, s *stack.Stack) *holder {
	t.Helper()
	return newHolder(t, s, "qc-03", "absence-desk", "visitor.email", "visitor.name")
}

// worksFor enters an employer at the processor.
func (w *world) worksFor(tenant, controller, voice string) {
	w.Helper()
	_, err := w.Proven(tenant, "dora", "dpo").Controllers.RegisterController(stack.Deadline(w), &fulfilmentv1.RegisterControllerRequest{
		RequestId: uuid.NewString(), Controller: controller, Title: controller, Contact: mailOf(tenant, controller), Staff: []string{voice},
	})
	if err != nil {
		w.Fatal(stack.Answer(err))
	}
}

func mailOf(tenant, controller string) string { return controller + "@" + tenant + ".example" }

// instructs gives an employer's word on a request; a ground rejects it.
func (w *world) instructs(tenant, voice, request, ground string) string {
	w.Helper()
	r := &fulfilmentv1.InstructRequestRequest{
		RequestId: uuid.NewString(), Request: request, Instruction: fulfilmentv1.Instruction_INSTRUCTION_CARRY_OUT,
	}
	if ground != "" {
		r.Instruction = fulfilmentv1.Instruction_INSTRUCTION_REJECT
		r.Rejection = &fulfilmentv1.Rejection{Ground: ground, Evidence: "file:7", Statement: "We have looked into it."}
	}
	_, err := w.Proven(tenant, voice, "controller").Controllers.InstructRequest(stack.Deadline(w), r)
	_, reason, _ := stack.Answer(err)
	return reason
}

// awaited waits until a request waits for the employer, who has been told.
func (w *world) awaited(tenant, request string) *fulfilmentv1.ExplainRequestResponse {
	w.Helper()
	w.Mail.Wait(w, mailOf(tenant, employer), func(m devmail.Message) bool { return strings.Contains(m.Text, request) })
	x := w.explained(tenant, request)
	if x.GetNextActor() != "controller" || x.GetController() != employer || x.GetAwaited() != "controller.instruction" || x.GetSince() == nil ||
		!x.GetOverdueAt().AsTime().After(time.Now()) || x.GetByItself() != "controller.reminder" || !x.GetNextTryAt().AsTime().After(time.Now()) {
		w.Errorf("the request is explained by %s %s, awaited %s since %v, overdue at %v, by itself %s at %v", x.GetNextActor(), x.GetController(),
			x.GetAwaited(), x.GetSince().AsTime(), x.GetOverdueAt().AsTime(), x.GetByItself(), x.GetNextTryAt().AsTime())
	}
	return x
}

func (w *world) explained(tenant, request string) *fulfilmentv1.ExplainRequestResponse {
	w.Helper()
	x, err := w.As(tenant, "dpo").Requests.ExplainRequest(stack.Deadline(w), &fulfilmentv1.ExplainRequestRequest{Request: request})
	if err != nil {
		w.Fatal(stack.Answer(err))
	}
	return x
}

// asksEmployer is a request that the employer lets be carried out, once it is closed.
func (w *world) asksEmployer(tenant string, right fulfilmentv1.Right, email string) *fulfilmentv1.Request {
	w.Helper()
	w.worksFor(tenant, employer, employersVoice)
	request := w.Ask(tenant, right, qceraTenant, email)
	w.awaited(tenant, request)
	if reason := w.instructs(tenant, employersVoice, request, ""); reason != "" {
		w.Fatalf("the employer's word is refused: %s", reason)
	}
	return w.Closed(tenant, request)
}

// orderedByTheClient shows QC-03: consent beside an instruction; and an access or an
// erasure that waits for the employer, whose silence neither ends it nor carries it
// out, while a no of the person's waits for nobody. The twin differs in the policy
// alone: there nobody is waited for.
func orderedByTheClient(t *testing.T, w *world) {
	instructedAndConsented(w)
	tenant := w.tenantOf(qceraTenant)
	w.schedule(tenant, qceraTenant)
	w.ordered.joins(w, tenant)
	w.worksFor(tenant, employer, employersVoice)
	w.worksFor(tenant, otherEmployer, othersVoice)
	email := uuid.NewString() + "@people.example"
	name := w.ordered.plant(t, email)["visitor.name"]
	p := w.known(tenant, qceraTenant, w.Register(tenant, email))
	p.grants("customer_service.improve")
	erasure := w.ofEmployer(tenant, fulfilmentv1.Right_RIGHT_ERASURE, email)
	access := w.ofEmployer(tenant, fulfilmentv1.Right_RIGHT_ACCESS, email)
	p.decides(act{purpose: "customer_service.improve", decision: "withdrawn"}) // while nobody has said anything
	p.denied("withdrawn", ask{purpose: "customer_service.improve", category: "visitor.name", source: "online"}, "CONSENT_WITHDRAWN")
	for _, request := range []string{erasure, access} {
		w.awaited(tenant, request)
		w.nothingBegun(tenant, request)
		w.onlyTheEmployer(tenant, request)
	}
	if where := w.ordered.db.Find(t, name); len(where) == 0 {
		t.Error("an erasure has begun that nobody has ordered")
	}
	if reason := w.instructs(tenant, employersVoice, access, "identity_failure"); reason != "" {
		t.Errorf("a decline on a ground of the law: %s", reason)
	}
	if r := w.Closed(tenant, access); r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_REJECTED {
		t.Errorf("declined by the employer, it ended as %v", r.GetOutcome())
	}
	told := w.Mail.Wait(t, email, func(m devmail.Message) bool { return strings.Contains(m.Text, "was decided by "+employer) })
	if !strings.Contains(told.Text, "We have looked into it.") || !strings.Contains(told.Text, "the supervisory authority of where somebody lives") {
		t.Errorf("the person is told:\n%s", told.Text)
	}
	if reason := w.instructs(tenant, employersVoice, erasure, ""); reason != "" {
		t.Errorf("the employer's order: %s", reason)
	}
	w.Closed(tenant, erasure)
	p.acts = append(p.acts, erasedFacts()...)
	if where := w.ordered.db.Find(t, name, email); len(where) > 0 {
		t.Errorf("ordered by the employer, and still in %v", where)
	}
	w.silence(tenant)
	w.withoutEmployer()
}

// ofEmployer files and verifies a request about an employer's data.
func (w *world) ofEmployer(tenant string, right fulfilmentv1.Right, email string) string {
	w.Helper()
	before := w.Mail.Count(email)
	res, err := w.As(tenant, "intake").Requests.SubmitRequest(stack.Deadline(w), &fulfilmentv1.SubmitRequestRequest{
		RequestId: uuid.NewString(), Right: right, Policy: qceraTenant, Channel: fulfilmentv1.RequestChannel_REQUEST_CHANNEL_WEB, Controller: employer,
		Identifier: &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: email},
	})
	if err != nil {
		w.Fatal(stack.Answer(err))
	}
	w.Verify(tenant, res.GetRequest(), email, before)
	return res.GetRequest()
}

// onlyTheEmployer: no other employer and not the processor decides, nor the employer
// on a ground that no law has, or without a fresh proof of who speaks.
func (w *world) onlyTheEmployer(tenant, request string) {
	w.Helper()
	for what, tc := range map[string][2]string{
		"another employer lets it be done":   {w.instructs(tenant, othersVoice, request, ""), "CONTROLLER_FOREIGN"},
		"another employer declines it":       {w.instructs(tenant, othersVoice, request, "identity_failure"), "CONTROLLER_FOREIGN"},
		"somebody lets it be done":           {w.instructs(tenant, "carl", request, ""), "CONTROLLER_FOREIGN"},
		"the employer declines as it likes":  {w.instructs(tenant, employersVoice, request, "inconvenient"), "DECLINE_GROUND_NOT_PERMITTED"},
		"the processor declines it":          {w.rejects(tenant, request, "identity_failure"), "CONTROLLER_DECIDES"},
		"the employer, without a step-up":    {w.saidBy(w.Named(tenant, employersVoice, "controller"), request), "STEP_UP_REQUIRED"},
		"the processor speaks as its client": {w.saidBy(w.Proven(tenant, "dora", "dpo"), request), "ROLE_REQUIRED"},
	} {
		if tc[0] != tc[1] {
			w.Errorf("%s: %q, want %s", what, tc[0], tc[1])
		}
	}
}

func (w *world) saidBy(c stack.Clients, request string) string {
	w.Helper()
	_, err := c.Controllers.InstructRequest(stack.Deadline(w), &fulfilmentv1.InstructRequestRequest{
		RequestId: uuid.NewString(), Request: request, Instruction: fulfilmentv1.Instruction_INSTRUCTION_CARRY_OUT,
	})
	_, reason, _ := stack.Answer(err)
	return reason
}

// silence: a request that nobody has said a word about is open, and says by when it
// is late; the person may still withdraw it.
func (w *world) silence(tenant string) {
	w.Helper()
	email := uuid.NewString() + "@people.example"
	w.known(tenant, qceraTenant, w.Register(tenant, email))
	request := w.ofEmployer(tenant, fulfilmentv1.Right_RIGHT_ACCESS, email)
	x := w.awaited(tenant, request)
	if x.GetRequest().GetState() == fulfilmentv1.RequestState_REQUEST_STATE_CLOSED || !x.GetOverdueAt().AsTime().Before(x.GetRequest().GetDueAt().AsTime()) {
		w.Errorf("a silent employer: %v, overdue at %v", x.GetRequest().GetState(), x.GetOverdueAt().AsTime())
	}
	_, err := w.As(tenant, "intake").Requests.WithdrawRequest(stack.Deadline(w), &fulfilmentv1.WithdrawRequestRequest{RequestId: uuid.NewString(), Request: request})
	if err != nil {
		w.Error(stack.Answer(err))
	}
	if r := w.Closed(tenant, request); r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_WITHDRAWN {
		w.Errorf("withdrawn meanwhile, it ended as %v", r.GetOutcome())
	}
}

// withoutEmployer is the twin: under a policy by which an erasure waits for nobody it
// is carried out at once.
func (w *world) withoutEmployer() {
	w.Helper()
	const waits = "{right: erasure, verified: true, approval: true,"
	tenant := w.tenantOf(qceraTenant, change{waits, strings.Replace(waits, " approval: true,", "", 1)})
	w.schedule(tenant, qceraTenant)
	w.ordered.joins(w, tenant)
	email := uuid.NewString() + "@people.example"
	name := w.ordered.plant(w, email)["visitor.name"]
	w.Register(tenant, email)
	request := w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, qceraTenant, email)
	w.Closed(tenant, request)
	if where := w.ordered.db.Find(w, name); len(where) > 0 {
		w.Errorf("where nobody is waited for, it is still in %v", where)
	}
	if slices.Contains(w.told(tenant, request), "request.instruction_asked") {
		w.Error("somebody was asked whom the policy does not wait for")
	}
}
