package recipient

import "slices"

// Decide returns the events that cmd causes. A repetition causes none.
func Decide(s Recipient, cmd Command) ([]Event, error) {
	if c, ok := cmd.(Register); ok {
		return register(s, c)
	}
	if s.Profile.Kind == "" {
		return nil, ErrUnknown
	}
	switch c := cmd.(type) { //nolint:gochecksumtype // Register is decided above
	case Agree:
		return agree(s, c)
	case Confirm:
		return confirm(s, c)
	case End:
		if s.Agreement.Number == 0 || s.ended(c) {
			return nil, nil
		}
		return []Event{Ended{Number: s.Agreement.Number, Reason: c.Reason, At: c.At}}, nil
	case Succeed:
		return succeed(s, c)
	}
	return nil, errCommand
}

func register(s Recipient, c Register) ([]Event, error) {
	switch {
	case s.Profile == c.Profile:
		return nil, nil
	case s.Profile.Kind != "" && s.Profile.Kind != c.Kind:
		return refused(ErrKindFixed)
	}
	return []Event{Registered{Profile: c.Profile, RecordedAt: c.At}}, nil
}

func agree(s Recipient, c Agree) ([]Event, error) {
	a := c.Agreement
	switch {
	case !a.Until.IsZero() && !a.Until.After(a.From):
		return nil, ErrPeriod
	case a.ConfirmedAt.After(c.At):
		return nil, ErrInFuture
	}
	a.Number = s.Agreement.Number
	if same(a, s.Agreement) {
		return nil, nil
	}
	a.Number++
	return []Event{Agreed{Agreement: a, RecordedAt: c.At}}, nil
}

func confirm(s Recipient, c Confirm) ([]Event, error) {
	switch {
	case c.ConfirmedAt.After(c.At):
		return nil, ErrInFuture
	case s.Agreement.Number == 0:
		return refused(ErrNoAgreement)
	case !c.ConfirmedAt.After(s.Agreement.ConfirmedAt):
		return nil, nil
	}
	return []Event{Confirmed{ConfirmedAt: c.ConfirmedAt, RecordedAt: c.At}}, nil
}

func succeed(s Recipient, c Succeed) ([]Event, error) {
	switch {
	case s.Profile.Kind != KindSuccessor:
		return refused(ErrNotSuccessor)
	case s.Succession == c.Succession:
		return nil, nil
	case !s.Succession.From.IsZero() && !s.Succession.From.After(c.At):
		return refused(ErrSucceeded)
	}
	return []Event{SuccessionRecorded{Succession: c.Succession, RecordedAt: c.At}}, nil
}

func refused(r Refusal) ([]Event, error) { return []Event{Refused{Reason: r.Reason()}}, r }

// ended reports whether the agreement is over by then already.
func (s Recipient) ended(c End) bool {
	return !s.Agreement.Until.IsZero() && !s.Agreement.Until.After(c.At)
}

// same compares agreements as they were asked for.
func same(a, b Agreement) bool {
	return slices.Equal(a.Undertakings, b.Undertakings) && slices.Equal(a.Categories, b.Categories) &&
		slices.Equal(a.Purposes, b.Purposes) && slices.Equal(a.Mechanism.Origins, b.Mechanism.Origins) &&
		a.Consideration == b.Consideration && a.Associate == b.Associate && a.Document == b.Document &&
		a.From.Equal(b.From) && a.Until.Equal(b.Until) && a.ConfirmedAt.Equal(b.ConfirmedAt) &&
		a.Mechanism.Kind == b.Mechanism.Kind && a.Mechanism.Until.Equal(b.Mechanism.Until)
}
