package person

import (
	"slices"
	"time"
)

// Authority is by what somebody may act for a person.
type Authority int

// The authorities. Zero: none.
const (
	Parent Authority = iota + 1
	LegalGuardian
	Representative
	// ParentalConsent is a parent's, of whom no mandate is recorded.
	ParentalConsent
)

// Acting is what identity says of who acts for a person. The zero value lets
// nothing in.
type Acting struct {
	By       Authority // that the reference shows
	Others   bool      // what stands was shown by another reference
	Internal bool      // the parent's consent was verified for internal use alone
	AgeKnown bool
	Young    bool // younger than the policy lets decide for themselves
	// Overrides are the moments of each no that is not the person's own, or that
	// they said while they were younger.
	Overrides []time.Time
	// Decided: by another reference they said a no that stands.
	Decided bool
}

// onBehalf reports whether somebody acts whose authority has to be shown.
func (c Circumstances) onBehalf() bool { return c.Actor == Guardian || c.Actor == Agent }

// admits is the refusal of who has no authority, or not the one of who they say
// they are.
func (a Acting) admits(actor Actor) Refusal {
	guards := a.By == Parent || a.By == LegalGuardian || a.By == ParentalConsent
	switch {
	case actor == Guardian && guards, actor == Agent && a.By == Representative:
		return ""
	case a.By == 0 && !a.Others:
		return ErrNoMandate
	}
	return ErrOtherMandate
}

// agrees is the refusal of a yes. A no is anybody's who may act at all; a yes in
// the place of a person who decides themselves is a legal guardian's alone, and
// nobody's where that person has said no.
func (a Acting) agrees(c Choice, chosen Decision) Refusal {
	switch c.Status {
	case Given, Renewed, Offered:
	case Refused, Withdrawn, Expired, Invalidated:
		return ""
	}
	switch {
	case a.By == LegalGuardian:
	case !a.AgeKnown:
		return ErrAgeUnknown
	case !a.Young && a.By == Representative:
		return ErrAgentAgrees
	case !a.Young:
		return ErrOfAge
	case a.Internal && len(c.Recipients) > 0:
		return ErrInternal
	}
	own := no(chosen) && !slices.ContainsFunc(a.Overrides, chosen.DecidedAt.Equal)
	if own || a.Decided {
		return ErrDecided
	}
	return ""
}

// Refusals of who acts for a person.
const (
	// ErrNoMandate: nobody may act for the person.
	ErrNoMandate = Refusal("MANDATE_MISSING")
	// ErrOtherMandate: somebody may, and not the one who is named, or not as what
	// they are named.
	ErrOtherMandate = Refusal("MANDATE_IS_ANOTHERS")
	// ErrAgeUnknown: nobody knows whether the person decides themselves.
	ErrAgeUnknown = Refusal("PERSON_AGE_UNKNOWN")
	// ErrOfAge: the person decides themselves, and not their parent.
	ErrOfAge = Refusal("PERSON_IS_OF_AGE")
	// ErrAgentAgrees: an agent says no for whoever decides themselves, and never yes.
	ErrAgentAgrees = Refusal("AGENT_MAY_NOT_AGREE")
	// ErrInternal: the parent's consent was verified in a way that lets nobody else
	// have the data.
	ErrInternal = Refusal("PARENTAL_CONSENT_INTERNAL")
	// ErrDecided: the person said no when they decided themselves.
	ErrDecided = Refusal("PERSON_HAS_DECIDED")
)
