package conformance_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// personnelHolders are the service's own system and a client's archive.
func personnelHolders(t testing.TB, s *stack.Stack) []*holder {
	t.Helper()
	return []*holder{
		newHolder(t, s, "pt-27", "messaging", "personal.email", "personal.name", "tag.use", "message.content"),
		newHolder(t, s, "pt-27", "client-archive", "personal.email", "message.content"),
	}
}

// heldUnderThisPolicy shows PT-27: what an erasure leaves, because a client has
// paid for its archive, is stored and serves nothing else.
func heldUnderThisPolicy(t *testing.T, w *world) {
	tenant := w.tenantOf(personnelTenant)
	w.schedule(tenant, personnelTenant)
	email := uuid.NewString() + "@people.example"
	app, archive := w.personnel[0], w.personnel[1]
	app.joins(w, tenant)
	archive.joins(w, tenant)
	gone, kept := app.plant(t, email), archive.plant(t, email)["message.content"]
	p := w.known(tenant, personnelTenant, w.Register(tenant, email))
	twin := w.stranger(tenant, personnelTenant) // who has asked for nothing
	uses := slices.DeleteFunc(every(document(t, personnelTenant)), func(a ask) bool {
		return slices.Contains(ofBasis(document(t, personnelTenant), legal), a.purpose)
	})
	p.grants(ofBasis(document(t, personnelTenant), optIn)...)
	twin.grants(ofBasis(document(t, personnelTenant), optIn)...)
	p.serves("before the erasure", uses, true)
	r := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, personnelTenant, email))
	p.acts = append(p.acts, erasedFacts()...)
	if r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE_WITH_RETAINED {
		t.Errorf("the request ended as %v", r.GetOutcome())
	}
	for _, value := range gone {
		if where := app.db.Find(t, value, email); len(where) > 0 {
			t.Errorf("%s is still in %v", value, where)
		}
	}
	if where := archive.db.Find(t, kept); len(where) != 1 {
		t.Errorf("what the archive keeps is in %v", where)
	}
	w.hasGroundAndEnd(r, remainder{archive.name, "message.content", "client_archive", "PT-05"})
	p.serves("after the erasure", uses, false)
	disclosures := slices.Clone(uses)
	for i := range disclosures {
		disclosures[i].action, disclosures[i].recipient = "disclose", "service_provider"
	}
	p.serves("after the erasure, disclosed", disclosures, false)
	twin.serves("of somebody else", uses, true)
	stored := ask{purpose: "legal.retention", category: "message.content", source: "online", action: "preserve"}
	p.allowed("what remains, to be stored", stored, "LEGAL_GROUND")
	for _, action := range []string{"use", "access", "disclose"} {
		stored.action = action
		p.denied("what remains, to "+action, stored, "ACTION_NOT_FOR_PURPOSE")
	}
	w.nothingWithoutEnd(tenant)
	w.withoutArchive(archive)
}

// serves asks about everything that a policy lists.
func (p *person) serves(what string, uses []ask, yes bool) {
	p.w.Helper()
	for i, got := range p.answers(uses) {
		if got.GetAllowed() != yes || !yes && got.GetReason() != "PERSON_ERASED" {
			p.w.Errorf("%s: %s for %s: allowed %v, %s", what, uses[i].category, uses[i].purpose, got.GetAllowed(), got.GetReason())
		}
	}
}

// remainder is what an erasure left of a category in a system, and why.
type remainder struct{ system, category, ground, authority string }

// hasGroundAndEnd: the request says of everything that remains where it is, why,
// and until when, and nothing else remains; all other leaves have gone.
func (w *world) hasGroundAndEnd(r *fulfilmentv1.Request, want ...remainder) {
	w.Helper()
	var remain []remainder
	for _, l := range r.GetLeaves() {
		switch l.GetOutcome() {
		case fulfilmentv1.LeafOutcome_LEAF_OUTCOME_RETAINED:
			remain = append(remain, remainder{l.GetSystem(), l.GetCategory(), l.GetReason(), l.GetAuthority()})
			if !l.GetUntil().AsTime().After(time.Now()) {
				w.Errorf("%s in %s is kept until %v", l.GetCategory(), l.GetSystem(), l.GetUntil().AsTime())
			}
		case fulfilmentv1.LeafOutcome_LEAF_OUTCOME_ERASED, fulfilmentv1.LeafOutcome_LEAF_OUTCOME_MASKED:
		default:
			w.Errorf("%s in %s: %v", l.GetCategory(), l.GetSystem(), l.GetOutcome())
		}
	}
	if !slices.Equal(remain, want) {
		w.Errorf("what remains is %v, want %v", remain, want)
	}
}

// nothingWithoutEnd: neither a policy, nor a schedule, nor a hold keeps
// anything for ever.
func (w *world) nothingWithoutEnd(tenant string) {
	w.Helper()
	dpo := w.As(tenant, "dpo").Retention
	const period = "    period: P7Y # house: the client's contract may say less\n"
	w.cannotPublish(tenant, second(w, personnelTenant, change{period, ""}), "document.retention[0].period")
	w.putsSchedule(tenant, &retentionv1.Rule{Rule: "backups", Category: "message", Ground: "infeasible", Authority: "PT-17", Period: "P7Y"}, codes.FailedPrecondition)
	w.putsSchedule(tenant, &retentionv1.Rule{Rule: "backups", Category: "message", Ground: "client_archive", Authority: "PT-05"}, codes.InvalidArgument)
	w.putsSchedule(tenant, &retentionv1.Rule{Rule: "backups", Category: "message", Ground: "client_archive", Authority: "PT-05", Period: "P7Y"}, codes.OK)
	somebody := w.Register(tenant, uuid.NewString()+"@people.example")
	for _, review := range []*timestamppb.Timestamp{timestamppb.New(time.Now().AddDate(0, 6, 0)), nil} {
		_, err := dpo.PlaceHold(stack.Deadline(w), &retentionv1.PlaceHoldRequest{
			RequestId: uuid.NewString(), SubjectRef: somebody, Ground: "legal_claim", Authority: "case 7", ReviewAt: review,
		})
		if code, _, _ := stack.Answer(err); (code == codes.OK) != (review != nil) || review == nil && code != codes.InvalidArgument {
			w.Errorf("a hold to be reviewed %v: %v", review, err)
		}
	}
}

// putsSchedule puts a schedule of one rule, which is taken or refused; one that
// was refused is none.
func (w *world) putsSchedule(tenant string, rule *retentionv1.Rule, want codes.Code) {
	w.Helper()
	dpo := w.As(tenant, "dpo").Retention
	_, err := dpo.PutSchedule(stack.Deadline(w), &retentionv1.PutScheduleRequest{
		RequestId: uuid.NewString(), Policy: "other-policy", PolicyVersion: 1, Rules: []*retentionv1.Rule{rule},
	})
	if code, reason, _ := stack.Answer(err); code != want || err != nil && reason == "" {
		w.Errorf("a rule with the ground %s and the period %q: %v %s, want %v", rule.GetGround(), rule.GetPeriod(), code, reason, want)
	}
	_, err = dpo.GetSchedule(stack.Deadline(w), &retentionv1.GetScheduleRequest{Policy: "other-policy"})
	if code, _, _ := stack.Answer(err); (code == codes.OK) != (want == codes.OK) {
		w.Errorf("after that, the schedule is found: %v", code)
	}
}

// withoutArchive is the twin whose policy has no such ground: there the message
// goes too.
func (w *world) withoutArchive(archive *holder) {
	w.Helper()
	doc := string(text(w, personnelTenant))
	from, to := strings.Index(doc, "\nretention:\n"), strings.Index(doc, "\nclauses:\n")
	tenant := w.tenantWith([]byte(doc[:from] + doc[to:]))
	w.schedule(tenant, personnelTenant)
	archive.joins(w, tenant)
	email := uuid.NewString() + "@people.example"
	message := archive.plant(w, email)["message.content"]
	w.Register(tenant, email)
	r := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, personnelTenant, email))
	if where := archive.db.Find(w, message, email); len(where) > 0 || r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE {
		w.Errorf("without a ground to keep it, the message is in %v, and the request ended as %v", where, r.GetOutcome())
	}
}

// erasedFacts are what consent is told of somebody by an erasure, as the log
// must tell it.
func erasedFacts() []string {
	return []string{"person.fact_applied restricted", "person.fact_applied erased"}
}
