package check

import (
	"slices"
	"strings"
	"time"
)

// Ask answers a question. It allows what every version that has a say allows
// for every category, and says no with the first reason otherwise.
func Ask(p Policy, who Person, q Question) Answer {
	inForce := p.inForce(q.At)
	if len(inForce) == 0 {
		return Answer{Reason: NoPolicy}
	}
	current := inForce[len(inForce)-1]
	if q.CollectedAt.After(q.At) {
		return current.no(CollectedLater, current.Clauses.Versions)
	}
	if len(q.Categories) == 0 {
		return current.no(NoCategories, current.Clauses.Scope)
	}
	var first Answer
	for i, v := range deciding(inForce, who, q) {
		a := v.ask(p, who, q)
		if !a.Allowed {
			return a
		}
		if i == 0 {
			first = a
		}
	}
	return first
}

// inForce are the versions that decide at a moment, oldest first.
func (p Policy) inForce(at time.Time) []Version {
	return slices.DeleteFunc(slices.Clone(p.Versions), func(v Version) bool { return v.InForce.IsZero() || v.InForce.After(at) })
}

// deciding lists the versions that have a say, oldest first, never none. An
// explicit grant under a later version speaks for its purpose in the earlier
// ones, and for nothing else of them.
func deciding(inForce []Version, who Person, q Question) []Version {
	collected := collectedUnder(inForce, q)
	return granted(inForce, bound(inForce, who, collected), who, q)
}

// bound is the index of the oldest version that has a say. Each version that
// may bind the person says by what it does: a later one can't take that back.
func bound(inForce []Version, who Person, collected int) int {
	accepted := acceptedUnder(inForce, who, collected)
	from := len(inForce) - 1
	for _, v := range inForce[accepted:] {
		if v.Accepted {
			from = min(from, accepted)
		} else {
			from = min(from, collected)
		}
	}
	return from
}

// granted lets a later version that the person has granted the purpose under
// speak for that purpose: the earlier ones keep their rules on everything else,
// such as who may get data and where it may be.
func granted(inForce []Version, from int, who Person, q Question) []Version {
	d := who.decision(q)
	to := from
	for d.lacks() == "" && to < len(inForce)-1 && inForce[to].Number < d.Version {
		to++
	}
	if to == from {
		return inForce[from:]
	}
	out := slices.Clone(inForce[to:])
	for _, v := range inForce[from:to] {
		out = append(out, v.speaking(inForce[to], q))
	}
	return out
}

// Binding lists the versions that have a say on what is known of a person, as of
// a moment, whatever it was collected for: those that a new version is held
// against. Somebody who is not known is bound by the one in force.
func (p Policy) Binding(who Person, at time.Time) []Version {
	inForce := p.inForce(at)
	if len(inForce) == 0 || who.Since.IsZero() && who.Accepted == 0 {
		return inForce[max(0, len(inForce)-1):]
	}
	return inForce[bound(inForce, who, collectedUnder(inForce, Question{CollectedAt: who.Since})):]
}

// collectedUnder is the index of the version in force when the data was
// collected. If that is not known, or there was none yet, all have a say.
func collectedUnder(inForce []Version, q Question) int {
	from := 0
	if q.CollectedAt.IsZero() {
		return from
	}
	for i, v := range inForce {
		if !v.InForce.After(q.CollectedAt) {
			from = i
		}
	}
	return from
}

// acceptedUnder is the index of the version that binds a person who must accept
// explicitly what reduces rights: the accepted one, or the one under which the
// person or the data came, whichever is earlier.
func acceptedUnder(inForce []Version, who Person, collected int) int {
	if i := slices.IndexFunc(inForce, func(v Version) bool { return v.Number == who.Accepted }); i >= 0 {
		return i
	}
	came := 0
	for i, v := range inForce {
		if !who.Since.IsZero() && !v.InForce.After(who.Since) {
			came = i
		}
	}
	if who.Since.IsZero() {
		return collected
	}
	return min(came, collected)
}

func (v Version) no(r Reason, clause string) Answer {
	return Answer{Reason: r, Clause: clause, Version: v.Number}
}

func (v Version) yes(r Reason, basis, clause string) Answer {
	return Answer{Allowed: true, Reason: r, Basis: basis, Clause: clause, Version: v.Number}
}

// ask is the answer of one version: what holds for the question as a whole,
// then each category.
func (v Version) ask(p Policy, who Person, q Question) Answer {
	if id, ok := strings.CutPrefix(q.Purpose, GroundPrefix); ok {
		return v.ground(id, q)
	}
	purpose := v.Purposes[q.Purpose]
	if a := v.facts(who, q, purpose.Basis == Legal); a.Reason != "" {
		return a
	}
	if v.Regions != nil && q.Region != "" && !v.Regions[q.Region] {
		return v.no(RegionNotAllowed, v.Clauses.Regions)
	}
	switch q.Action {
	case Collect, Access, Use, Preserve, Disclose:
	default:
		return v.no(ActionUnknown, v.Clauses.Scope)
	}
	if q.Recipient != "" && q.Action != Disclose {
		return v.no(RecipientNotExpected, v.Clauses.Sharing)
	}
	var out Answer
	for i, name := range q.Categories {
		a := v.category(p, who, q, name)
		if a.Allowed && q.Action == Disclose {
			a = v.disclose(who, q, name, a)
		}
		if a.Allowed && q.Action == Collect && q.Source == ThirdParty {
			a = v.imported(who, q, name, a)
		}
		if !a.Allowed {
			return a
		}
		if i == 0 || a.Reason == ConsentGiven {
			out = a
		}
	}
	if a := v.message(q); a.Reason != "" {
		return a
	}
	if purpose.Periodic && q.Action == Use && !q.Stoppable {
		return v.no(UnsubscribeRequired, purpose.Clause)
	}
	return out
}

// ground is the answer of a necessity that permits without consent. Each use
// needs its own record of who believed what necessary; a question alone has none.
func (v Version) ground(id string, q Question) Answer {
	g, ok := v.Grounds[id]
	switch {
	case !ok:
		return v.no(GroundUnknown, v.Clauses.Sharing)
	case !g.Actions[q.Action]:
		return v.no(ActionNotForGround, g.Clause)
	case q.Ground == nil:
		return v.no(GroundNotRecorded, g.Clause)
	}
	for _, field := range g.Requires {
		if !q.given(field) {
			return v.no(GroundIncomplete, g.Clause)
		}
	}
	return v.yes(LegalGround, groundBasis(id), g.Clause)
}

// given reports whether a field of the record of a use is there. A field that
// no rule knows is not.
func (q Question) given(field string) bool {
	switch field {
	case "belief":
		return q.Ground.Belief != ""
	case "believed_by":
		return q.Ground.BelievedBy != ""
	case "document":
		return q.Ground.Document != ""
	case "imminent":
		return q.Ground.Imminent
	case "categories":
		return len(q.Categories) > 0
	case "recipient":
		return q.Recipient != "" || q.Action != Disclose
	}
	return false
}

// facts are what no policy can allow away. What law demands goes on, and so
// does mere keeping while a person's data is frozen or the account is closed.
func (v Version) facts(who Person, q Question, legal bool) Answer {
	keeping := q.Action == Preserve
	switch {
	case legal:
	case who.Erased:
		return v.no(PersonErased, v.Clauses.Remainder)
	case who.Minor && !keeping:
		return v.no(PersonMinor, v.Clauses.Ages)
	case q.Action == Collect && q.Age > 0 && q.Age < v.Age:
		return v.no(AgeTooLow, v.Clauses.Ages)
	case who.Restricted && !keeping:
		return v.no(PersonRestricted, v.Clauses.Remainder)
	case who.Closed && !keeping:
		return v.no(AccountClosed, v.Clauses.Remainder)
	}
	return Answer{}
}

// category is the answer for one category before anybody else gets it.
func (v Version) category(p Policy, who Person, q Question, name string) Answer {
	cat, ok := v.Categories[name]
	if !ok {
		return v.no(CategoryUnknown, v.Clauses.Scope)
	}
	purpose, described := v.Purposes[q.Purpose]
	if a := v.source(q, cat, purpose.Basis == Legal); a.Reason != "" {
		return a
	}
	if who.Declined[name] && purpose.Basis != Legal {
		return v.no(CategoryDeclined, v.Clauses.Decline)
	}
	registered := v.Clauses.Registration != "" && (cat.Registration || q.Source == Registered && cat.Personal)
	sensitive := v.Clauses.Sensitive != "" && cat.Sensitive
	listed := purpose.Categories[name]
	collectedFor := cat.CollectedFor[q.Purpose] || !cat.Registration && listed
	legal := purpose.Basis == Legal
	beyond := registered && !collectedFor || sensitive && (!listed || purpose.Basis == OptOut) // asks for a grant
	switch {
	case !described && v.Closed:
		return v.no(PurposeNotDescribed, v.Clauses.Undescribed)
	case q.Action == Collect && v.Clauses.Need != "" && !v.needed(name):
		return v.no(NoPurpose, v.Clauses.Need)
	case described && !purpose.Actions[q.Action]:
		return v.no(ActionNotFor, purpose.Clause)
	case described && !v.channel(purpose, q):
		return v.no(ChannelNotFor, purpose.Clause)
	case !listed && (v.Closed || legal || described && !beyond): // not even a grant opens what the policy closes
		return v.no(PurposeNotFor, v.Clauses.Matrix)
	case legal:
		return v.yes(LegalGround, dpvLegal, purpose.Clause)
	case registered && !collectedFor:
		return v.consent(p, who, q, name, v.Clauses.Registration)
	case beyond:
		return v.consent(p, who, q, name, v.Clauses.Sensitive)
	case !described:
		return v.optOut(who, q, true, v.Clauses.Undescribed)
	}
	return v.basis(p, who, q, name)
}

// needed reports whether a purpose that people live with needs a category. What
// only law has kept is not collected for it.
func (v Version) needed(category string) bool {
	for _, p := range v.Purposes {
		if p.Basis != Legal && p.Categories[category] {
			return true
		}
	}
	return false
}

// imported is the answer for content that comes in from an account which the
// person has elsewhere. Consent to import is not enough, and neither is having
// signed in: the provider and the scope are authorised, whatever the purpose.
func (v Version) imported(who Person, q Question, name string, allowed Answer) Answer {
	if id := who.Accounts[q.Account]; id != "" && q.Account.Scope != "" {
		allowed.Authorisation = id
		return allowed
	}
	for account := range who.Accounts {
		if account.Provider == q.Account.Provider {
			return v.no(ScopeNotAuthorized, v.Categories[name].Clause)
		}
	}
	return v.no(SourceNotAuthorized, v.Categories[name].Clause)
}

func (v Version) channel(p Purpose, q Question) bool {
	return len(p.Channels) == 0 || p.Channels[q.Channel] || q.Channel == "" && q.Action != Use
}

// source is the answer when the way in which the data came forbids it. Data of
// which nobody knows how it came is no data of this policy.
func (v Version) source(q Question, cat Category, legal bool) Answer {
	if q.Source == "" {
		return v.no(SourceUnknown, v.Clauses.Scope)
	}
	rule, limited := v.Sources[q.Source]
	switch {
	case limited && !rule.Accepted:
		return v.no(SourceNotCovered, rule.Clause)
	case limited && cat.Personal && !rule.Personal:
		return v.no(SourceNotPersonal, rule.Clause)
	case !cat.Sources[q.Source]:
		return v.no(SourceNotOf, cat.Clause)
	case limited && len(rule.Purposes) > 0 && !rule.Purposes[q.Purpose] && !legal:
		return v.no(SourceNotFor, rule.Clause)
	}
	return Answer{}
}
