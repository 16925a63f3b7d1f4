package wire

import (
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/intake"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es/eventpb"
)

// Intake is the codec of imports' events.
func Intake() (eventpb.Codec[intake.Event], error) {
	return eventpb.New(
		eventpb.Of[intake.Event](packBegun, unpackBegun),
		eventpb.Of[intake.Event](packResumed, unpackResumed),
		eventpb.Of[intake.Event](packProgressed, unpackProgressed),
		eventpb.Of[intake.Event](packFinished, unpackFinished),
	)
}

func packBegun(_ *eventpb.Writer, e intake.Begun) *consentv1.ImportBegun {
	return &consentv1.ImportBegun{
		Source: e.Source, FileDigest: e.Digest, EvidenceKind: e.Evidence, Rows: e.Rows, By: e.By, At: eventpb.Stamp(e.At),
	}
}

func unpackBegun(_ *eventpb.Reader, m *consentv1.ImportBegun) intake.Begun {
	return intake.Begun{
		File: intake.File{Source: m.GetSource(), Digest: m.GetFileDigest(), Evidence: m.GetEvidenceKind(), Rows: m.GetRows()},
		By:   m.GetBy(), At: eventpb.Moment(m.GetAt()),
	}
}

func packResumed(_ *eventpb.Writer, e intake.Resumed) *consentv1.ImportResumed {
	return &consentv1.ImportResumed{By: e.By, At: eventpb.Stamp(e.At)}
}

func unpackResumed(_ *eventpb.Reader, m *consentv1.ImportResumed) intake.Resumed {
	return intake.Resumed{By: m.GetBy(), At: eventpb.Moment(m.GetAt())}
}

func packProgressed(_ *eventpb.Writer, e intake.Progressed) *consentv1.ImportProgressed {
	out := &consentv1.ImportProgressed{Done: e.Done, Recorded: e.Recorded, At: eventpb.Stamp(e.At)}
	for _, r := range e.Refused {
		out.Refused = append(out.Refused, &consentv1.RowRefused{Row: r.Number, Line: r.Line, Reason: r.Reason, Field: r.Field})
	}
	return out
}

func unpackProgressed(_ *eventpb.Reader, m *consentv1.ImportProgressed) intake.Progressed {
	out := intake.Progressed{Done: m.GetDone(), Recorded: m.GetRecorded(), At: eventpb.Moment(m.GetAt())}
	for _, r := range m.GetRefused() {
		out.Refused = append(out.Refused, intake.Row{Number: r.GetRow(), Line: r.GetLine(), Reason: r.GetReason(), Field: r.GetField()})
	}
	return out
}

func packFinished(_ *eventpb.Writer, e intake.Finished) *consentv1.ImportFinished {
	return &consentv1.ImportFinished{Recorded: e.Recorded, Refused: e.Refused, At: eventpb.Stamp(e.At)}
}

func unpackFinished(_ *eventpb.Reader, m *consentv1.ImportFinished) intake.Finished {
	return intake.Finished{Recorded: m.GetRecorded(), Refused: m.GetRefused(), At: eventpb.Moment(m.GetAt())}
}

func packProvenance(p person.Provenance) *consentv1.Provenance {
	if p == (person.Provenance{}) {
		return nil
	}
	return &consentv1.Provenance{Import: p.Import, Row: p.Row}
}

func provenance(m *consentv1.Provenance) person.Provenance {
	return person.Provenance{Import: m.GetImport(), Row: m.GetRow()}
}
