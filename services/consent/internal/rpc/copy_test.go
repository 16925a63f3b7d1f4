package rpc

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"habeas.internal/services/consent/internal/mirror"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
)

// copied is a copy of one stream, how far it is, and what is known of the log.
type copied struct {
	at     uint64
	fresh  time.Time
	latest es.Proof
	next   *es.Proof // comes as soon as somebody waits; nil: never
}

func (c *copied) position(seq uint64) es.Position {
	return es.Position{Stream: "S", Epoch: "E", Seq: seq}
}
func (c *copied) Locate(es.Aggregate) (es.Position, error) { return c.position(0), nil }
func (c *copied) Fresh(es.Aggregate) (es.Position, time.Time, error) {
	return c.position(c.at), c.fresh, nil
}

func (c *copied) Reach(ctx context.Context, _ es.Aggregate, want es.Position) error {
	if want.Epoch != "E" {
		return es.ErrOtherEpoch
	}
	if want.Seq <= c.at {
		return nil
	}
	<-ctx.Done()
	return es.ErrBehind
}

func (c *copied) Latest(string) es.Proof { return c.latest }

func (c *copied) Since(ctx context.Context, _ string, _ time.Time) (es.Proof, error) {
	if c.next != nil {
		return *c.next, nil
	}
	<-ctx.Done()
	return es.Proof{}, fmt.Errorf("no proof: %w", es.ErrUnavailable)
}

func (c *copied) Person(context.Context, es.Aggregate) (person.Person, error) {
	return person.Person{}, mirror.ErrAbsent
}
func (c *copied) Unchanged(es.Aggregate, uint64) bool { return false }
func (c *copied) Follow(string, es.Token) (*mirror.Follower, error) {
	return nil, mirror.ErrGone
}

// TestTheCopyAnswersAsLongAsItMayAndTheLogWhenItCan is what becomes of a question
// when the copy, its reader or the log is not as it should be. A question is
// never left without an answer that the log could give.
func TestTheCopyAnswersAsLongAsItMayAndTheLogWhenItCan(t *testing.T) {
	const old, lately = 5 * time.Second, 100 * time.Millisecond
	const ok, leader, unproven = "the copy", "the log", "no proof"
	now := time.Now()
	proof := func(seq uint64, at, asked time.Duration) es.Proof {
		return es.Proof{Position: (&copied{}).position(seq), At: now.Add(-at), Asked: now.Add(-asked)}
	}
	next := func(seq uint64) *es.Proof { p := proof(seq, -lately, -lately); return &p }
	for name, tc := range map[string]struct {
		copied  copied
		relaxed bool
		token   uint64
		want    string
		age     time.Duration
	}{
		"bounded, and fresh":                           {copied: copied{at: 7, fresh: now.Add(-lately)}, relaxed: true, want: ok},
		"bounded, and the copy lags":                   {copied: copied{at: 7, fresh: now.Add(-old), latest: proof(8, lately, lately)}, relaxed: true, want: leader},
		"bounded, where the replicas are quiet":        {copied: copied{at: 7, fresh: now.Add(-old), latest: proof(7, old, lately), next: next(7)}, relaxed: true, want: ok},
		"bounded, quiet, and the copy lags":            {copied: copied{at: 7, fresh: now.Add(-old), latest: proof(7, old, lately), next: next(8)}, relaxed: true, want: leader},
		"bounded, quiet, and then nobody answers":      {copied: copied{at: 7, fresh: now.Add(-old), latest: proof(7, old, lately)}, relaxed: true, want: ok, age: old},
		"bounded, while the log is away":               {copied: copied{at: 7, fresh: now.Add(-old), latest: proof(7, old, old)}, relaxed: true, want: ok, age: old},
		"bounded, before anything is known":            {copied: copied{at: 7}, relaxed: true, want: leader},
		"fully consistent":                             {copied: copied{at: 7, next: next(7)}, want: ok},
		"fully consistent, and the copy's reader lags": {copied: copied{at: 7, next: next(8)}, want: leader},
		"fully consistent, while the log is away":      {copied: copied{at: 7}, want: unproven},
		"with a token that the copy has not reached":   {copied: copied{at: 7, fresh: now, next: next(7)}, token: 8, want: leader},
		"bounded, with such a token":                   {copied: copied{at: 7, fresh: now}, relaxed: true, token: 8, want: leader},
	} {
		t.Run(name, func(t *testing.T) {
			c := tc.copied
			r := &round{
				log: &log{Config: Config{Mirror: &c, Prover: &c, Locator: &c}}, started: now, relaxed: tc.relaxed, seen: es.Token{}, want: es.Token{},
			}
			if tc.token > 0 {
				r.want = es.TokenAt(c.position(tc.token))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			reached, err := r.reached(ctx, es.Aggregate{})
			got := map[bool]string{true: ok, false: leader}[reached]
			if err != nil {
				got = unproven
			}
			if got != tc.want || r.age != tc.age {
				t.Errorf("answered by %s, %s old (%v); want %s, %s", got, r.age, err, tc.want, tc.age)
			}
			if reached && r.seen["S"].Seq != 7 {
				t.Errorf("seen %v", r.seen)
			}
		})
	}
}

// TestAFullAnswerWaitsUntilTheLeaderHasWhatItTells is about a commit that the copy
// has got from a follower. Without the wait, the next one who asks the leader
// would be told of the state before.
func TestAFullAnswerWaitsUntilTheLeaderHasWhatItTells(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		relaxed bool
		proven  []uint64 // by the leader, one proof after the other; after the last none comes
		want    error
		left    int
	}{
		"the leader has it":          {proven: []uint64{8}, left: 0},
		"the leader has it later":    {proven: []uint64{7, 7, 8, 9}, left: 1},
		"the leader never has it":    {proven: []uint64{7, 7}, want: mirror.ErrAbsent},
		"twin: a bounded one is not": {relaxed: true, proven: []uint64{7, 8}, left: 2},
	} {
		t.Run(name, func(t *testing.T) {
			c := &leading{copied: copied{at: 8, fresh: now}, proven: tc.proven}
			r := &round{log: &log{Config: Config{Mirror: c, Prover: c, Locator: c}}, started: now, relaxed: tc.relaxed, seen: es.Token{}, want: es.Token{}}
			if _, err := r.fromCopy(t.Context(), es.Aggregate{}); !errors.Is(err, tc.want) || len(c.proven) != tc.left {
				t.Errorf("%v, %d proofs left; want %v, %d", err, len(c.proven), tc.want, tc.left)
			}
		})
	}
}

// leading is a leader that proves one position after the other, and a copy that
// knows everybody.
type leading struct {
	copied

	proven []uint64
}

func (l *leading) Person(context.Context, es.Aggregate) (person.Person, error) {
	return person.Person{}, nil
}

func (l *leading) Since(ctx context.Context, stream string, moment time.Time) (es.Proof, error) {
	if len(l.proven) == 0 {
		return l.copied.Since(ctx, stream, moment)
	}
	l.latest = es.Proof{Position: l.position(l.proven[0]), At: moment, Asked: moment}
	l.proven = l.proven[1:]
	return l.latest, nil
}
