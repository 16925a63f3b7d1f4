package tenant

import (
	"slices"
	"time"
)

// What protects people and can be lowered by settings.
const (
	GuardApproval   = "approval"
	GuardDelay      = "delay"
	GuardChannelAge = "channel_age"
	GuardProvider   = "provider"
	GuardAssurance  = "assurance"
	GuardOfficers   = "officers"
	GuardContact    = "contact"
)

// Pending are settings that wait, because they would lower a safeguard. Its zero
// value is none.
type Pending struct {
	Number uint32 // of all that ever waited, from 1
	Wanted Change
	Lowers []string
	By     string // who wants them
	At     time.Time
	DueAt  time.Time
}

// Waits reports whether there are settings that wait.
func (p Pending) Waits() bool { return p.By != "" }

// Confirm is a second person's word for settings that wait.
type Confirm struct {
	By     string
	Number uint32
	At     time.Time
}

// Withdraw ends settings that wait.
type Withdraw struct {
	By string
	At time.Time
}

// Ripen puts settings in force that have waited long enough.
type Ripen struct{ At time.Time }

func (Confirm) command()  {}
func (Withdraw) command() {}
func (Ripen) command()    {}

// SettingsHeld says that settings wait.
type SettingsHeld struct {
	Wanted Change
	Lowers []string
	By     string
	At     time.Time
	DueAt  time.Time
}

// SettingsConfirmed says that a second person wants them, too. SettingsChanged
// follows.
type SettingsConfirmed struct {
	By string
	At time.Time
}

// SettingsWithdrawn says that they wait no longer, and nothing was changed.
type SettingsWithdrawn struct {
	By string
	At time.Time
}

func (SettingsHeld) event()      {}
func (SettingsConfirmed) event() {}
func (SettingsWithdrawn) event() {}

const (
	// ErrSettingsWait refuses further settings while some wait.
	ErrSettingsWait = Refusal("SETTINGS_WAIT")
	// ErrNothingWaits refuses to go on with settings that do not wait.
	ErrNothingWaits = Refusal("NO_SETTINGS_WAIT")
	// ErrConfirmerIsAuthor refuses the word of whoever wants the settings.
	ErrConfirmerIsAuthor = Refusal("CONFIRMER_IS_AUTHOR")
)

// lowers are the safeguards that a change would lower. What raises one, or asks
// for more, is not among them.
func (t Tenant) lowers(c Change) []string {
	now := t.Safeguards.InForce()
	next := now
	if c.Safeguards.Chosen {
		next = c.Safeguards
	}
	var out []string
	for _, guard := range []struct {
		name  string
		lower bool
	}{
		{GuardApproval, t.Approval && !c.Approval},
		{GuardDelay, next.Delay < now.Delay},
		{GuardChannelAge, next.ChannelAge < now.ChannelAge},
		{GuardProvider, t.Provider.provesMore(c.Provider)},
		{GuardAssurance, t.Levels.lower(c.Levels)},
		{GuardOfficers, t.Officers != "" && t.Officers != c.Officers},
		{GuardContact, t.Contact != "" && t.Contact != c.Contact},
	} {
		if guard.lower {
			out = append(out, guard.name)
		}
	}
	return out
}

// provesMore reports whether somebody could prove themselves by next who could
// not before.
func (p Provider) provesMore(next Provider) bool {
	if !next.Set() {
		return false
	}
	if next.Issuer != p.Issuer || next.Client != p.Client {
		return true
	}
	return slices.ContainsFunc(next.Grades, func(g Grade) bool { return g.Level > p.grade(g) })
}

// grade is what the value of another grade proves here.
func (p Provider) grade(other Grade) uint32 {
	for _, g := range p.Grades {
		if g.Claim == other.Claim && g.Value == other.Value {
			return g.Level
		}
	}
	return LevelSignIn
}

// wait decides about settings that wait, or would have to.
func wait(s Tenant, cmd Command) ([]Event, error) {
	if !s.Created {
		return nil, ErrNotFound
	}
	switch c := cmd.(type) { //nolint:gochecksumtype // the others are decided elsewhere
	case Confirm:
		if why := s.unconfirmed(c); why != "" {
			return []Event{SettingsRefused{Reason: why.Reason()}}, why
		}
		return []Event{SettingsConfirmed{By: c.By, At: c.At}, s.changed(s.Pending.Wanted, c.At)}, nil
	case Withdraw:
		if !s.Pending.Waits() {
			return []Event{SettingsRefused{Reason: ErrNothingWaits.Reason()}}, ErrNothingWaits
		}
		return []Event{SettingsWithdrawn(c)}, nil
	case Ripen:
		if s.Ended() || !s.Pending.Waits() || c.At.Before(s.Pending.DueAt) {
			return nil, nil
		}
		return []Event{s.changed(s.Pending.Wanted, c.At)}, nil
	}
	return nil, errUnknown
}

func (t Tenant) unconfirmed(c Confirm) Refusal {
	switch {
	case t.Ended():
		return ErrOffboarded
	case !t.Pending.Waits(), c.Number != t.Pending.Number:
		return ErrNothingWaits
	case c.By == "", c.By == t.Pending.By:
		return ErrConfirmerIsAuthor
	}
	return ""
}

// changed is the event that puts settings in force.
func (t Tenant) changed(c Change, at time.Time) SettingsChanged {
	return SettingsChanged{Settings: c.Settings, Own: c.Own, Safeguards: c.Safeguards, Revision: t.Revision + 1, At: at}
}
