package wire

import (
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/check"
	"habeas.internal/services/consent/disclosure"
	"habeas.internal/services/internal/es/eventpb"
)

// Disclosure is the codec of registers' events.
func Disclosure() (eventpb.Codec[disclosure.Event], error) {
	return eventpb.New(
		eventpb.Of[disclosure.Event](packDisclosed, unpackDisclosed),
		eventpb.Of[disclosure.Event](packDisclosureRefused, unpackDisclosureRefused),
	)
}

// Action is an action of the contract in the domain's words; empty for none.
func Action(a consentv1.Action) check.Action {
	switch a {
	case consentv1.Action_ACTION_COLLECT:
		return check.Collect
	case consentv1.Action_ACTION_ACCESS:
		return check.Access
	case consentv1.Action_ACTION_USE:
		return check.Use
	case consentv1.Action_ACTION_PRESERVE:
		return check.Preserve
	case consentv1.Action_ACTION_DISCLOSE:
		return check.Disclose
	case consentv1.Action_ACTION_UNSPECIFIED:
	}
	return ""
}

// Done is the inverse of Action.
func Done(a string) consentv1.Action {
	switch check.Action(a) {
	case check.Collect:
		return consentv1.Action_ACTION_COLLECT
	case check.Access:
		return consentv1.Action_ACTION_ACCESS
	case check.Use:
		return consentv1.Action_ACTION_USE
	case check.Preserve:
		return consentv1.Action_ACTION_PRESERVE
	case check.Disclose:
		return consentv1.Action_ACTION_DISCLOSE
	}
	return consentv1.Action_ACTION_UNSPECIFIED
}

func packDisclosed(_ *eventpb.Writer, e disclosure.Disclosed) *consentv1.Disclosed {
	return &consentv1.Disclosed{
		Number: e.Number, Recipient: e.Recipient, Action: Done(e.Action), Policy: e.Policy, Version: e.Version, Purpose: e.Purpose,
		Categories: e.Categories, Keys: e.Keys, Agreement: e.Agreement, Marketing: e.Marketing,
		Reason: e.Reason, Basis: e.Basis, Clause: e.Clause, Belief: e.Ground.Belief, BelievedBy: e.Ground.BelievedBy,
		Document: e.Ground.Document, Imminent: e.Ground.Imminent, At: eventpb.Stamp(e.At),
	}
}

func unpackDisclosed(_ *eventpb.Reader, m *consentv1.Disclosed) disclosure.Disclosed {
	return disclosure.Disclosed{Number: m.GetNumber(), At: eventpb.Moment(m.GetAt()), Entry: disclosure.Entry{
		Recipient: m.GetRecipient(), Action: string(Action(m.GetAction())), Policy: m.GetPolicy(), Version: m.GetVersion(), Purpose: m.GetPurpose(),
		Categories: m.GetCategories(), Keys: m.GetKeys(), Agreement: m.GetAgreement(), Marketing: m.GetMarketing(),
		Reason: m.GetReason(), Basis: m.GetBasis(), Clause: m.GetClause(), Ground: disclosure.Ground{
			Belief: m.GetBelief(), BelievedBy: m.GetBelievedBy(), Document: m.GetDocument(), Imminent: m.GetImminent(),
		},
	}}
}

func packDisclosureRefused(_ *eventpb.Writer, e disclosure.Refused) *consentv1.DisclosureRefused {
	return &consentv1.DisclosureRefused{Recipient: e.Recipient, Policy: e.Policy, Purpose: e.Purpose, Reason: e.Reason}
}

func unpackDisclosureRefused(_ *eventpb.Reader, m *consentv1.DisclosureRefused) disclosure.Refused {
	return disclosure.Refused{Recipient: m.GetRecipient(), Policy: m.GetPolicy(), Purpose: m.GetPurpose(), Reason: m.GetReason()}
}
