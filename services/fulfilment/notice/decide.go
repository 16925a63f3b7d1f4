package notice

import "time"

// MaxAttempts is how often a message is tried; over about two days.
const MaxAttempts = 10

// Decide returns the events that cmd causes. A repeated or late command that
// finds its result in place causes none.
func Decide(s Notice, cmd Command) ([]Event, error) {
	if _, ok := cmd.(Draft); !ok && !s.Drafted {
		return nil, ErrNoNotice
	}
	switch c := cmd.(type) {
	case Draft:
		if s.Drafted {
			return nil, nil
		}
		return []Event{Drafted(c)}, nil
	case Attempt:
		if !s.Due(c.At) {
			return nil, ErrNotDue
		}
		id := s.MessageID
		if id == "" {
			id = c.MessageID
		}
		return []Event{Attempted{Attempt: s.Attempts + 1, MessageID: id, At: c.At}}, nil
	case NoteSent:
		if s.Ended() {
			return nil, nil
		}
		return []Event{Sent(c)}, nil
	case NoteFailure:
		return fail(s, c), nil
	}
	return nil, errUnknown
}

func fail(s Notice, c NoteFailure) []Event {
	if s.Ended() || !s.trying() {
		return nil
	}
	ev := Failed{Reason: c.Reason, Reply: c.Reply, At: c.At}
	if !c.Final && s.Failures+1 < MaxAttempts {
		ev.NextTryAt = c.At.Add(backoff(s.Failures + 1))
	}
	return []Event{ev}
}

func backoff(n uint32) time.Duration {
	waits := []time.Duration{
		5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour, 4 * time.Hour,
	}
	if int(n) <= len(waits) {
		return waits[n-1]
	}
	return 12 * time.Hour
}

// patience is how long a try that was begun is left alone.
const patience = 2 * time.Minute

// trying reports whether a try was begun whose end is not known.
func (n Notice) trying() bool { return n.Attempts > n.Tried }

// DueAt is when the message is to be tried; it means nothing once it has ended.
func (n Notice) DueAt() time.Time {
	if n.trying() {
		return n.At.Add(patience)
	}
	return n.NextTryAt
}

// Due reports whether the message is to be tried at a moment.
func (n Notice) Due(now time.Time) bool {
	return n.Drafted && !n.Ended() && !now.Before(n.DueAt())
}
