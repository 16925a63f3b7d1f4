package consistency_test

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"habeas.internal/services/consent/person"

	"github.com/anishathalye/porcupine"
)

// decided is one act of a person: what was chosen, or the withdrawal of all.
type decided struct {
	choices map[string]person.Status // by purpose
	all     bool                     // withdraws everything
	at      time.Time
}

// asked is a question about some purposes at once.
type asked []string

// told is the answer to it: a reason for each.
type told []string

// known is a person, as the domain folds one.
type known struct{ person.Person }

// reasons are what answers say after the acts that a person is made of.
func (k known) reason(purpose string) string {
	switch k.Purposes[person.Topic{Policy: policyID, Name: purpose}].Decision.Status {
	case person.Given:
		return "CONSENT_GIVEN"
	case person.Withdrawn:
		return "CONSENT_WITHDRAWN"
	case person.Refused:
		return "CONSENT_REFUSED"
	}
	return "CONSENT_MISSING"
}

// same compares all that an act or an answer can depend on here.
func same(a, b any) bool {
	one, _ := a.(known)
	other, _ := b.(known)
	return one.WithdrawnAt.Equal(other.WithdrawnAt) && maps.EqualFunc(one.Purposes, other.Purposes, func(p, q person.Purpose) bool {
		return p.Decision.Status == q.Decision.Status && p.Decision.DecidedAt.Equal(q.Decision.DecidedAt)
	})
}

// does carries an act out.
func (k known) does(d decided) (known, bool) {
	var cmd person.Command = person.WithdrawAll{DecidedAt: d.at, At: d.at}
	if !d.all {
		r := person.Record{Policy: policyID, Version: 1, DecidedAt: d.at, At: d.at, Evidence: evidence}
		for _, purpose := range slices.Sorted(maps.Keys(d.choices)) {
			r.Choices = append(r.Choices, person.Choice{Purpose: purpose, Status: d.choices[purpose], Explicit: true, Known: true})
		}
		cmd = r
	}
	events, err := person.Decide(k.Person, cmd)
	for _, ev := range events {
		k.Person = person.Evolve(k.Person, ev)
	}
	return k, err == nil
}

// model is a person, one act or question after the other.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return known{} },
		Step: func(state, input, output any) (bool, any) {
			k, _ := state.(known)
			switch in := input.(type) {
			case decided:
				next, ok := k.does(in)
				return ok, next
			case asked:
				out, _ := output.(told)
				for i, purpose := range in {
					if out[i] != k.reason(purpose) {
						return false, k
					}
				}
				return true, k
			}
			return false, k
		},
		Equal: same,
	}
}

// judge holds a person's history against the model.
func judge(ops []porcupine.Operation, patience time.Duration) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(model(), ops, patience)
}

// act and question are entries of a history, in seconds.
func act(client, from, to int, at int, choices map[string]person.Status) porcupine.Operation {
	return porcupine.Operation{
		ClientId: client, Call: int64(from), Return: int64(to), Input: decided{choices: choices, at: time.Unix(int64(at), 0)},
	}
}

func question(client, from, to int, says told, purposes ...string) porcupine.Operation {
	return porcupine.Operation{ClientId: client, Call: int64(from), Return: int64(to), Input: asked(purposes), Output: says}
}

func TestTheModelTellsAStaleAnswerFromALawfulOne(t *testing.T) {
	const mail, web = "mail.periodic", "website.improve"
	given := act(1, 10, 11, 10, map[string]person.Status{mail: person.Given, web: person.Given})
	withdrawn := act(1, 20, 21, 20, map[string]person.Status{mail: person.Withdrawn})
	open := withdrawn
	open.Return = math.MaxInt64 // nobody was told what became of it
	everything := porcupine.Operation{ClientId: 3, Call: 30, Return: 31, Input: decided{all: true, at: time.Unix(30, 0)}}
	const yes, no, none = "CONSENT_GIVEN", "CONSENT_WITHDRAWN", "CONSENT_MISSING"
	for name, tc := range map[string]struct {
		history []porcupine.Operation
		right   bool
	}{
		"nothing yet":                               {[]porcupine.Operation{question(2, 1, 2, told{none}, mail), given}, true},
		"a yes after it was given":                  {[]porcupine.Operation{given, question(2, 12, 13, told{yes}, mail)}, true},
		"none after it was given":                   {[]porcupine.Operation{given, question(2, 12, 13, told{none}, mail)}, false},
		"a yes after its withdrawal":                {[]porcupine.Operation{given, withdrawn, question(2, 22, 23, told{yes}, mail)}, false},
		"a yes while it is withdrawn":               {[]porcupine.Operation{given, withdrawn, question(2, 20, 23, told{yes}, mail)}, true},
		"a no and then a yes":                       {[]porcupine.Operation{given, open, question(2, 22, 23, told{no}, mail), question(2, 24, 25, told{yes}, mail)}, false},
		"a yes while nobody knows":                  {[]porcupine.Operation{given, open, question(2, 92, 93, told{yes}, mail)}, true},
		"a no while nobody knows":                   {[]porcupine.Operation{given, open, question(2, 22, 23, told{no}, mail)}, true},
		"half of a batch":                           {[]porcupine.Operation{given, question(2, 10, 13, told{yes, none}, mail, web)}, false},
		"another purpose":                           {[]porcupine.Operation{given, withdrawn, question(2, 22, 23, told{no, yes}, mail, web)}, true},
		"all is withdrawn":                          {[]porcupine.Operation{given, everything, question(2, 32, 33, told{no, no}, mail, web)}, true},
		"one is left after all is withdrawn":        {[]porcupine.Operation{given, everything, question(2, 32, 33, told{no, yes}, mail, web)}, false},
		"an act that was dated earlier comes later": {[]porcupine.Operation{given, act(3, 40, 41, 5, map[string]person.Status{mail: person.Withdrawn}), question(2, 42, 43, told{yes}, mail)}, true},
	} {
		if got := judge(tc.history, time.Minute); (got == porcupine.Ok) != tc.right {
			t.Errorf("%s: %s", name, got)
		}
	}
}
