package wire

import (
	"errors"
	"strings"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es/eventpb"
)

// Person is the codec of persons' events.
func Person() (eventpb.Codec[person.Event], error) {
	return eventpb.New(
		eventpb.Of[person.Event](packDecision, unpackDecision),
		eventpb.Of[person.Event](packDecisionRefused, unpackDecisionRefused),
		eventpb.Of[person.Event](packExpired, unpackExpired),
		eventpb.Of[person.Event](packInvalidated, unpackInvalidated),
		eventpb.Of[person.Event](packAllWithdrawn, unpackAllWithdrawn),
		eventpb.Of[person.Event](packAccepted, unpackAccepted),
		eventpb.Of[person.Event](packAcceptanceRefused, unpackAcceptanceRefused),
		eventpb.Of[person.Event](packSignal, unpackSignal),
		eventpb.Of[person.Event](packFact, unpackFact),
		eventpb.Of[person.Event](packNotified, unpackNotified),
		eventpb.Of[person.Event](packAuthorized, unpackAuthorized),
		eventpb.Of[person.Event](packRevoked, unpackRevoked),
		eventpb.Of[person.Event](packAuthorizationRefused, unpackAuthorizationRefused),
	)
}

var errStored = errors.New("stored event of a person is malformed")

// Status is a decision of the contract in the domain's words; zero for none.
func Status(d consentv1.Decision) person.Status {
	switch d {
	case consentv1.Decision_DECISION_GIVEN:
		return person.Given
	case consentv1.Decision_DECISION_REFUSED:
		return person.Refused
	case consentv1.Decision_DECISION_WITHDRAWN:
		return person.Withdrawn
	case consentv1.Decision_DECISION_OFFERED:
		return person.Offered
	case consentv1.Decision_DECISION_RENEWED:
		return person.Renewed
	case consentv1.Decision_DECISION_EXPIRED:
		return person.Expired
	case consentv1.Decision_DECISION_INVALIDATED:
		return person.Invalidated
	case consentv1.Decision_DECISION_UNSPECIFIED:
	}
	return 0
}

// Decision is the inverse of Status.
func Decision(s person.Status) consentv1.Decision {
	switch s {
	case person.Given:
		return consentv1.Decision_DECISION_GIVEN
	case person.Refused:
		return consentv1.Decision_DECISION_REFUSED
	case person.Withdrawn:
		return consentv1.Decision_DECISION_WITHDRAWN
	case person.Offered:
		return consentv1.Decision_DECISION_OFFERED
	case person.Renewed:
		return consentv1.Decision_DECISION_RENEWED
	case person.Expired:
		return consentv1.Decision_DECISION_EXPIRED
	case person.Invalidated:
		return consentv1.Decision_DECISION_INVALIDATED
	}
	return consentv1.Decision_DECISION_UNSPECIFIED
}

// Fact is a fact of the contract in the domain's words; zero for none.
func Fact(f consentv1.Fact) person.Fact {
	switch f {
	case consentv1.Fact_FACT_RESTRICTED:
		return person.Restricted
	case consentv1.Fact_FACT_UNRESTRICTED:
		return person.Unrestricted
	case consentv1.Fact_FACT_CLOSED:
		return person.Closed
	case consentv1.Fact_FACT_ERASED:
		return person.Erased
	case consentv1.Fact_FACT_MERGED:
		return person.MergedWith
	case consentv1.Fact_FACT_SEPARATED:
		return person.SeparatedFrom
	case consentv1.Fact_FACT_MINOR:
		return person.Minor
	case consentv1.Fact_FACT_NOT_MINOR:
		return person.NotMinor
	case consentv1.Fact_FACT_SIGNED_UP: // is told as the decisions that it brings
	case consentv1.Fact_FACT_UNSPECIFIED:
	}
	return 0
}

func factOf(f person.Fact) consentv1.Fact {
	switch f {
	case person.Restricted:
		return consentv1.Fact_FACT_RESTRICTED
	case person.Unrestricted:
		return consentv1.Fact_FACT_UNRESTRICTED
	case person.Closed:
		return consentv1.Fact_FACT_CLOSED
	case person.Erased:
		return consentv1.Fact_FACT_ERASED
	case person.MergedWith:
		return consentv1.Fact_FACT_MERGED
	case person.SeparatedFrom:
		return consentv1.Fact_FACT_SEPARATED
	case person.Minor:
		return consentv1.Fact_FACT_MINOR
	case person.NotMinor:
		return consentv1.Fact_FACT_NOT_MINOR
	}
	return consentv1.Fact_FACT_UNSPECIFIED
}

// Expression is how something was expressed.
func Expression(explicit bool) consentv1.Expression {
	if explicit {
		return consentv1.Expression_EXPRESSION_EXPLICIT
	}
	return consentv1.Expression_EXPRESSION_IMPLIED
}

func explicit(r *eventpb.Reader, e consentv1.Expression) bool {
	if e == consentv1.Expression_EXPRESSION_UNSPECIFIED {
		r.Fail(errStored)
	}
	return e == consentv1.Expression_EXPRESSION_EXPLICIT
}

func packDecision(_ *eventpb.Writer, e person.DecisionRecorded) *consentv1.DecisionRecorded {
	return &consentv1.DecisionRecorded{
		Policy: e.Policy, Version: e.Decision.Version, Purpose: e.Purpose, Category: e.Category,
		Decision: Decision(e.Decision.Status), Expression: Expression(e.Decision.Explicit),
		DecidedAt: eventpb.Stamp(e.Decision.DecidedAt), RecordedAt: eventpb.Stamp(e.Decision.RecordedAt),
		Evidence: e.Decision.Evidence, Recipients: e.Decision.Recipients, ExpiresAt: eventpb.Stamp(e.Decision.ExpiresAt),
		Circumstances: CircumstancesOf(e.Circumstances), Provenance: packProvenance(e.Provenance), Kept: e.Decision.Kept,
	}
}

func unpackDecision(r *eventpb.Reader, m *consentv1.DecisionRecorded) person.DecisionRecorded {
	status := Status(m.GetDecision())
	if status == 0 {
		r.Fail(errStored)
	}
	return person.DecisionRecorded{
		Policy: m.GetPolicy(), Purpose: m.GetPurpose(), Category: m.GetCategory(), Decision: person.Decision{
			Status: status, Explicit: explicit(r, m.GetExpression()), Evidence: m.GetEvidence(), Version: m.GetVersion(),
			DecidedAt: eventpb.Moment(m.GetDecidedAt()), RecordedAt: eventpb.Moment(m.GetRecordedAt()),
			Recipients: m.GetRecipients(), ExpiresAt: eventpb.Moment(m.GetExpiresAt()), Kept: m.GetKept(),
		}, Circumstances: Circumstances(m.GetCircumstances()), Provenance: provenance(m.GetProvenance()),
	}
}

func packDecisionRefused(_ *eventpb.Writer, e person.DecisionRefused) *consentv1.DecisionRefused {
	return &consentv1.DecisionRefused{Policy: e.Policy, Reason: e.Reason, Provenance: packProvenance(e.Provenance)}
}

func unpackDecisionRefused(_ *eventpb.Reader, m *consentv1.DecisionRefused) person.DecisionRefused {
	return person.DecisionRefused{Policy: m.GetPolicy(), Reason: m.GetReason(), Provenance: provenance(m.GetProvenance())}
}

// topicSeparator stands between a policy and a purpose; neither can hold it.
const topicSeparator = "/"

// Topics names purposes as callers and events do: "policy/purpose".
func Topics(topics []person.Topic) []string {
	out := make([]string, len(topics))
	for i, t := range topics {
		out[i] = t.Policy + topicSeparator + t.Name
	}
	return out
}

func packAllWithdrawn(_ *eventpb.Writer, e person.AllWithdrawn) *consentv1.AllWithdrawn {
	return &consentv1.AllWithdrawn{
		Purposes: Topics(e.Purposes), DecidedAt: eventpb.Stamp(e.DecidedAt), RecordedAt: eventpb.Stamp(e.RecordedAt),
		Circumstances: CircumstancesOf(e.Circumstances),
	}
}

func unpackAllWithdrawn(r *eventpb.Reader, m *consentv1.AllWithdrawn) person.AllWithdrawn {
	e := person.AllWithdrawn{
		DecidedAt: eventpb.Moment(m.GetDecidedAt()), RecordedAt: eventpb.Moment(m.GetRecordedAt()),
		Circumstances: Circumstances(m.GetCircumstances()),
	}
	for _, topic := range m.GetPurposes() {
		policy, purpose, ok := strings.Cut(topic, topicSeparator)
		if !ok {
			r.Fail(errStored)
		}
		e.Purposes = append(e.Purposes, person.Topic{Policy: policy, Name: purpose})
	}
	return e
}

func packAccepted(_ *eventpb.Writer, e person.PolicyAccepted) *consentv1.PolicyAccepted {
	return &consentv1.PolicyAccepted{
		Policy: e.Policy, Version: e.Version, Expression: Expression(e.Explicit), Evidence: e.Evidence,
		AcceptedAt: eventpb.Stamp(e.AcceptedAt), RecordedAt: eventpb.Stamp(e.RecordedAt),
	}
}

func unpackAccepted(r *eventpb.Reader, m *consentv1.PolicyAccepted) person.PolicyAccepted {
	return person.PolicyAccepted{
		Policy: m.GetPolicy(), Version: m.GetVersion(), Explicit: explicit(r, m.GetExpression()), Evidence: m.GetEvidence(),
		AcceptedAt: eventpb.Moment(m.GetAcceptedAt()), RecordedAt: eventpb.Moment(m.GetRecordedAt()),
	}
}

func packAcceptanceRefused(_ *eventpb.Writer, e person.AcceptanceRefused) *consentv1.AcceptanceRefused {
	return &consentv1.AcceptanceRefused{Policy: e.Policy, Reason: e.Reason}
}

func unpackAcceptanceRefused(_ *eventpb.Reader, m *consentv1.AcceptanceRefused) person.AcceptanceRefused {
	return person.AcceptanceRefused{Policy: m.GetPolicy(), Reason: m.GetReason()}
}

func packFact(_ *eventpb.Writer, e person.FactApplied) *consentv1.FactApplied {
	return &consentv1.FactApplied{
		Fact: factOf(e.Fact), Cause: e.Cause, Other: e.Other, Policy: e.Policy, RecordedAt: eventpb.Stamp(e.RecordedAt),
	}
}

func unpackFact(r *eventpb.Reader, m *consentv1.FactApplied) person.FactApplied {
	fact := Fact(m.GetFact())
	if fact == 0 {
		r.Fail(errStored)
	}
	return person.FactApplied{
		Fact: fact, Cause: m.GetCause(), Other: m.GetOther(), Policy: m.GetPolicy(), RecordedAt: eventpb.Moment(m.GetRecordedAt()),
	}
}
