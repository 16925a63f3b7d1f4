package follow

import (
	"context"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/retention/account"
	own "habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/person"
	"habeas.internal/services/retention/schedule"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

const (
	jane = "janejanejanejanejanejanejm"
	john = "johnjohnjohnjohnjohnjohnji"
)

// answers is consent: purposes that stand, and what it was told.
type answers struct {
	stand  []string
	closed []string
}

func (a *answers) Check(_ context.Context, r *consentv1.CheckRequest, _ ...grpc.CallOption) (*consentv1.CheckResponse, error) {
	yes := slices.Contains(a.stand, r.GetQuestion().GetPurpose())
	return &consentv1.CheckResponse{Answer: &consentv1.Answer{Allowed: yes, Reason: map[bool]string{false: "CONSENT_WITHDRAWN", true: "CONSENT_GIVEN"}[yes]}}, nil
}

func (a *answers) ApplyFact(_ context.Context, r *consentv1.ApplyFactRequest, _ ...grpc.CallOption) (*consentv1.ApplyFactResponse, error) {
	a.closed = append(a.closed, r.GetSubjectRef())
	return &consentv1.ApplyFactResponse{}, nil
}

// place is retention as far as clocks go.
type place struct {
	*testing.T
	Own
	consent *answers
}

func newPlace(t *testing.T) *place {
	t.Helper()
	signer, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	store, tracer := es.NewMemoryStore(signer), noop.NewTracerProvider().Tracer("")
	p := &place{T: t, consent: &answers{}}
	if p.Schedules, err = own.NewSchedules(own.Schedules{Store: store, Verifier: trusting{}, Digester: es.KeyedDigester("key"), Tracer: tracer, Random: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	if p.Persons, err = own.NewPersons(own.Persons{Store: store, Verifier: trusting{}, Digester: es.KeyedDigester("key"), Tracer: tracer, Random: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	if p.Accounts, err = own.NewAccounts(own.Accounts{Store: store, Verifier: trusting{}, Digester: es.KeyedDigester("key"), Tracer: tracer, Random: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	p.Answers, p.Now = p.consent, noon
	p.Limits = own.Limits{Schedules: p.Schedules, Zone: func(context.Context, string) (*time.Location, error) { return time.UTC, nil }}
	p.People = func(context.Context, string) ([]es.Aggregate, error) {
		return []es.Aggregate{own.PersonOf("acme", jane)}, nil
	}
	return p
}

// limits posts a version whose limits these are, and reacts to it.
func (p *place) limits(version uint32, list ...schedule.Limit) {
	p.Helper()
	put := schedule.Put{Policy: "main", PolicyVersion: version, Limits: list, At: noon()}
	res, err := own.Put(p.Context(), p.Schedules, "acme", put, es.Command[schedule.Command]{ID: "put" + string(rune('0'+version)), At: noon()})
	if err != nil {
		p.Fatal(err)
	}
	for _, ev := range res.Events {
		if e, ok := ev.(schedule.Replaced); ok {
			if err := p.replaced(p.Context(), recordedOf(own.ScheduleOf("acme", "main")), e); err != nil {
				p.Fatal(err)
			}
		}
	}
}

func recordedOf(agg es.Aggregate) es.Recorded {
	return es.Recorded{Commit: es.Commit{ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Aggregate: agg}}
}

// clocks are the clocks of somebody, as "category starts_on".
func (p *place) clocks(ref string) []string {
	p.Helper()
	s, _, err := p.Persons.Load(p.Context(), own.PersonOf("acme", ref), es.Leader)
	if err != nil {
		p.Fatal(err)
	}
	var out []string
	for _, k := range s.Clocks {
		out = append(out, k.Category+" "+k.StartsOn)
	}
	return out
}

func (p *place) want(what, ref string, want ...string) {
	p.Helper()
	if diff := cmp.Diff(want, p.clocks(ref)); diff != "" {
		p.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func monthly(category, on string, purposes ...string) schedule.Limit {
	return schedule.Limit{Category: category, StartsOn: on, Period: schedule.Period{Months: 1}, Clause: "C-1", Purposes: purposes}
}

func (p *place) consents(m proto.Message) {
	p.Helper()
	for _, c := range changesOf(m) {
		r := recordedOf(es.Aggregate{Context: "consent", Tenant: "acme", Type: "person", ID: jane})
		r.ID = c.since.String() + c.policy
		if err := p.consented(p.Context(), r, 0, c); err != nil {
			p.Fatal(err)
		}
	}
}

func TestTheLastConsentThatIsGoneStartsTheClockOfItsCategory(t *testing.T) {
	p := newPlace(t)
	p.limits(1, monthly("calendar", person.OnConsentWithdrawn, "plan", "remind"), monthly("contacts", person.OnConsentWithdrawn, "find"))
	decided := func(d consentv1.Decision, purpose string, hour int) *consentv1.DecisionRecorded {
		return &consentv1.DecisionRecorded{Policy: "main", Purpose: purpose, Decision: d, DecidedAt: eventpb.Stamp(noon().Add(time.Duration(hour) * time.Hour))}
	}
	p.consent.stand = []string{"remind", "find"}
	p.consents(decided(consentv1.Decision_DECISION_WITHDRAWN, "plan", 1))
	p.want("while another purpose of the category stands", jane)
	p.consent.stand = []string{"find"}
	p.consents(decided(consentv1.Decision_DECISION_WITHDRAWN, "remind", 2))
	p.want("when the last is gone", jane, "calendar consent_withdrawn")
	p.consent.stand = []string{"plan", "find"}
	p.consents(decided(consentv1.Decision_DECISION_GIVEN, "plan", 3))
	p.want("when one is given again", jane)
	p.consent.stand = []string{"find"}
	p.consents(&consentv1.ConsentExpired{Policy: "main", Purpose: "plan", ExpiredAt: eventpb.Stamp(noon())})
	p.want("when it has expired", jane, "calendar consent_withdrawn")
	p.consent.stand = nil
	p.consents(&consentv1.AllWithdrawn{Purposes: []string{"main/find"}, DecidedAt: eventpb.Stamp(noon().Add(5 * time.Hour))})
	p.want("when everything is withdrawn", jane, "calendar consent_withdrawn", "contacts consent_withdrawn")
}

func TestAnAccountThatIsClosedIsClosedForAllOfItsPeople(t *testing.T) {
	p := newPlace(t)
	p.limits(1, monthly("name", person.OnAccountClosed, "serve"), monthly("log", "collected", "serve"))
	do := func(name string, cmd account.Command) {
		t.Helper()
		agg := own.AccountOf("acme", name)
		res, err := p.Accounts.Handle(t.Context(), agg, es.Command[account.Command]{ID: name + time.Now().String(), At: noon(), Data: cmd})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // commits may come again
			for r, err := range p.Accounts.Store.Load(t.Context(), agg, res.Position.Seq-1, es.Leader) {
				if err != nil {
					t.Fatal(err)
				}
				if err := p.React(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	do("a", account.Add{Account: "a", People: []string{jane, john}, At: noon()})
	do("b", account.Add{Account: "b", People: []string{john}, At: noon()})
	do("a", account.Close{Account: "a", ClosedAt: noon(), At: noon()})
	p.want("whose only account is closed", jane, "name account_closed")
	p.want("who has another one", john)
	if len(p.consent.closed) == 0 || slices.Contains(p.consent.closed, john) {
		t.Errorf("consent was told of %v", p.consent.closed)
	}
	do("b", account.Close{Account: "b", ClosedAt: noon(), At: noon()})
	p.want("whose last account is closed", john, "name account_closed")
}

func TestACategoryWithoutAPurposeIsOver(t *testing.T) {
	p := newPlace(t)
	p.limits(1, monthly("hobby", "collected", "trends"), monthly("name", "collected", "serve"))
	_, err := p.Persons.Handle(t.Context(), own.PersonOf("acme", jane), es.Command[person.Command]{ID: "held", At: noon(), Data: person.StartClocks{Clocks: []person.Clock{{
		Name: person.Name{Policy: "main", Category: "hobby", System: "crm", StartsOn: "collected"}, StartedAt: noon(), DueAt: noon().AddDate(9, 0, 0),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	p.want("while a purpose needs it", jane, "hobby collected")
	p.limits(2, monthly("name", "collected", "serve")) // the category is left out
	p.want("when none does", jane, "hobby collected", "hobby purpose_ended")
}

func TestWhatAnErasureHasLeftCountsToItsOwnEnd(t *testing.T) {
	p := newPlace(t)
	process, err := p.Remainders()
	if err != nil {
		t.Fatal(err)
	}
	state := func(forgotten bool) {
		t.Helper()
		data, err := proto.Marshal(&fulfilmentv1.RemainderStated{SubjectRef: jane, Policy: "main", Forgotten: forgotten, Parts: []*fulfilmentv1.RemainderPart{{
			System: "billing", Category: "invoice", Ground: "legal_obligation.tax", Authority: "26 CFR 1.6001-1", Until: eventpb.Stamp(noon().AddDate(7, 0, 0)),
		}}})
		if err != nil {
			t.Fatal(err)
		}
		r := recordedOf(es.Aggregate{Context: "fulfilment", Tenant: "acme", Type: "request", ID: map[bool]string{true: jane, false: john}[forgotten]})
		r.Time = noon()
		r.Events = []es.Event{{Type: "request.remainder_stated", Schema: 1, Data: data}}
		if err := process.React(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	state(false)
	p.want("of somebody who stays", jane, "invoice kept")
	state(true)
	p.want("of somebody whom identity has forgotten", jane)
}
