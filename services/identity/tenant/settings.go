package tenant

import (
	"slices"
	"time"
)

// Kind is a kind of identifier of a tenant's own.
type Kind struct {
	Name      string
	Fold      bool // case and compatible forms are the same
	Analytics bool // stands alone
}

// Own are the settings beside those that a tenant is made with.
type Own struct {
	Approval bool // release and erasure need an approver
	Kinds    []Kind
	Provider Provider
	Levels   Levels
	// Contact is where people reach the tenant about their data, in words for them;
	// empty where an answer to a notice does.
	Contact  string
	Officers string // where the data protection officers are reached by mail
}

// Change replaces a tenant's settings, and its safeguards if they are chosen.
// Revision is the one that its author has seen. What lowers a safeguard waits.
type Change struct {
	Settings
	Own
	Safeguards Safeguards
	Revision   uint32
	By         string
	Wait       time.Duration
	At         time.Time
}

func (Change) command() {}

// SettingsChanged says that a tenant has other settings.
type SettingsChanged struct {
	Settings
	Own
	Safeguards Safeguards // not chosen: as they were
	Revision   uint32
	At         time.Time
}

// SettingsRefused says that a rule refused them.
type SettingsRefused struct{ Reason string }

func (SettingsChanged) event() {}
func (SettingsRefused) event() {}

const (
	// ErrRevision refuses to overwrite what its author has not seen.
	ErrRevision = Refusal("SETTINGS_REVISION")
	// ErrPolicyTwice refuses two levels for one policy.
	ErrPolicyTwice = Refusal("POLICY_LEVEL_TWICE")
	// ErrKindTwice refuses two kinds of one name.
	ErrKindTwice = Refusal("KIND_DECLARED_TWICE")
	// ErrKindGone refuses to take a kind back, or what makes its values the same,
	// or that it stands alone: people are known by it.
	ErrKindGone = Refusal("KIND_IS_DECLARED")
)

// Declared is a kind by its name.
func (t Tenant) Declared(name string) (Kind, bool) {
	i := slices.IndexFunc(t.Kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return t.Kinds[i], true
}

func change(s Tenant, c Change) ([]Event, error) {
	switch {
	case !s.Created:
		return nil, ErrNotFound
	case c.DisplayName == "" || c.TimeZone == "":
		return nil, ErrIncomplete
	}
	why := forbids(s, c)
	if why != "" {
		return []Event{SettingsRefused{Reason: why.Reason()}}, why
	}
	lowers := s.lowers(c)
	if len(lowers) == 0 {
		return []Event{s.changed(c, c.At)}, nil
	}
	if c.By == "" || c.Wait <= 0 || c.At.IsZero() {
		return nil, ErrIncomplete
	}
	wanted := Change{Settings: c.Settings, Own: c.Own, Safeguards: c.Safeguards}
	return []Event{SettingsHeld{Wanted: wanted, Lowers: lowers, By: c.By, At: c.At, DueAt: c.At.Add(c.Wait)}}, nil
}

func forbids(s Tenant, c Change) Refusal {
	if s.Ended() {
		return ErrOffboarded
	}
	if c.Revision != s.Revision {
		return ErrRevision
	}
	if s.Pending.Waits() {
		return ErrSettingsWait
	}
	if c.Levels.twice() {
		return ErrPolicyTwice
	}
	if why := c.Provider.forbids(); why != "" {
		return why
	}
	for i, k := range c.Kinds {
		if slices.ContainsFunc(c.Kinds[:i], func(other Kind) bool { return other.Name == k.Name }) {
			return ErrKindTwice
		}
	}
	for _, have := range s.Kinds {
		if !slices.Contains(c.Kinds, have) {
			return ErrKindGone
		}
	}
	return ""
}
