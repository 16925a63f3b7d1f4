package rpc

import (
	"context"
	"errors"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/check"
	"habeas.internal/services/consent/internal/mirror"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
)

// Mirror is a replica's own copy of persons, and what it knows of policies.
type Mirror interface {
	// Fresh is how far the copy of an aggregate's stream got, and the moment
	// before which everything that was acknowledged is in it.
	Fresh(agg es.Aggregate) (es.Position, time.Time, error)
	// Reach waits until the copy has got to a position.
	Reach(ctx context.Context, agg es.Aggregate, want es.Position) error
	// Person is a state not older than a Fresh before; mirror.ErrAbsent sends
	// to the log.
	Person(ctx context.Context, agg es.Aggregate) (person.Person, error)
	// Unchanged reports whether a policy or a recipient stands as it was read up
	// to a sequence.
	Unchanged(agg es.Aggregate, seq uint64) bool
	// Follow begins to tell what changes of a tenant's.
	Follow(tenant string, from es.Token) (*mirror.Follower, error)
}

// bound is how old an answer may be while proofs of freshness arrive. While
// none do, the policy says.
const bound = time.Second

// errStale: the copy is too old, and the log can't be asked.
var errStale = errors.New("freshness can't be proven")

// patience is how long a call waits for what is sure to come, unless something
// is wrong: for the copy to get to where the log is, for a proof while proofs
// arrive. Then it goes on without.
const patience = 100 * time.Millisecond

// reached brings the copy of an aggregate's stream to where the call wants it.
// Not ok: the log has to be asked, which knows what is newest.
func (r *round) reached(ctx context.Context, agg es.Aggregate) (ok bool, err error) {
	if r.log.Mirror == nil {
		return false, nil
	}
	at, err := r.log.Locator.Locate(agg)
	if err != nil {
		return false, err
	}
	if want, ok := r.want[at.Stream]; ok {
		if ok, err := r.near(ctx, agg, want); !ok {
			return false, err
		}
	}
	if r.relaxed {
		ok, err = r.young(ctx, agg, at.Stream)
	} else {
		ok, err = r.current(ctx, agg, at.Stream)
	}
	if !ok || err != nil {
		return false, err
	}
	at, _, err = r.log.Mirror.Fresh(agg)
	if err != nil {
		return false, err
	}
	r.seen = r.seen.Merge(es.TokenAt(at))
	return true, nil
}

// near waits a little until the copy has got to a position. Its reader may have
// lost its server, and the log be well.
func (r *round) near(ctx context.Context, agg es.Aggregate, want es.Position) (ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = r.log.Mirror.Reach(ctx, agg, want)
	if errors.Is(err, es.ErrBehind) {
		return false, nil
	}
	return err == nil, err
}

// current brings the copy to where the log stood when the call began.
func (r *round) current(ctx context.Context, agg es.Aggregate, stream string) (ok bool, err error) {
	proof, err := r.log.Prover.Since(ctx, stream, r.started)
	if err != nil {
		return false, err
	}
	return r.near(ctx, agg, proof.Position)
}

// young sees to it that the copy is not older than the bound, as far as the log
// answers. If it does not, the policy decides whether the copy is too old.
func (r *round) young(ctx context.Context, agg es.Aggregate, stream string) (ok bool, err error) {
	_, fresh, err := r.log.Mirror.Fresh(agg)
	if err != nil {
		return false, err
	}
	age, latest := r.started.Sub(fresh), r.log.Prover.Latest(stream)
	switch {
	case age <= bound:
		return true, nil
	case r.started.Sub(latest.At) <= bound: // the log answers: it is the copy that lags
		return false, nil
	case r.started.Sub(latest.Asked) <= bound: // it answers; where a replica is missing, the others may be silent for a second
		soon, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if ok, err := r.current(soon, agg, stream); !errors.Is(err, es.ErrUnavailable) {
			return ok, err
		}
	}
	if fresh.IsZero() {
		return false, nil
	}
	r.age = max(r.age, age)
	return true, nil
}

// state is a person's state as it stands.
func (r *round) state(ctx context.Context, subject string) (person.Person, error) {
	if s, ok := r.states[subject]; ok {
		return s, nil
	}
	agg := personAggregate(ctx, subject)
	s, err := r.fromCopy(ctx, agg)
	if errors.Is(err, mirror.ErrAbsent) {
		var acts []act
		if acts, err = r.person(ctx, subject); err == nil {
			s = stateAt(acts, r.now)
		}
	}
	if err != nil {
		return person.Person{}, err
	}
	r.states[subject] = s
	return s, nil
}

func (r *round) fromCopy(ctx context.Context, agg es.Aggregate) (person.Person, error) {
	ok, err := r.reached(ctx, agg)
	if err != nil {
		return person.Person{}, err
	}
	if !ok {
		return person.Person{}, mirror.ErrAbsent
	}
	s, err := r.log.Mirror.Person(ctx, agg)
	if err == nil && !r.relaxed {
		err = r.led(ctx, agg)
	}
	return s, err
}

// led waits until the leader has all that was read. What a majority holds a
// follower may deliver before its leader has it: whoever asked the leader after
// this answer would be told of an earlier state.
func (r *round) led(ctx context.Context, agg es.Aggregate) error {
	at, _, err := r.log.Mirror.Fresh(agg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for proof := r.log.Prover.Latest(at.Stream); proof.Epoch != at.Epoch || proof.Seq < at.Seq; {
		if proof, err = r.log.Prover.Since(ctx, at.Stream, time.Now()); err != nil {
			return mirror.ErrAbsent
		}
	}
	return nil
}

// standing is a policy with everything that was acknowledged before the call: as it
// was read before, if a leader's word and the copy say that it has not changed, and
// from the log otherwise. Calls at the same time share the leader's word.
func (l *log) standing(ctx context.Context, id string) (rules, error) {
	r := &round{log: l, now: l.Now(), started: time.Now(), seen: es.Token{}, policies: map[string]rules{}}
	return r.policy(ctx, id)
}

// kept is a policy as it was read before, if it has not changed since.
func (r *round) kept(ctx context.Context, agg es.Aggregate) (rules, bool, error) {
	p := r.log.known.get(agg)
	ok, err := r.unchanged(ctx, agg, p.head)
	return p, ok, err
}

// unchanged reports whether what was read up to a head still stands, as far as
// the call wants to know.
func (r *round) unchanged(ctx context.Context, agg es.Aggregate, head es.Head) (bool, error) {
	if head.Commits == 0 {
		return false, nil
	}
	ok, err := r.reached(ctx, agg)
	return ok && err == nil && r.log.Mirror.Unchanged(agg, head.Seq), err
}

// tooOld reports whether what was read is too old for a question.
func (r *round) tooOld(p check.Policy, q check.Question) bool {
	return r.age > max(bound, p.Outage(q))
}

func relaxed(c consentv1.Consistency) bool { return c == consentv1.Consistency_CONSISTENCY_BOUNDED }
