package rpc

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/disclosure"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es/eventpb"
)

// GetConsentState returns what a person's decisions were at a moment: as they
// were known then, and as they were by what has been recorded since.
func (s *ConsentServer) GetConsentState(ctx context.Context, r *consentv1.GetConsentStateRequest) (*consentv1.GetConsentStateResponse, error) {
	if err := own(ctx, r.GetSubjectRef()); err != nil {
		return nil, err
	}
	round, err := s.log.round(ctx, &consentv1.CheckRequest{})
	if err != nil {
		return nil, err
	}
	at := round.now
	if r.GetAt() != nil {
		at = r.GetAt().AsTime()
	}
	if at.After(round.now) {
		return nil, inFuture("at")
	}
	known, err := round.then(ctx, r.GetSubjectRef(), at, stateAt)
	if err != nil {
		return nil, err
	}
	was, err := round.then(ctx, r.GetSubjectRef(), at, stateBy)
	if err != nil {
		return nil, err
	}
	out := &consentv1.GetConsentStateResponse{At: eventpb.Stamp(at)}
	then := moment{at: at, known: known.state, was: was.state, how: round.circumstances()}
	for _, id := range policiesOf(r.GetPolicy(), known.state, was.state) {
		rules, err := round.policy(ctx, id)
		if err == nil {
			_, err = version(rules, 0)
		}
		if err != nil {
			return nil, err
		}
		out.Policies = append(out.Policies, then.policy(id, rules))
	}
	for _, ref := range append([]string{r.GetSubjectRef()}, was.others...) {
		late, err := round.late(ctx, ref, r.GetPolicy(), at)
		if err != nil {
			return nil, err
		}
		out.Late = append(out.Late, late...)
	}
	return out, round.describeGaps(ctx, out.GetLate())
}

// then is a person by all references that were theirs at a moment, by what a
// fold takes for it.
func (r *round) then(ctx context.Context, subject string, at time.Time, fold func([]act, time.Time) person.Person) (whole, error) {
	return joined(subject, func(ref string) (person.Person, error) {
		acts, err := r.person(ctx, ref)
		return fold(acts, at), err
	})
}

// stateBy folds what had happened by a moment, whenever it was recorded.
func stateBy(acts []act, at time.Time) person.Person {
	var s person.Person
	for _, a := range acts {
		for _, ev := range a.events {
			if !happened(ev, a.at).After(at) {
				s = person.Evolve(s, ev)
			}
		}
	}
	return s
}

// happened is the moment of what an event tells; of what nobody else has dated,
// that of its recording.
func happened(ev person.Event, recorded time.Time) time.Time {
	switch e := ev.(type) { //nolint:gochecksumtype // the others are not dated
	case person.DecisionRecorded:
		return e.Decision.DecidedAt
	case person.ConsentExpired:
		return e.ExpiredAt
	case person.ConsentInvalidated:
		return e.InvalidatedAt
	case person.AllWithdrawn:
		return e.DecidedAt
	}
	return recorded
}

// policiesOf are the policies to tell of: the one that was asked about, or all
// under which something was decided.
func policiesOf(asked string, states ...person.Person) []string {
	if asked != "" {
		return []string{asked}
	}
	ids := map[string]bool{}
	for _, s := range states {
		for t := range s.Purposes {
			ids[t.Policy] = true
		}
		for t := range s.Categories {
			ids[t.Policy] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// moment is a moment, and what was decided by then.
type moment struct {
	at         time.Time
	known, was person.Person
	how        map[how]person.Circumstances
}

// how tells acts apart.
type how struct {
	topic             person.Topic
	category          bool
	decided, recorded int64
}

func howOf(t person.Topic, category bool, d person.Decision) how {
	return how{t, category, d.DecidedAt.UnixNano(), d.RecordedAt.UnixNano()}
}

// circumstances are those of all acts that were read.
func (r *round) circumstances() map[how]person.Circumstances {
	out := map[how]person.Circumstances{}
	for _, acts := range r.persons {
		for _, a := range acts {
			for _, ev := range a.events {
				switch e := ev.(type) { //nolint:gochecksumtype // the others decide nothing
				case person.DecisionRecorded:
					t := person.Topic{Policy: e.Policy, Name: cmp.Or(e.Purpose, e.Category)}
					out[howOf(t, e.Category != "", e.Decision)] = e.Circumstances
				case person.AllWithdrawn:
					for _, t := range e.Purposes {
						out[howOf(t, false, person.Decision{DecidedAt: e.DecidedAt, RecordedAt: e.RecordedAt})] = e.Circumstances
					}
				}
			}
		}
	}
	return out
}

// policy is the state under one policy: of every purpose that the version in
// force describes, and of what else was decided.
func (m moment) policy(id string, rules rules) *consentv1.PolicyState {
	out := &consentv1.PolicyState{Policy: id}
	topics := map[person.Topic]bool{}
	if v, compiled, ok := rules.inForce(m.at); ok {
		out.Version, out.Hash, out.TextHash, out.PostedAt = v.Number, v.Hash, v.TextHash, eventpb.Stamp(v.PostedAt)
		for name := range compiled.Version.Purposes {
			topics[person.Topic{Policy: id, Name: name}] = true
		}
	}
	categories := map[person.Topic]bool{}
	for _, s := range []person.Person{m.known, m.was} {
		for t := range s.Purposes {
			topics[t] = topics[t] || t.Policy == id
		}
		for t := range s.Categories {
			categories[t] = t.Policy == id
		}
	}
	byName := func(a, b person.Topic) int { return cmp.Compare(a.Name, b.Name) }
	for _, t := range slices.SortedFunc(maps.Keys(topics), byName) {
		if topics[t] {
			known, was := m.known.Purposes[t], m.was.Purposes[t]
			out.States = append(out.States, &consentv1.PurposeState{
				Purpose: t.Name, Known: m.then(t, false, known), Was: m.then(t, false, was),
			})
		}
	}
	for _, t := range slices.SortedFunc(maps.Keys(categories), byName) {
		if categories[t] {
			out.States = append(out.States, &consentv1.PurposeState{
				Category: t.Name, Known: m.then(t, true, person.Purpose{Decision: m.known.Categories[t]}),
				Was: m.then(t, true, person.Purpose{Decision: m.was.Categories[t]}),
			})
		}
	}
	return out
}

// then is what a decision said at the moment.
func (m moment) then(t person.Topic, category bool, p person.Purpose) *consentv1.StatusThen {
	d, status := p.Decision, p.At(m.at)
	if d.Status == 0 {
		return &consentv1.StatusThen{Status: wire.DPV(status), Decision: wire.Decision(status)}
	}
	return &consentv1.StatusThen{
		Status: wire.DPV(status), Decision: wire.Decision(status), Expression: wire.Expression(d.Explicit), Version: d.Version,
		DecidedAt: eventpb.Stamp(d.DecidedAt), RecordedAt: eventpb.Stamp(d.RecordedAt), ExpiresAt: eventpb.Stamp(d.ExpiresAt),
		Circumstances: wire.CircumstancesOf(m.how[howOf(t, category, d)]), Recipients: d.Recipients,
	}
}

// gap is how much later than it was decided a no is recorded late, though
// nothing was disclosed meanwhile.
const gap = time.Minute

// late are the withdrawals and refusals of one reference, decided by a moment,
// before whose recording data was given away, or could have been.
func (r *round) late(ctx context.Context, ref, policy string, at time.Time) ([]*consentv1.LateWithdrawal, error) {
	acts, err := r.person(ctx, ref)
	if err != nil {
		return nil, err
	}
	var out []*consentv1.LateWithdrawal
	var register []disclosure.Disclosed
	for _, a := range acts {
		for _, ev := range a.events {
			for _, no := range noes(ev) {
				if no.DecidedAt.After(at) || !no.DecidedAt.Before(no.RecordedAt) || policy != "" && no.Policy != policy {
					continue
				}
				if register == nil {
					if register, _, err = r.log.register(ctx, registerAggregate(ctx, ref)); err != nil {
						return nil, err
					}
				}
				w := no.late(ref, register)
				if len(w.GetRecipients()) > 0 || no.RecordedAt.Sub(no.DecidedAt) >= gap {
					out = append(out, w)
				}
			}
		}
	}
	return out, nil
}

// refusal is a no on one purpose.
type refusal struct {
	person.Topic
	person.Status
	DecidedAt, RecordedAt time.Time
}

// noes are what an event refuses or withdraws.
func noes(ev person.Event) []refusal {
	var out []refusal
	switch e := ev.(type) { //nolint:gochecksumtype // the others refuse nothing
	case person.DecisionRecorded:
		if d := e.Decision; e.Purpose != "" && (d.Status == person.Withdrawn || d.Status == person.Refused) {
			out = append(out, refusal{person.Topic{Policy: e.Policy, Name: e.Purpose}, d.Status, d.DecidedAt, d.RecordedAt})
		}
	case person.AllWithdrawn:
		for _, t := range e.Purposes {
			out = append(out, refusal{t, person.Withdrawn, e.DecidedAt, e.RecordedAt})
		}
	case person.ConsentInvalidated:
		for _, name := range e.Purposes {
			out = append(out, refusal{person.Topic{Policy: e.Policy, Name: name}, person.Invalidated, e.InvalidatedAt, e.RecordedAt})
		}
	}
	return out
}

// late is what was disclosed for the purpose between the act and its recording.
func (no refusal) late(ref string, register []disclosure.Disclosed) *consentv1.LateWithdrawal {
	out := &consentv1.LateWithdrawal{
		SubjectRef: ref, Policy: no.Policy, Purpose: no.Name, Status: wire.DPV(no.Status),
		DecidedAt: eventpb.Stamp(no.DecidedAt), RecordedAt: eventpb.Stamp(no.RecordedAt),
	}
	got := map[string]*consentv1.LateRecipient{}
	for _, d := range register {
		if d.Recipient == "" || d.Policy != no.Policy || d.Purpose != no.Name || d.At.Before(no.DecidedAt) || !d.At.Before(no.RecordedAt) {
			continue
		}
		if got[d.Recipient] == nil {
			got[d.Recipient] = &consentv1.LateRecipient{Recipient: d.Recipient}
		}
		got[d.Recipient].Disclosures = append(got[d.Recipient].Disclosures, &consentv1.LateDisclosure{
			Number: d.Number, At: eventpb.Stamp(d.At), Categories: d.Categories,
		})
	}
	for _, id := range slices.Sorted(maps.Keys(got)) {
		out.Recipients = append(out.Recipients, got[id])
	}
	return out
}

// describeGaps adds how to reach each recipient.
func (r *round) describeGaps(ctx context.Context, late []*consentv1.LateWithdrawal) error {
	for _, w := range late {
		for _, to := range w.GetRecipients() {
			who, err := r.recipient(ctx, &consentv1.Question{Recipient: to.GetRecipient()}, r.now)
			if err != nil {
				return err
			}
			to.Title, to.Contact = who.Profile.Title, who.Profile.Contact
		}
	}
	return nil
}
