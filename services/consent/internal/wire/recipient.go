package wire

import (
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/recipient"
	"habeas.internal/services/internal/es/eventpb"
)

// Recipient is the codec of recipients' events.
func Recipient() (eventpb.Codec[recipient.Event], error) {
	return eventpb.New(
		eventpb.Of[recipient.Event](packRegistered, unpackRegistered),
		eventpb.Of[recipient.Event](packAgreed, unpackAgreed),
		eventpb.Of[recipient.Event](packConfirmed, unpackConfirmed),
		eventpb.Of[recipient.Event](packEnded, unpackEnded),
		eventpb.Of[recipient.Event](packSuccession, unpackSuccession),
		eventpb.Of[recipient.Event](packChangeRefused, unpackChangeRefused),
	)
}

// Consideration is what the contract says is given, in the domain's words; zero
// for nothing stated.
func Consideration(c consentv1.Consideration) recipient.Consideration {
	switch c {
	case consentv1.Consideration_CONSIDERATION_NONE:
		return recipient.Nothing
	case consentv1.Consideration_CONSIDERATION_MONEY:
		return recipient.Money
	case consentv1.Consideration_CONSIDERATION_OTHER_VALUE:
		return recipient.OtherValue
	case consentv1.Consideration_CONSIDERATION_UNSPECIFIED:
	}
	return 0
}

// Given is the inverse of Consideration.
func Given(c recipient.Consideration) consentv1.Consideration {
	switch c {
	case recipient.Nothing:
		return consentv1.Consideration_CONSIDERATION_NONE
	case recipient.Money:
		return consentv1.Consideration_CONSIDERATION_MONEY
	case recipient.OtherValue:
		return consentv1.Consideration_CONSIDERATION_OTHER_VALUE
	}
	return consentv1.Consideration_CONSIDERATION_UNSPECIFIED
}

func packRegistered(_ *eventpb.Writer, e recipient.Registered) *consentv1.RecipientRegistered {
	return &consentv1.RecipientRegistered{
		Kind: e.Kind, Title: e.Title, Contact: e.Contact, Region: e.Region, OwnUse: e.OwnUse, Hosting: e.Hosting,
		RecordedAt: eventpb.Stamp(e.RecordedAt),
	}
}

func unpackRegistered(_ *eventpb.Reader, m *consentv1.RecipientRegistered) recipient.Registered {
	return recipient.Registered{Profile: recipient.Profile{
		Kind: m.GetKind(), Title: m.GetTitle(), Contact: m.GetContact(), Region: m.GetRegion(), OwnUse: m.GetOwnUse(), Hosting: m.GetHosting(),
	}, RecordedAt: eventpb.Moment(m.GetRecordedAt())}
}

func packAgreed(_ *eventpb.Writer, e recipient.Agreed) *consentv1.RecipientAgreed {
	return &consentv1.RecipientAgreed{
		Number: e.Number, Undertakings: e.Undertakings, Categories: e.Categories, Purposes: e.Purposes,
		Consideration: Given(e.Consideration), BusinessAssociate: e.Associate, From: eventpb.Stamp(e.From), Until: eventpb.Stamp(e.Until),
		ConfirmedAt: eventpb.Stamp(e.ConfirmedAt), Mechanism: e.Mechanism.Kind, MechanismOrigins: e.Mechanism.Origins,
		MechanismUntil: eventpb.Stamp(e.Mechanism.Until), Document: e.Document, RecordedAt: eventpb.Stamp(e.RecordedAt),
	}
}

func unpackAgreed(_ *eventpb.Reader, m *consentv1.RecipientAgreed) recipient.Agreed {
	return recipient.Agreed{Agreement: recipient.Agreement{
		Number: m.GetNumber(), Undertakings: m.GetUndertakings(), Categories: m.GetCategories(), Purposes: m.GetPurposes(),
		Consideration: Consideration(m.GetConsideration()), Associate: m.GetBusinessAssociate(),
		From: eventpb.Moment(m.GetFrom()), Until: eventpb.Moment(m.GetUntil()), ConfirmedAt: eventpb.Moment(m.GetConfirmedAt()),
		Mechanism: recipient.Mechanism{Kind: m.GetMechanism(), Origins: m.GetMechanismOrigins(), Until: eventpb.Moment(m.GetMechanismUntil())},
		Document:  m.GetDocument(),
	}, RecordedAt: eventpb.Moment(m.GetRecordedAt())}
}

func packConfirmed(_ *eventpb.Writer, e recipient.Confirmed) *consentv1.RecipientConfirmed {
	return &consentv1.RecipientConfirmed{ConfirmedAt: eventpb.Stamp(e.ConfirmedAt), RecordedAt: eventpb.Stamp(e.RecordedAt)}
}

func unpackConfirmed(_ *eventpb.Reader, m *consentv1.RecipientConfirmed) recipient.Confirmed {
	return recipient.Confirmed{ConfirmedAt: eventpb.Moment(m.GetConfirmedAt()), RecordedAt: eventpb.Moment(m.GetRecordedAt())}
}

func packEnded(_ *eventpb.Writer, e recipient.Ended) *consentv1.AgreementEnded {
	return &consentv1.AgreementEnded{Number: e.Number, Reason: e.Reason, At: eventpb.Stamp(e.At)}
}

func unpackEnded(_ *eventpb.Reader, m *consentv1.AgreementEnded) recipient.Ended {
	return recipient.Ended{Number: m.GetNumber(), Reason: m.GetReason(), At: eventpb.Moment(m.GetAt())}
}

func packSuccession(_ *eventpb.Writer, e recipient.SuccessionRecorded) *consentv1.SuccessionRecorded {
	return &consentv1.SuccessionRecorded{Event: e.Event, From: eventpb.Stamp(e.From), RecordedAt: eventpb.Stamp(e.RecordedAt)}
}

func unpackSuccession(_ *eventpb.Reader, m *consentv1.SuccessionRecorded) recipient.SuccessionRecorded {
	return recipient.SuccessionRecorded{
		Succession: recipient.Succession{Event: m.GetEvent(), From: eventpb.Moment(m.GetFrom())},
		RecordedAt: eventpb.Moment(m.GetRecordedAt()),
	}
}

func packChangeRefused(_ *eventpb.Writer, e recipient.Refused) *consentv1.RecipientChangeRefused {
	return &consentv1.RecipientChangeRefused{Reason: e.Reason}
}

func unpackChangeRefused(_ *eventpb.Reader, m *consentv1.RecipientChangeRefused) recipient.Refused {
	return recipient.Refused{Reason: m.GetReason()}
}
