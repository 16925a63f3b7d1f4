package request

// Told is a channel by which a person is known whose request is held.
type Told struct {
	Kind  string
	State string
}

// What became of telling a channel.
const (
	ToldPending   = "pending"
	ToldSent      = "told"
	ToldFailed    = "failed"
	ToldUnreached = "unreached"
)

// Told are the channels of a request that is held: none of those that are known
// is passed over in silence.
func (s Request) Told() []Told {
	if s.DelayUntil.IsZero() {
		return nil
	}
	var out []Told
	for i := range s.DelayChannels {
		kind := "email"
		if i+s.DelayPhones >= s.DelayChannels {
			kind = "phone"
		}
		out = append(out, Told{Kind: kind, State: s.channelTold(DelayedTo(i))})
	}
	for _, kind := range s.DelayUnreached {
		out = append(out, Told{Kind: kind, State: ToldUnreached})
	}
	return out
}

func (s Request) channelTold(template string) string {
	for _, n := range s.Notices {
		switch {
		case n.Template != template || !n.Ended:
		case n.Sent:
			return ToldSent
		default:
			return ToldFailed
		}
	}
	return ToldPending
}
