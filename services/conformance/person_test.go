package conformance_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// person is somebody of a tenant, whose policy they are under, and everything
// that was done in their name.
type person struct {
	w              *world
	tenant, policy string
	ref            string
	product        stack.Clients // the tenant's product, which calls for them
	acts           []string      // as the log must tell them
}

// stranger is somebody new who has decided nothing.
func (w *world) stranger(tenant, policy string) *person {
	w.Helper()
	return w.known(tenant, policy, w.Register(tenant, uuid.NewString()+"@people.example"))
}

// known is somebody with a reference.
func (w *world) known(tenant, policy, ref string) *person {
	w.Helper()
	p := &person{w: w, tenant: tenant, policy: policy, ref: ref, product: w.As(tenant, "product")}
	w.people = append(w.people, p)
	return p
}

// act is one decision that somebody makes.
type act struct {
	purpose, category string
	decision          string // given, refused, withdrawn, offered
	implied           bool
	unproven          bool
	recipients        []string
	ended             bool // it was given a day ago, for an hour
	earlier           bool // the person acted a day ago
	ago               time.Duration
}

func (p *person) request(a act) *consentv1.RecordDecisionRequest {
	r := &consentv1.RecordDecisionRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref, Policy: p.policy, DecidedAt: timestamppb.Now(), Evidence: "form:7",
		Choices: []*consentv1.Choice{{
			Purpose: a.purpose, Category: a.category, Expression: consentv1.Expression_EXPRESSION_EXPLICIT, Recipients: a.recipients,
			Decision: consentv1.Decision(consentv1.Decision_value["DECISION_"+strings.ToUpper(a.decision)]),
		}},
	}
	if a.earlier || a.ended {
		r.DecidedAt = timestamppb.New(time.Now().Add(-24 * time.Hour))
	}
	if a.ended {
		r.Choices[0].ExpiresAt = timestamppb.New(time.Now().Add(-23 * time.Hour))
	}
	if a.ago > 0 {
		r.DecidedAt = timestamppb.New(time.Now().Add(-a.ago))
	}
	if a.implied {
		r.Choices[0].Expression = consentv1.Expression_EXPRESSION_IMPLIED
	}
	if a.implied || a.unproven {
		r.Evidence = ""
	}
	return r
}

// decides makes a decision that must be taken, and returns the features that
// it makes unavailable.
func (p *person) decides(a act) []string {
	p.w.Helper()
	return p.decidesBy(p.product, a)
}

// decidesBy makes a decision through certain clients.
func (p *person) decidesBy(c stack.Clients, a act) []string {
	p.w.Helper()
	res, err := c.Consent.RecordDecision(stack.Deadline(p.w), p.request(a))
	if err != nil {
		p.w.Fatalf("decide %+v: %v", a, err)
	}
	how := "explicit"
	if a.implied {
		how = "implied"
	}
	told := fmt.Sprintf("person.decision_recorded %s %s%s %s %s", p.policy, a.purpose, a.category, a.decision, how)
	if len(a.recipients) > 0 {
		told += fmt.Sprint(" ", a.recipients)
	}
	p.acts = append(p.acts, told)
	return res.GetFeaturesUnavailable()
}

// void makes what was given for a purpose void, as the controller.
func (p *person) void(purpose string) {
	p.w.Helper()
	_, err := p.w.As(p.tenant, "dpo").Consent.InvalidateConsent(stack.Deadline(p.w), &consentv1.InvalidateConsentRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref, Policy: p.policy, Purposes: []string{purpose}, Ground: "notice_misleading",
		InvalidatedAt: timestamppb.Now(),
	})
	if err != nil {
		p.w.Fatalf("make %s void: %v", purpose, err)
	}
	p.acts = append(p.acts, fmt.Sprintf("person.consent_invalidated %s [%s] notice_misleading", p.policy, purpose))
}

// cannot tries a decision that must be refused as a rule, and recorded as such
// if the person was known before.
func (p *person) cannot(a act, reason string) {
	p.w.Helper()
	_, err := p.product.Consent.RecordDecision(stack.Deadline(p.w), p.request(a))
	p.refused(err, "person.decision_refused", reason)
}

func (p *person) refused(err error, event, reason string) {
	p.w.Helper()
	if code, got, _ := stack.Answer(err); code != codes.FailedPrecondition || got != reason {
		p.w.Errorf("got %v %s, want it refused as %s", code, got, reason)
	}
	if len(p.acts) > 0 {
		p.acts = append(p.acts, fmt.Sprintf("%s %s %s", event, p.policy, reason))
	}
}

// grants gives explicit, proven consent to purposes.
func (p *person) grants(purposes ...string) {
	p.w.Helper()
	for _, purpose := range purposes {
		p.decides(act{purpose: purpose, decision: "given"})
	}
}

// accepts accepts a version explicitly or by use, and says what became of it.
func (p *person) accepts(version uint32, implied bool, at time.Time) error {
	r := &consentv1.AcceptPolicyRequest{
		RequestId: uuid.NewString(), SubjectRef: p.ref, Policy: p.policy, Version: version, AcceptedAt: timestamppb.New(at),
		Expression: consentv1.Expression_EXPRESSION_EXPLICIT, Evidence: "form:7",
	}
	how := "explicit"
	if implied {
		r.Expression, r.Evidence, how = consentv1.Expression_EXPRESSION_IMPLIED, "", "implied"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := p.product.Consent.AcceptPolicy(ctx, r)
	if err == nil {
		p.acts = append(p.acts, fmt.Sprintf("person.policy_accepted %s v%d %s", p.policy, version, how))
	}
	return err
}

// settle replays the log and holds what it tells of each person against what
// the test has done in their name: nothing is missing, nothing was added, and
// nothing of what was refused is there but the reason.
func (w *world) settle() {
	w.Helper()
	if len(w.people) == 0 {
		return
	}
	told := map[string][]string{}
	for _, e := range w.Replay(audit.Filter{}) {
		if e.Context != "consent" || e.Aggregate != "person" {
			continue
		}
		for _, ev := range e.Events {
			told[e.Tenant+"/"+e.ID] = append(told[e.Tenant+"/"+e.ID], tell(ev))
		}
	}
	for _, p := range w.people {
		if diff := cmp.Diff(p.acts, told[p.tenant+"/"+p.ref]); diff != "" {
			w.Errorf("what was done in a person's name, and what the log says (-done +log):\n%s", diff)
		}
	}
}

// tell is an event of a person in one line. One that holds more than is known
// here is told with everything.
func tell(e audit.Event) string {
	var words []string
	known := []string{
		"policy", "purpose", "category", "decision", "expression", "version", "reason", "evidence", "purposes", "fact", "cause", "decided_at",
		"accepted_at", "recorded_at", "signal", "honoured", "received_at", "recipients",
		"authorization", "provider", "scopes", "authorized_at", "revoked_at", "expires_at", "circumstances", "ground", "invalidated_at",
	}
	for name := range e.Data {
		if !slices.Contains(known, name) {
			return fmt.Sprintf("%s %v", e.Type, e.Data)
		}
	}
	names := []string{"policy", "purpose", "category", "decision", "expression", "reason", "purposes", "fact", "recipients", "provider", "scopes", "authorization", "ground"}
	if e.Type == "person.policy_accepted" {
		names = []string{"policy", "version", "expression"}
	}
	if e.Type == "person.signal_received" {
		return fmt.Sprintf("%s %v %v %v", e.Type, e.Data["policy"], e.Data["signal"], e.Data["honoured"] == true)
	}
	for _, name := range names {
		switch v := e.Data[name].(type) {
		case string:
			words = append(words, v)
		case uint32:
			words = append(words, fmt.Sprintf("v%d", v))
		case []any:
			words = append(words, fmt.Sprint(v))
		}
	}
	return e.Type + " " + strings.Join(words, " ")
}
