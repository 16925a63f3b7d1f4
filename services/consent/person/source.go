package person

import (
	"cmp"
	"slices"
	"time"
)

// Account is a part of what a person has elsewhere, as a policy is concerned
// with it. An empty scope stands for all of a provider.
type Account struct{ Policy, Provider, Scope string }

// Authorisation is what a person has said of an account: the newest yes, and
// the newest no. Which one was recorded first doesn't matter.
type Authorisation struct {
	ID        string // of the newest yes; what is imported names it
	At        time.Time
	RevokedAt time.Time
}

// Authorize says that content of an account may come in.
type Authorize struct {
	ID       string // of the authorisation
	Policy   string
	Version  uint32 // in force now
	Provider string
	Scopes   []string // at least one
	Evidence string

	AuthorizedAt, At time.Time
}

// Revoke ends authorisations: of the scopes, or of all.
type Revoke struct {
	Policy, Provider string
	Scopes           []string // empty: all
	RevokedAt, At    time.Time
}

func (Authorize) command() {}
func (Revoke) command()    {}

// SourceAuthorized says that content of an account may come in.
type SourceAuthorized struct {
	ID                       string
	Policy                   string
	Version                  uint32
	Provider                 string
	Scopes                   []string
	Evidence                 string
	AuthorizedAt, RecordedAt time.Time
}

// SourceRevoked says that no content of an account comes in any more.
type SourceRevoked struct {
	Policy, Provider      string
	Scopes                []string // empty: all
	RevokedAt, RecordedAt time.Time
}

// AuthorizationRefused says that a rule forbade an authorisation.
type AuthorizationRefused struct{ Policy, Provider, Reason string }

func (SourceAuthorized) event()     {}
func (SourceRevoked) event()        {}
func (AuthorizationRefused) event() {}

// ErrTooManySources refuses the account after the most that a person may have
// spoken of.
const ErrTooManySources = Refusal("TOO_MANY_SOURCES")

// MaxSources is the most accounts that a person may have spoken of.
const MaxSources = 500

// Authorised is the authorisation by which content of an account may come in
// now. Empty: none stands. Who withdraws everything has ended all of them.
func (s Person) Authorised(a Account) string {
	said, all := s.Sources[a], s.Sources[Account{Policy: a.Policy, Provider: a.Provider}]
	for _, no := range []time.Time{said.RevokedAt, all.RevokedAt, s.WithdrawnAt} {
		if !said.At.After(no) {
			return ""
		}
	}
	return said.ID
}

// authorize records a yes. Nobody gives one for an account that is closed, or
// after an erasure; a no is never forbidden.
func authorize(s Person, c Authorize) ([]Event, error) {
	if c.AuthorizedAt.After(c.At) {
		return nil, ErrInFuture
	}
	var r Refusal
	switch {
	case c.Evidence == "":
		r = ErrNoEvidence
	case s.Erased:
		r = ErrErased
	case s.Closed:
		r = ErrClosed
	case s.news(c.Policy, c.Provider, c.Scopes)+len(s.Sources) > MaxSources:
		r = ErrTooManySources
	default:
		return []Event{SourceAuthorized{
			ID: c.ID, Policy: c.Policy, Version: c.Version, Provider: c.Provider, Scopes: sorted(c.Scopes), Evidence: c.Evidence,
			AuthorizedAt: c.AuthorizedAt, RecordedAt: c.At,
		}}, nil
	}
	if s.Since.IsZero() {
		return nil, r
	}
	return []Event{AuthorizationRefused{Policy: c.Policy, Provider: c.Provider, Reason: r.Reason()}}, r
}

func revoke(s Person, c Revoke) ([]Event, error) {
	scopes := sorted(c.Scopes)
	switch {
	case c.RevokedAt.After(c.At):
		return nil, ErrInFuture
	case s.Erased: // none stands, for good
		return nil, nil
	case len(scopes) == 0:
		scopes = []string{""}
	}
	scopes = slices.DeleteFunc(scopes, func(scope string) bool {
		before := s.Sources[Account{c.Policy, c.Provider, scope}].RevokedAt
		return !before.IsZero() && !c.RevokedAt.After(before)
	})
	switch {
	case len(scopes) == 0:
		return nil, nil
	case s.news(c.Policy, c.Provider, scopes)+len(s.Sources) > MaxSources:
		return nil, ErrTooManySources
	case scopes[0] == "":
		scopes = nil
	}
	return []Event{SourceRevoked{
		Policy: c.Policy, Provider: c.Provider, Scopes: scopes, RevokedAt: c.RevokedAt, RecordedAt: c.At,
	}}, nil
}

// news counts the accounts that the person has not spoken of.
func (s Person) news(policy, provider string, scopes []string) int {
	n := 0
	for _, scope := range scopes {
		if _, known := s.Sources[Account{policy, provider, scope}]; !known {
			n++
		}
	}
	return n
}

// leftSources are a visit's revocations, as the person's own.
func leftSources(s Person, c Inherit) []Event {
	var out []Event
	for _, a := range accounts(c.Visit.Sources) {
		if at := c.Visit.Sources[a].RevokedAt; at.After(s.Sources[a].RevokedAt) {
			e := SourceRevoked{Policy: a.Policy, Provider: a.Provider, RevokedAt: at, RecordedAt: c.At}
			if a.Scope != "" {
				e.Scopes = []string{a.Scope}
			}
			out = append(out, e)
		}
	}
	return out
}

// joinedSources are the person's own authorisations and the revocations of a
// partner, too: no authorisation passes from one reference to another.
func joinedSources(s, partner Person) Person {
	for a, own := range s.Sources {
		if partner.WithdrawnAt.After(own.RevokedAt) {
			own.RevokedAt = partner.WithdrawnAt
			s.Sources = with(s.Sources, a, own)
		}
	}
	for a, other := range partner.Sources {
		if own := s.Sources[a]; other.RevokedAt.After(own.RevokedAt) {
			own.RevokedAt = other.RevokedAt
			s.Sources = with(s.Sources, a, own)
		}
	}
	return s
}

func authorised(s Person, e SourceAuthorized) Person {
	for _, scope := range e.Scopes {
		a := Account{e.Policy, e.Provider, scope}
		said := s.Sources[a]
		newer := cmp.Or(e.AuthorizedAt.Compare(said.At), cmp.Compare(e.ID, said.ID)) > 0
		if said.ID == "" || newer {
			said.ID, said.At = e.ID, e.AuthorizedAt
		}
		s.Sources = with(s.Sources, a, said)
	}
	return s
}

func revoked(s Person, e SourceRevoked) Person {
	scopes := e.Scopes
	if len(scopes) == 0 {
		scopes = []string{""}
	}
	for _, scope := range scopes {
		a := Account{e.Policy, e.Provider, scope}
		said := s.Sources[a]
		if e.RevokedAt.After(said.RevokedAt) {
			said.RevokedAt = e.RevokedAt
		}
		s.Sources = with(s.Sources, a, said)
	}
	return s
}

func sorted(scopes []string) []string { return slices.Compact(slices.Sorted(slices.Values(scopes))) }

// accounts are the keys of a map, in order.
func accounts[V any](m map[Account]V) []Account {
	out := make([]Account, 0, len(m))
	for a := range m {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Account) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Scope, b.Scope))
	})
	return out
}
