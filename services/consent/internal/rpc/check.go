package rpc

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/check"
	"habeas.internal/services/consent/disclosure"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/consent/recipient"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
)

// Check answers one question.
func (s *ConsentServer) Check(ctx context.Context, r *consentv1.CheckRequest) (*consentv1.CheckResponse, error) {
	round, err := s.log.round(ctx, r)
	if err != nil {
		return nil, err
	}
	a, err := round.ask(ctx, "question", r.GetQuestion())
	if err != nil {
		return nil, err
	}
	return &consentv1.CheckResponse{Answer: a, ConsistencyToken: round.seen.Encode()}, nil
}

// BatchCheck answers several questions about one moment.
func (s *ConsentServer) BatchCheck(ctx context.Context, r *consentv1.BatchCheckRequest) (*consentv1.BatchCheckResponse, error) {
	round, err := s.log.round(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &consentv1.BatchCheckResponse{Answers: make([]*consentv1.Answer, len(r.GetQuestions()))}
	for i, q := range r.GetQuestions() {
		if out.Answers[i], err = round.ask(ctx, "questions["+strconv.Itoa(i)+"]", q); err != nil {
			return nil, err
		}
	}
	if err := kit.SetConsistencyToken(ctx, round.seen.Encode()); err != nil {
		return nil, err
	}
	return out, nil
}

// round answers the questions of one call. Each policy and each person is read
// once, so that all answers are about the same state.
type round struct {
	log      *log
	now      time.Time
	want     es.Token
	seen     es.Token
	policies map[string]rules
	standing map[string]check.Policy  // as they are now
	persons  map[string][]act         // for questions about the past
	states   map[string]person.Person // for those about now
	started  time.Time
	relaxed  bool          // what is a second old will do
	age      time.Duration // of the oldest that was read
	exact    bool          // persons are read from the log, act by act
	sending  bool          // what is sent will say how to stop it
}

// asking is a request of either method.
type asking interface {
	GetConsistencyToken() string
	GetConsistency() consentv1.Consistency
}

// round starts one; the token of the request and that of the call both count.
func (l *log) round(ctx context.Context, r asking) (*round, error) {
	asked, err := es.ParseToken(r.GetConsistencyToken())
	if err != nil {
		return nil, err
	}
	want, err := es.ParseToken(kit.ConsistencyToken(ctx))
	if err != nil {
		return nil, err
	}
	want = asked.Merge(want)
	return &round{
		log: l, now: l.Now(), want: want, seen: es.Token{},
		policies: map[string]rules{}, persons: map[string][]act{}, states: map[string]person.Person{},
		started: time.Now(), relaxed: relaxed(r.GetConsistency()),
	}, nil
}

func (r *round) ask(ctx context.Context, field string, q *consentv1.Question) (*consentv1.Answer, error) {
	v, err := r.judge(ctx, field, q, nil)
	if err != nil {
		return nil, err
	}
	return v.show(), nil
}

// show is the answer as callers see it.
func (v judged) show() *consentv1.Answer {
	a := v.answer
	return &consentv1.Answer{
		Allowed: a.Allowed, Reason: string(a.Reason), Basis: a.Basis, Clause: a.Clause, Version: a.Version, Authorization: a.Authorisation,
		AsOf: eventpb.Stamp(v.at), ValidUntil: eventpb.Stamp(v.until), Joined: len(v.whole.others) > 0,
	}
}

// judged is an answer and what it was made of.
type judged struct {
	answer check.Answer
	at     time.Time
	until  time.Time // the answer may change by itself; zero: no moment is known
	whole  whole
	to     recipient.Recipient
	sides  map[string]string // of a disclosure: what may not come together
	others []disclosure.Set  // what the recipient holds under other references

	rules  rules
	policy check.Policy
	who    check.Person
	asked  check.Question
}

// judge answers a question; a use on a ground is judged by its record.
func (r *round) judge(ctx context.Context, field string, q *consentv1.Question, ground *check.GroundUse) (judged, error) {
	at := r.now
	if q.GetAt() != nil {
		at = q.GetAt().AsTime()
	}
	if q.GetSubjectRef() == "" {
		return judged{}, fault.FieldErrors{{Field: field + ".subject_ref", Rule: "REQUIRED", Text: "says who it is about"}}
	}
	if at.After(r.now) {
		return judged{}, inFuture(field + ".at")
	}
	rules, err := r.policy(ctx, q.GetPolicy())
	if err != nil {
		return judged{}, err
	}
	v := judged{at: at, rules: rules, policy: r.asOf(rules, q.GetPolicy(), at), asked: question(q, at)}
	if v.whole, err = r.whole(ctx, q.GetSubjectRef(), r.exact || q.GetAt() != nil, at); err != nil {
		return judged{}, err
	}
	v.asked.Ground, v.asked.Stoppable = ground, r.sending
	if v.to, err = r.recipient(ctx, q, at); err != nil {
		return judged{}, err
	}
	v.asked.To = known(v.to)
	if r.tooOld(v.policy, v.asked) {
		return judged{}, errStale
	}
	v.who = under(q.GetPolicy(), v.whole.state)
	v.who.Notified = v.whole.state.Notified[q.GetRecipient()]
	v.answer, v.until = check.Ask(v.policy, v.who, v.asked), check.Until(v.policy, v.who, v.asked)
	if !v.answer.Allowed || v.asked.Action != check.Disclose {
		return v, nil
	}
	return v, r.apart(ctx, &v, q)
}

// asOf is a policy as it was known at a moment; as of now it is made once.
func (r *round) asOf(known rules, id string, at time.Time) check.Policy {
	if !at.Equal(r.now) {
		return known.at(id, at)
	}
	p, ok := r.standing[id]
	if !ok {
		p = known.at(id, at)
		if r.standing == nil {
			r.standing = map[string]check.Policy{}
		}
		r.standing[id] = p
	}
	return p
}

func (r *round) policy(ctx context.Context, id string) (rules, error) {
	if p, ok := r.policies[id]; ok {
		return p, nil
	}
	agg := policyAggregate(ctx, id)
	if err := r.log.sameHistory(agg, r.want); err != nil {
		return rules{}, err
	}
	p, ok, err := r.kept(ctx, agg)
	if err == nil && !ok {
		var token es.Token
		p, token, err = r.log.rules(ctx, agg)
		r.seen = r.seen.Merge(token)
	}
	if err != nil {
		return rules{}, err
	}
	r.policies[id] = p
	return p, nil
}

func (r *round) person(ctx context.Context, subject string) ([]act, error) {
	if acts, ok := r.persons[subject]; ok {
		return acts, nil
	}
	agg := personAggregate(ctx, subject)
	if err := r.log.sameHistory(agg, r.want); err != nil {
		return nil, err
	}
	acts, token, err := r.log.history(ctx, agg)
	if err != nil {
		return nil, err
	}
	r.persons[subject], r.seen = acts, r.seen.Merge(token)
	return acts, nil
}

// maxReferences is how many references of one person an answer looks at.
const maxReferences = 16

// whole is what counts for a person at a moment, by all references that are
// theirs then.
func (r *round) whole(ctx context.Context, subject string, past bool, at time.Time) (whole, error) {
	return joined(subject, func(ref string) (person.Person, error) { return r.stateOf(ctx, ref, past, at) })
}

// joined is a person by all references that are theirs, by the state of each.
func joined(subject string, state func(ref string) (person.Person, error)) (whole, error) {
	own, err := state(subject)
	if err != nil {
		return whole{}, err
	}
	seen, open := map[string]bool{subject: true}, own.References()
	var partners []person.Person
	for len(open) > 0 {
		ref := open[0]
		open = open[1:]
		if seen[ref] {
			continue
		}
		if seen[ref] = true; len(seen) > maxReferences {
			return whole{}, errReferences
		}
		partner, err := state(ref)
		if err != nil {
			return whole{}, err
		}
		partners, open = append(partners, partner), append(open, partner.References()...)
	}
	delete(seen, subject)
	return whole{state: person.Joined(own, partners...), others: slices.Sorted(maps.Keys(seen))}, nil
}

// whole is a person by all references that are theirs.
type whole struct {
	state  person.Person
	others []string // references beside the one that was asked about
}

// stateOf is what was recorded of one reference, as it stands or stood.
func (r *round) stateOf(ctx context.Context, ref string, past bool, at time.Time) (person.Person, error) {
	if !past {
		return r.state(ctx, ref)
	}
	acts, err := r.person(ctx, ref)
	return stateAt(acts, at), err
}

// errReferences: more than identity lets a person have. The answer is no.
var errReferences = errors.New("a person has too many references")

// under is what a person's state says under one policy.
func under(policy string, s person.Person) check.Person {
	out := check.Person{
		Since: s.Since, Purposes: map[string]check.Decision{}, Declined: map[string]bool{}, Accounts: map[check.Account]string{},
		Accepted: s.Accepted[policy].Version, Signalled: s.Signalled[policy],
		Restricted: len(s.Restricting) > 0, Closed: s.Closed, Erased: s.Erased, Minor: s.Minor[policy],
	}
	for topic, p := range s.Purposes {
		if topic.Policy != policy {
			continue
		}
		out.Purposes[topic.Name] = check.Decision{
			Status: status(p.Decision.Status), Explicit: p.Decision.Explicit, Evidence: p.Decision.Evidence != "",
			Offered: p.Offered, Version: p.Decision.Version, Recipients: p.Decision.Recipients, Until: p.Decision.ExpiresAt,
		}
	}
	for a := range s.Sources {
		if id := s.Authorised(a); a.Policy == policy && id != "" {
			out.Accounts[check.Account{Provider: a.Provider, Scope: a.Scope}] = id
		}
	}
	for topic, d := range s.Categories {
		if topic.Policy == policy {
			out.Declined[topic.Name] = d.Status != person.Given
		}
	}
	return out
}

func status(s person.Status) check.Status {
	switch s {
	case person.Given, person.Renewed:
		return check.Given
	case person.Expired:
		return check.Expired
	case person.Invalidated:
		return check.Invalidated
	case person.Refused:
		return check.Refused
	case person.Withdrawn:
		return check.Withdrawn
	case person.Offered:
	}
	return ""
}

func question(q *consentv1.Question, at time.Time) check.Question {
	return check.Question{
		Action: wire.Action(q.GetAction()), Purpose: q.GetPurpose(), Categories: q.GetCategories(), Source: source(q.GetSource()),
		Account:     check.Account{Provider: q.GetProvider(), Scope: q.GetScope()},
		CollectedAt: eventpb.Moment(q.GetCollectedAt()), Recipient: q.GetRecipient(), Region: q.GetRegion(),
		Origin: q.GetOrigin(), Channel: q.GetChannel(), Message: q.GetMessage(), Cohort: q.GetCohort(), Complement: q.GetComplement(), Age: q.GetDeclaredAge(), At: at,
	}
}

func source(s consentv1.Source) check.Source {
	switch s {
	case consentv1.Source_SOURCE_ONLINE:
		return "online"
	case consentv1.Source_SOURCE_OFFLINE:
		return "offline"
	case consentv1.Source_SOURCE_COOKIE:
		return "cookie"
	case consentv1.Source_SOURCE_AFFILIATE:
		return "affiliate"
	case consentv1.Source_SOURCE_THIRD_PARTY:
		return check.ThirdParty
	case consentv1.Source_SOURCE_OBSERVED:
		return "observed"
	case consentv1.Source_SOURCE_REGISTRATION:
		return check.Registered
	case consentv1.Source_SOURCE_UNSPECIFIED:
	}
	return ""
}
