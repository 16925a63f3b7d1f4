package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/evidence"
	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/seal"
)

// pathData is the path of a part of evidence in its event.
const pathData = "data"

// Evidence is the codec of evidence. Its parts are sealed under the evidence key
// of the request, whose id is the aggregate's.
func Evidence() (eventpb.Codec[evidence.Event], error) {
	return eventpb.New(
		eventpb.Of[evidence.Event](func(w *eventpb.Writer, e evidence.Kept) *identityv1.EvidenceKept {
			return &identityv1.EvidenceKept{
				Check: e.Check, Part: e.Number, EndsAt: eventpb.Stamp(e.EndsAt),
				Data: w.Seal(seal.Request, w.Aggregate().ID, sealv1.KeyClass_KEY_CLASS_EVIDENCE, pathData, e.Data),
			}
		}, func(r *eventpb.Reader, m *identityv1.EvidenceKept) evidence.Kept {
			return evidence.Kept{
				Part:   evidence.Part{Check: m.GetCheck(), Number: m.GetPart(), Data: r.Text(m.GetData(), pathData)},
				EndsAt: eventpb.Moment(m.GetEndsAt()),
			}
		}),
		eventpb.Of[evidence.Event](func(_ *eventpb.Writer, e evidence.Destroyed) *identityv1.EvidenceDestroyed {
			return &identityv1.EvidenceDestroyed{Reason: e.Reason, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *identityv1.EvidenceDestroyed) evidence.Destroyed {
			return evidence.Destroyed{Reason: m.GetReason(), At: eventpb.Moment(m.GetAt())}
		}),
	)
}

func packCheckBegun(_ *eventpb.Writer, e verification.CheckBegun) *identityv1.VerificationCheckBegun {
	return &identityv1.VerificationCheckBegun{By: e.By, Until: eventpb.Stamp(e.Until)}
}

func unpackCheckBegun(_ *eventpb.Reader, m *identityv1.VerificationCheckBegun) verification.CheckBegun {
	return verification.CheckBegun{By: m.GetBy(), Until: eventpb.Moment(m.GetUntil())}
}

func packChecked(_ *eventpb.Writer, e verification.Checked) *identityv1.VerificationChecked {
	m := &identityv1.VerificationChecked{
		By: e.By, Method: identityv1.CheckMethod(e.How), Declared: e.Declared, Doubt: e.Doubt,
		Result: identityv1.CheckResult(e.Result), EvidenceBytes: e.Evidence, At: eventpb.Stamp(e.At),
	}
	for _, p := range e.Points {
		m.Points = append(m.Points, identityv1.CheckPoint(p))
	}
	return m
}

func unpackChecked(_ *eventpb.Reader, m *identityv1.VerificationChecked) verification.Checked {
	return verification.Checked{
		By: m.GetBy(), How: verification.How(m.GetMethod()), Points: PointsOf(m.GetPoints()), Declared: m.GetDeclared(), Doubt: m.GetDoubt(), //nolint:gosec // a defined method
		Result: verification.Result(m.GetResult()), Evidence: m.GetEvidenceBytes(), At: eventpb.Moment(m.GetAt()), //nolint:gosec // a defined result
	}
}

// PointsOf are points that were compared, as the domain has them.
func PointsOf(points []identityv1.CheckPoint) verification.Points {
	var out verification.Points
	for _, p := range points {
		out = append(out, uint8(p)) //nolint:gosec // a defined point
	}
	return out
}
