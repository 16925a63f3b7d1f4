package check

// Message is a kind of message: the template behind it says what it is for.
type Message struct {
	Purpose  string
	Channels map[string]bool // empty: those of the purpose
	Clause   string
}

// message is the answer when what is to be sent is not of the purpose that it
// is asked about. What a message is for its kind says, and not who sends it: no
// purpose that needs less is a detour. Without a list nothing is promised.
func (v Version) message(q Question) Answer {
	if v.Messages == nil || q.Message == "" && !v.sends(q) {
		return Answer{}
	}
	m, known := v.Messages[q.Message]
	switch {
	case q.Message == "":
		return v.no(MessageMissing, v.Purposes[q.Purpose].Clause)
	case !known:
		return v.no(MessageUnknown, v.Clauses.Undescribed)
	case m.Purpose != q.Purpose:
		return v.no(PurposeNotOfMessage, m.Clause)
	case len(m.Channels) > 0 && !m.Channels[q.Channel]:
		return v.no(ChannelNotForMessage, m.Clause)
	}
	return Answer{}
}

// sends reports whether a question is about a message: a use by a channel, or
// for a purpose of messages.
func (v Version) sends(q Question) bool {
	if q.Action != Use {
		return false
	}
	if q.Channel != "" {
		return true
	}
	for _, m := range v.Messages {
		if m.Purpose == q.Purpose {
			return true
		}
	}
	return false
}

// told reports whether whoever saw a version could know that a purpose has a
// kind of message.
func (v Version) told(q Question) bool {
	return v.Messages == nil || q.Message == "" || v.Messages[q.Message].Purpose == q.Purpose
}
