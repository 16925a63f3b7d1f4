package check

import (
	"slices"
	"strings"
)

// Explanation is an answer and what it was made of.
type Explanation struct {
	Answer   Answer
	Versions []uint32 // that had a say, oldest first
	Ground   VersionGround
	Conflict Conflict
	Remedy   Remedy
	Actor    Actor
}

// VersionGround is why a version decided.
type VersionGround string

// Why a version decided. Empty: none did.
const (
	OnlyVersion       VersionGround = "ONLY"
	OfCollection      VersionGround = "COLLECTION"
	CollectionUnknown VersionGround = "COLLECTION_UNKNOWN"
	WasAccepted       VersionGround = "ACCEPTED"
	CameUnder         VersionGround = "CAME"
	WasGranted        VersionGround = "GRANTED"
	Narrows           VersionGround = "NARROWS"
)

// Conflict is the rule by which promises that pull apart were brought together.
type Conflict string

// The rules. Empty: no promises pulled apart.
const (
	ConsentBeforeWayOut   Conflict = "CONSENT_BEFORE_WAY_OUT"
	ListBoundsConsent     Conflict = "LIST_BOUNDS_CONSENT"
	ListAndConsent        Conflict = "LIST_AND_CONSENT"
	GroundExcepts         Conflict = "GROUND_EXCEPTS"
	UntilAccepted         Conflict = "UNTIL_ACCEPTED"
	CollectionDecides     Conflict = "COLLECTION_DECIDES"
	ImpliedIsNoPermission Conflict = "IMPLIED_IS_NO_PERMISSION"
	AgreementAndConsent   Conflict = "AGREEMENT_AND_CONSENT"
	KeptApart             Conflict = "APART"
	UnknownIsUncovered    Conflict = "UNKNOWN_IS_UNCOVERED"
	ProtectionFirst       Conflict = "PROTECTION_FIRST"
)

// Explain says what an answer that Ask gave was made of. An answer that was
// changed since, by what the recipient holds, is explained as it was changed.
func Explain(p Policy, who Person, q Question, a Answer) Explanation {
	out := Explanation{Answer: a, Ground: ground(p, who, q, a)}
	out.Remedy, out.Actor = remedy(a)
	if inForce := p.inForce(q.At); len(inForce) > 0 {
		for _, v := range deciding(inForce, who, q) {
			out.Versions = append(out.Versions, v.Number)
		}
		slices.Sort(out.Versions)
	}
	out.Conflict = conflict(p, who, q, out)
	return out
}

// ground is why the version of an answer decided.
func ground(p Policy, who Person, q Question, a Answer) VersionGround {
	inForce := p.inForce(q.At)
	if len(inForce) == 0 || slices.Contains([]Reason{CollectedLater, NoCategories}, a.Reason) {
		return ""
	}
	binds := inForce[bound(inForce, who, collectedUnder(inForce, q))]
	first, current := deciding(inForce, who, q)[0].Number, inForce[len(inForce)-1]
	switch {
	case len(inForce) == 1:
		return OnlyVersion
	case a.Version > first:
		return Narrows
	case a.Version == first && binds.Number != first:
		return WasGranted
	case current.Accepted && who.Accepted == binds.Number:
		return WasAccepted
	case current.Accepted:
		return CameUnder
	case q.CollectedAt.IsZero():
		return CollectionUnknown
	}
	return OfCollection
}

// conflict is the rule that an answer followed where promises pull apart.
func conflict(p Policy, who Person, q Question, e Explanation) Conflict {
	v, a := p.version(e.Answer.Version), e.Answer
	granted := who.decision(q).lacks() == ""
	switch a.Reason {
	case LegalGround:
		return GroundExcepts
	case PersonErased, PersonMinor, AgeTooLow, PersonRestricted, AccountClosed:
		return ProtectionFirst
	case SourceUnknown, SourceNotCovered:
		return UnknownIsUncovered
	case ConsentImplied:
		return ImpliedIsNoPermission
	case CombinationForbidden:
		return KeptApart
	}
	switch {
	case a.Reason == PurposeNotFor && granted:
		return ListBoundsConsent
	case q.Action == Disclose && !a.Allowed && granted:
		return AgreementAndConsent
	case q.Action == Disclose && a.Allowed && v.apart(q):
		return KeptApart
	case a.Clause != "" && (a.Clause == v.Clauses.Registration || a.Clause == v.Clauses.Sensitive):
		return ConsentBeforeWayOut
	case v.Closed && v.Purposes[q.Purpose].Basis == OptIn && (a.Reason == ConsentGiven || strings.HasPrefix(string(a.Reason), "CONSENT_")):
		return ListAndConsent
	}
	return p.older(q, e)
}

// older is the rule where a version decided that is not the newest.
func (p Policy) older(q Question, e Explanation) Conflict {
	inForce := p.inForce(q.At)
	if len(inForce) == 0 || e.Answer.Version == inForce[len(inForce)-1].Number {
		return ""
	}
	switch e.Ground {
	case WasAccepted, CameUnder:
		return UntilAccepted
	case OfCollection, CollectionUnknown:
		return CollectionDecides
	case OnlyVersion, WasGranted, Narrows:
	}
	return ""
}

func (p Policy) version(number uint32) Version {
	i := slices.IndexFunc(p.Versions, func(v Version) bool { return v.Number == number })
	if i < 0 {
		return Version{}
	}
	return p.Versions[i]
}

// apart reports whether any of the categories may not come together with others.
func (v Version) apart(q Question) bool {
	_, banned := v.Bans[BanCombination]
	return banned && slices.ContainsFunc(q.Categories, func(name string) bool { return v.Categories[name].Side != "" })
}
