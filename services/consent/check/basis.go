package check

import (
	"maps"
	"slices"
)

// W3C DPV names of bases.
const (
	dpvExplicit   = "dpv:ExplicitlyExpressedConsent"
	dpvImplied    = "dpv:ImpliedConsent"
	dpvLegitimate = "dpv:LegitimateInterest"
	dpvContract   = "dpv:ContractPerformance"
	dpvLegal      = "dpv:LegalObligation"
	dpvAnonymised = "dpv:AnonymisedData"
)

// DPV is the W3C DPV name of the basis of a purpose, as a policy describes it.
func (b Basis) DPV() string {
	switch b {
	case OptIn:
		return dpvExplicit
	case Contract:
		return dpvContract
	case Legal:
		return dpvLegal
	case Aggregate:
		return dpvAnonymised
	case Described, OptOut:
	}
	return dpvLegitimate
}

// groundBasis is the DPV name of a ground: law obliges, everything else is an
// interest of somebody.
func groundBasis(id string) string {
	if id == "law" {
		return dpvLegal
	}
	return dpvLegitimate
}

// basis is the answer of a described purpose for a category in its matrix.
func (v Version) basis(p Policy, who Person, q Question, category string) Answer {
	purpose, d := v.Purposes[q.Purpose], who.decision(q)
	switch purpose.Basis {
	case OptIn:
		return v.consent(p, who, q, category, purpose.Clause)
	case OptOut:
		return v.optOut(who, q, purpose.Offer, purpose.Clause)
	case Described, Contract, Aggregate:
		if d.Status == Refused || d.Status == Withdrawn {
			return v.no(PurposeDeclined, v.Clauses.Decline)
		}
		if r := d.ended(); r != "" {
			return v.no(r, v.Clauses.Decline)
		}
		return v.allowed(purpose, d, q)
	case Legal: // answered before anything a person decides
	}
	return v.no(BasisUnknown, purpose.Clause)
}

func (v Version) allowed(purpose Purpose, d Decision, q Question) Answer {
	switch {
	case purpose.Basis == Contract:
		return v.yes(ContractNeeds, dpvContract, purpose.Clause)
	case purpose.Basis == Aggregate && q.Action == Disclose:
		return v.no(FiguresNotCounted, v.Clauses.Aggregates)
	case purpose.Basis == Aggregate && (v.Minimum == 0 || q.Cohort < v.Minimum || q.Complement < v.Minimum):
		return v.no(CohortTooSmall, v.Clauses.Aggregates)
	case purpose.Basis == Aggregate:
		return v.yes(Aggregated, dpvAnonymised, purpose.Clause)
	case d.Status == Given && d.Explicit:
		return v.yes(PurposeDescribed, dpvExplicit, purpose.Clause)
	case d.Status == Given && v.Implied:
		return v.yes(PurposeDescribed, dpvImplied, purpose.Clause)
	}
	return v.yes(PurposeDescribed, dpvLegitimate, purpose.Clause)
}

// optOut allows until the person says no, and, where the way out must be
// offered, not before it was.
func (v Version) optOut(who Person, q Question, offer bool, clause string) Answer {
	d := who.decision(q)
	switch {
	case d.Status == Refused || d.Status == Withdrawn:
		return v.no(OptedOut, clause)
	case d.ended() != "":
		return v.no(d.ended(), clause)
	case d.lacks() == "":
		return v.yes(ConsentGiven, dpvExplicit, clause)
	case offer && !d.Offered:
		return v.no(NotOffered, clause)
	}
	return v.yes(NotOptedOut, dpvLegitimate, clause)
}

// consent allows by an explicit grant alone, and only what the version that
// the person saw would have covered.
func (v Version) consent(p Policy, who Person, q Question, category, clause string) Answer {
	d := who.decision(q)
	if r := d.lacks(); r != "" {
		return v.no(r, clause)
	}
	if d.Version < v.Number && !covers(p, d.Version, q, category) {
		return v.no(ConsentNarrower, v.Clauses.Versions)
	}
	return v.yes(ConsentGiven, dpvExplicit, clause)
}

// covers reports whether a grant under an older version spoke of what is asked:
// the category, the action, the channel and the kind of message. Where the purpose was not described
// then, the grant was for the purpose itself.
func covers(p Policy, version uint32, q Question, category string) bool {
	i := slices.IndexFunc(p.Versions, func(v Version) bool { return v.Number == version })
	if i < 0 {
		return false
	}
	seen := p.Versions[i]
	if _, known := seen.Categories[category]; !known {
		return false
	}
	was, described := seen.Purposes[q.Purpose]
	beyond := !seen.Closed && (seen.Categories[category].Registration || seen.Categories[category].Sensitive)
	return !described || (was.Categories[category] || beyond) && was.Actions[q.Action] && seen.channel(was, q) && seen.told(q)
}

// speaking is a version in which a later one speaks for a purpose, and for those
// of its kinds of data and of messages that the version does not know.
func (v Version) speaking(later Version, q Question) Version {
	v.Purposes, v.Categories = maps.Clone(v.Purposes), maps.Clone(v.Categories)
	if p, ok := later.Purposes[q.Purpose]; ok {
		v.Purposes[q.Purpose] = p
	}
	if m, ok := later.Messages[q.Message]; ok && v.Messages != nil && v.Messages[q.Message].Purpose == "" {
		v.Messages = maps.Clone(v.Messages)
		v.Messages[q.Message] = m
	}
	for _, name := range q.Categories {
		_, known := v.Categories[name]
		if c, ok := later.Categories[name]; ok && !known {
			v.Categories[name] = c
		}
	}
	return v
}

// lacks is what a decision lacks to be an explicit, proven grant; empty for one
// that lacks nothing.
func (d Decision) lacks() Reason {
	switch {
	case d.Status == Refused:
		return ConsentRefused
	case d.Status == Withdrawn:
		return ConsentWithdrawn
	case d.ended() != "":
		return d.ended()
	case d.Status != Given:
		return ConsentMissing
	case !d.Explicit:
		return ConsentImplied
	case !d.Evidence:
		return ConsentUnproven
	}
	return ""
}

// ended is why what was given counts no more, on any basis: what had an end was
// not given beyond it.
func (d Decision) ended() Reason {
	switch d.Status {
	case Expired:
		return ConsentExpired
	case Invalidated:
		return ConsentInvalidated
	case Given, Refused, Withdrawn:
	}
	return ""
}

// decision is what is effective for a question's purpose, at its moment.
func (p Person) decision(q Question) Decision {
	d := p.Purposes[q.Purpose]
	if d.Status == Given && !d.Until.IsZero() && !q.At.Before(d.Until) {
		d.Status = Expired
	}
	return d
}
