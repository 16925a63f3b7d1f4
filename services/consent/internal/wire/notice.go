package wire

import (
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es/eventpb"
)

func packNotified(_ *eventpb.Writer, e person.Notified) *consentv1.PersonNotified {
	return &consentv1.PersonNotified{
		Recipient: e.Recipient, NotifiedAt: eventpb.Stamp(e.NotifiedAt), Evidence: e.Evidence, RecordedAt: eventpb.Stamp(e.RecordedAt),
	}
}

func unpackNotified(_ *eventpb.Reader, m *consentv1.PersonNotified) person.Notified {
	return person.Notified{
		Recipient: m.GetRecipient(), NotifiedAt: eventpb.Moment(m.GetNotifiedAt()), Evidence: m.GetEvidence(),
		RecordedAt: eventpb.Moment(m.GetRecordedAt()),
	}
}
