package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/seal"
)

// ages pairs the events about ages. A date of birth is sealed as identifiers are.
func ages() []eventpb.Entry[subject.Event] {
	return []eventpb.Entry[subject.Event]{
		eventpb.Of[subject.Event](packAge, unpackAge),
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.MandateGiven) *identityv1.MandateRecorded {
				return &identityv1.MandateRecorded{Kind: e.Mandate.How, Evidence: e.Mandate.Evidence, RecordedAt: eventpb.Stamp(e.At)}
			},
			func(_ *eventpb.Reader, m *identityv1.MandateRecorded) subject.MandateGiven {
				return subject.MandateGiven{
					Mandate: subject.Shown{How: m.GetKind(), Evidence: m.GetEvidence()}, At: eventpb.Moment(m.GetRecordedAt()),
				}
			}),
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.MandateEnded) *identityv1.MandateEnded {
				return &identityv1.MandateEnded{EndedAt: eventpb.Stamp(e.At)}
			},
			func(_ *eventpb.Reader, m *identityv1.MandateEnded) subject.MandateEnded {
				return subject.MandateEnded{At: eventpb.Moment(m.GetEndedAt())}
			}),
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.ParentAgreed) *identityv1.ParentalConsentRecorded {
				return &identityv1.ParentalConsentRecorded{Method: e.Consent.How, Evidence: e.Consent.Evidence, RecordedAt: eventpb.Stamp(e.At)}
			},
			func(_ *eventpb.Reader, m *identityv1.ParentalConsentRecorded) subject.ParentAgreed {
				return subject.ParentAgreed{
					Consent: subject.Shown{How: m.GetMethod(), Evidence: m.GetEvidence()}, At: eventpb.Moment(m.GetRecordedAt()),
				}
			}),
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.ParentWithdrew) *identityv1.ParentalConsentWithdrawn {
				return &identityv1.ParentalConsentWithdrawn{WithdrawnAt: eventpb.Stamp(e.At)}
			},
			func(_ *eventpb.Reader, m *identityv1.ParentalConsentWithdrawn) subject.ParentWithdrew {
				return subject.ParentWithdrew{At: eventpb.Moment(m.GetWithdrawnAt())}
			}),
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.MinorBlocked) *identityv1.MinorBlocked {
				return &identityv1.MinorBlocked{Policy: e.Policy, Request: e.Request, Command: e.Command, BlockedAt: eventpb.Stamp(e.At)}
			},
			func(_ *eventpb.Reader, m *identityv1.MinorBlocked) subject.MinorBlocked {
				return subject.MinorBlocked{
					Policy: m.GetPolicy(), Request: m.GetRequest(), Command: m.GetCommand(), At: eventpb.Moment(m.GetBlockedAt()),
				}
			}),
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.MinorUnblocked) *identityv1.MinorUnblocked {
				return &identityv1.MinorUnblocked{Policy: e.Policy, UnblockedAt: eventpb.Stamp(e.At)}
			},
			func(_ *eventpb.Reader, m *identityv1.MinorUnblocked) subject.MinorUnblocked {
				return subject.MinorUnblocked{Policy: m.GetPolicy(), At: eventpb.Moment(m.GetUnblockedAt())}
			}),
	}
}

// pathBirth is the path of a date of birth in its event.
const pathBirth = "birth_date"

func packAge(w *eventpb.Writer, e subject.AgeStated) *identityv1.AgeStated {
	out := &identityv1.AgeStated{Source: string(e.Age.Source), Evidence: e.Evidence, StatedAt: eventpb.Stamp(e.At)}
	if e.Age.Source != subject.AgeAlleged {
		out.BirthDate = w.Seal(seal.Subject, w.Aggregate().ID, sealv1.KeyClass_KEY_CLASS_PROFILE, pathBirth, e.Age.Birth)
	}
	return out
}

func unpackAge(r *eventpb.Reader, m *identityv1.AgeStated) subject.AgeStated {
	out := subject.AgeStated{Age: subject.Age{Source: subject.AgeSource(m.GetSource())}, Evidence: m.GetEvidence(), At: eventpb.Moment(m.GetStatedAt())}
	if m.GetBirthDate() != nil {
		out.Age.Birth = r.Text(m.GetBirthDate(), pathBirth)
	}
	return out
}
