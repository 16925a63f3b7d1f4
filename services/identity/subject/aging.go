package subject

import (
	"maps"
	"time"
)

// ages decides about ages of a subject that is known.
func ages(s Subject, cmd Command) ([]Event, error) {
	if s.Phase != Active {
		switch cmd.(type) { //nolint:gochecksumtype // what the system does says nothing; all others are refused
		case BlockMinor, UnblockMinor:
			return nil, nil
		default:
			return refuse(ChangeAge, ErrForgotten)
		}
	}
	switch c := cmd.(type) { //nolint:gochecksumtype // the others are decided elsewhere
	case StateAge:
		if c.Age.Source != AgeDocumented && s.Age.Source == AgeDocumented {
			return refuse(ChangeAge, ErrAgeKnown)
		}
		return []Event{AgeStated(c)}, nil
	case GiveMandate:
		return when(s.Mandate != c.Mandate, MandateGiven(c))
	case EndMandate:
		return when(s.Mandate.Stands(), MandateEnded(c))
	case AgreeAsParent:
		return when(s.Parental != c.Consent, ParentAgreed(c))
	case WithdrawAsParent:
		return when(s.Parental.Stands(), ParentWithdrew(c))
	case BlockMinor:
		have, blocked := s.Blocks[c.Policy]
		return when(!blocked || have.Command == "" && c.Command != "", MinorBlocked(c))
	case UnblockMinor:
		_, blocked := s.Blocks[c.Policy]
		return when(blocked, MinorUnblocked(c))
	}
	return nil, errUnknown
}

// when is one event, or nothing to say.
func when(news bool, ev Event) ([]Event, error) {
	if !news {
		return nil, nil
	}
	return []Event{ev}, nil
}

// aged folds an event about ages.
func aged(s Subject, ev Event) Subject {
	switch e := ev.(type) { //nolint:gochecksumtype // the others are folded elsewhere
	case AgeStated:
		s.Age = e.Age
	case MandateGiven:
		s.Mandate = e.Mandate
	case MandateEnded:
		s.Mandate = Shown{}
	case ParentAgreed:
		s.Parental = e.Consent
	case ParentWithdrew:
		s.Parental = Shown{}
	case MinorBlocked:
		s = s.block(e.Policy, &Block{Since: e.At, Request: e.Request, Command: e.Command})
	case MinorUnblocked:
		s = s.block(e.Policy, nil)
	}
	return s
}

func (s Subject) block(policy string, b *Block) Subject {
	s.Blocks = maps.Clone(s.Blocks)
	if s.Blocks == nil {
		s.Blocks = map[string]Block{}
	}
	if delete(s.Blocks, policy); b != nil {
		s.Blocks[policy] = *b
	}
	return s
}

// Facts that can let a policy serve whom it does not serve.
const (
	LiftAge      = "age"
	LiftMandate  = "mandate"
	LiftParental = "parental_consent"
)

// Lifts are the facts, all of which together would let a rule's policy serve the
// person whom it does not serve. None: only time does, or another age.
func (s Subject) Lifts(r Rule) (facts []string) {
	if s.Age.Source == AgeAlleged {
		return []string{LiftAge}
	}
	if r.Cures && r.Representative && !s.Mandate.Stands() {
		facts = append(facts, LiftMandate)
	}
	if r.Cures && !s.Parental.Stands() {
		facts = append(facts, LiftParental)
	}
	return facts
}

// Served reports whether a rule lets its policy serve the person on a day, whose
// date of birth is given if it is known. Whose age nobody knows is served.
func (s Subject) Served(r Rule, born, day time.Time) bool {
	if s.Age.Source == "" {
		return true
	}
	if s.Age.Source == AgeAlleged {
		return false
	}
	return r.Serves(Years(born, day), s.Mandate.Stands(), s.Parental.Stands())
}
