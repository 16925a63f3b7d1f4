package check

import (
	"slices"
	"strings"
	"time"
)

// Recipient is what is known of whoever is to get data.
type Recipient struct {
	Kind      string // one of the policy's; empty: nobody knows the recipient
	Region    string // where it keeps data, ISO 3166
	OwnUse    bool   // it uses data for purposes of its own
	Hosting   bool   // it keeps data on instruction and does nothing else with it
	Agreement Agreement
	// Succession is since when it is recorded as the controller to come; zero:
	// it is not.
	Succession time.Time
}

// Agreement is what a recipient has agreed to. The zero value is none.
type Agreement struct {
	From, Until  time.Time // until zero: without an end
	Undertakings map[string]bool
	Categories   map[string]bool
	Purposes     map[string]bool
	Value        bool      // money, or anything else of value, is given for data
	Confirmed    time.Time // when it was seen that the recipient's practices are like ours; zero: never
	Associate    bool      // it binds a business associate, as HIPAA means it
	// Mechanism is what allows data from these regions to leave for the
	// recipient's, until its end, as far as the law lets its kind.
	MechanismKind  string
	Mechanism      map[string]bool
	MechanismUntil time.Time
}

// Sharing is what a kind of recipient needs.
type Sharing struct {
	Undertakings []string
	Consent      bool // of the person, who names the recipient or its kind, besides an agreement
	Notice       bool // to the person, before
	Clause       string
}

// Ban is a disclosure that nothing cures but what it exempts.
type Ban struct {
	Exempt map[string]bool // kinds of recipients, and "law" and "hosting"
	Clause string
}

// The bans that rules know. A policy names those that it has.
const (
	BanSale        = "sale"
	BanCombination = "personal_with_address_or_device"
	BanClient      = "client_information"
	BanTransfer    = "transfer_without_mechanism"
)

// Side is what a category adds to a combination that may not be.
type Side string

const (
	kindSuccessor = "successor"
	exemptHosting = "hosting"
	likePractices = "like_practices"
)

// disclose is the answer when somebody else is to get a category that may be
// used: may, or the first reason why not.
func (v Version) disclose(who Person, q Question, category string, may Answer) Answer {
	if q.Recipient == "" {
		return v.no(RecipientMissing, v.Clauses.Sharing)
	}
	if q.To.Kind == "" {
		return v.no(RecipientUnknown, v.Clauses.Sharing)
	}
	rule, listed := v.Recipients[q.To.Kind]
	if !listed {
		return v.no(RecipientKindNotListed, v.Clauses.Sharing)
	}
	cat := v.Categories[category]
	for _, a := range []Answer{
		v.banned(q, cat), v.agreed(rule, q, category), v.placed(q), v.succeeds(rule, who, q), v.consented(rule, who, q, cat),
	} {
		if a.Reason != "" {
			return a
		}
	}
	return may
}

// banned is the answer of the rules that not even the person's consent cures.
func (v Version) banned(q Question, cat Category) Answer {
	if ban, ok := v.Bans[BanClient]; ok && cat.Client {
		return v.no(ClientInformation, ban.Clause)
	}
	if ban, ok := v.Bans[BanSale]; ok && q.To.Agreement.Value && !ban.Exempt[q.To.Kind] {
		return v.no(SaleForbidden, ban.Clause)
	}
	return Answer{}
}

// agreed is the answer of the agreement that a kind of recipient needs.
func (v Version) agreed(rule Sharing, q Question, category string) Answer {
	a, no := q.To.Agreement, func(r Reason) Answer { return v.no(r, rule.Clause) }
	if len(rule.Undertakings) == 0 {
		return Answer{}
	}
	switch {
	case a.From.IsZero() || q.At.Before(a.From):
		return no(AgreementMissing)
	case !a.Until.IsZero() && !q.At.Before(a.Until):
		return no(AgreementEnded)
	}
	for _, u := range rule.Undertakings {
		if !a.Undertakings[u] {
			return no(UndertakingMissing)
		}
	}
	switch {
	case slices.Contains(rule.Undertakings, likePractices) && (a.Confirmed.IsZero() || q.At.Before(a.Confirmed)):
		return no(ConfirmationMissing)
	case !a.Categories[category]:
		return no(CategoryNotAgreed)
	case !a.Purposes[q.Purpose]:
		return no(PurposeNotAgreed)
	case v.Categories[category].Associate && !a.Associate:
		return no(AssociateMissing)
	}
	return Answer{}
}

// placed is the answer of the rules on places. A place that nobody knows is not
// allowed.
func (v Version) placed(q Question) Answer {
	if v.Regions != nil && !v.Regions[q.To.Region] && !v.RegionsExempt[q.To.Kind] {
		return v.no(RecipientElsewhere, v.Clauses.Regions)
	}
	ban, ok := v.Bans[BanTransfer]
	if !ok || q.Origin != "" && q.Origin == q.To.Region {
		return Answer{}
	}
	a := q.To.Agreement
	if q.Origin == "" || !a.Mechanism[q.Origin] || !a.MechanismUntil.IsZero() && !q.At.Before(a.MechanismUntil) {
		return v.no(MechanismMissing, ban.Clause)
	}
	if !carries(a.MechanismKind, q.Origin, q.To.Region, q.At) {
		return v.no(MechanismInvalid, ban.Clause)
	}
	return Answer{}
}

// succeeds is the answer for a controller to come: a recorded succession, and
// notice to the person where the policy promises it.
func (v Version) succeeds(rule Sharing, who Person, q Question) Answer {
	switch {
	case q.To.Kind == kindSuccessor && (q.To.Succession.IsZero() || q.At.Before(q.To.Succession)):
		return v.no(SuccessionNotRecorded, rule.Clause)
	case rule.Notice && (who.Notified.IsZero() || q.At.Before(who.Notified)):
		return v.no(NoticeMissing, rule.Clause)
	}
	return Answer{}
}

// consented is the answer of what the person said to sharing. A signal counts
// against whoever uses data for purposes of its own.
func (v Version) consented(rule Sharing, who Person, q Question, cat Category) Answer {
	d := who.decision(q)
	named := d.lacks() == "" && (slices.Contains(d.Recipients, q.Recipient) || slices.Contains(d.Recipients, q.To.Kind))
	switch {
	case who.Signalled && (q.To.OwnUse || q.To.Agreement.Value || rule.Consent):
		return v.no(SharingOptedOut, v.Clauses.Sharing)
	case rule.Consent && !named:
		return v.no(SharingNotConsented, rule.Clause)
	case v.Clauses.Sensitive != "" && cat.Sensitive && !named:
		return v.no(SharingNotOptedIn, v.Clauses.Sensitive)
	}
	return Answer{}
}

// Apart says which categories may not come together at the recipient of a
// question, on which sides they are, and by which clause: by every version that
// has a say. No sides: all may.
func (p Policy) Apart(who Person, q Question) (sides map[string]Side, clause string) {
	inForce := p.inForce(q.At)
	if len(inForce) == 0 || q.Action != Disclose || strings.HasPrefix(q.Purpose, GroundPrefix) {
		return nil, ""
	}
	for _, v := range deciding(inForce, who, q) {
		ban, ok := v.Bans[BanCombination]
		if !ok || ban.Exempt[exemptHosting] && q.To.Hosting && !q.To.OwnUse {
			continue
		}
		for id, c := range v.Categories {
			if c.Side == "" {
				continue
			}
			if sides == nil {
				sides = map[string]Side{}
			}
			sides[id], clause = c.Side, ban.Clause
		}
	}
	return sides, clause
}
