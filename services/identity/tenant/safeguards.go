package tenant

import "time"

// Safeguards protect people against requests that others make in their name.
type Safeguards struct {
	Chosen     bool          // else they are the usual
	Delay      time.Duration // for which a proven request is held while the person is told
	ChannelAge time.Duration // before a channel proves the person enough
}

// The usual safeguards.
const (
	UsualDelay      = 72 * time.Hour
	UsualChannelAge = 7 * 24 * time.Hour
)

// InForce are the safeguards that the tenant has chosen, or else the usual.
func (s Safeguards) InForce() Safeguards {
	if !s.Chosen {
		return Safeguards{Delay: UsualDelay, ChannelAge: UsualChannelAge}
	}
	return s
}
