package wire

import (
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/statistic"
	"habeas.internal/services/internal/es/eventpb"
)

// Statistic is the codec of statistics' events.
func Statistic() (eventpb.Codec[statistic.Event], error) {
	return eventpb.New(
		eventpb.Of[statistic.Event](packCounted, unpackCounted),
		eventpb.Of[statistic.Event](packDetermined, unpackDetermined),
		eventpb.Of[statistic.Event](packReleased, unpackReleased),
		eventpb.Of[statistic.Event](packReleaseRefused, unpackReleaseRefused),
	)
}

// Identifiers are the contract's, in the domain's numbers, which are the same.
func Identifiers(list []consentv1.IdentifyingValue) []statistic.Identifier {
	var out []statistic.Identifier
	for _, v := range list {
		out = append(out, statistic.Identifier(v))
	}
	return out
}

// Identifying is the inverse of Identifiers.
func Identifying(list []statistic.Identifier) []consentv1.IdentifyingValue {
	var out []consentv1.IdentifyingValue
	for _, v := range list {
		out = append(out, consentv1.IdentifyingValue(v)) //nolint:gosec // at most eighteen
	}
	return out
}

func packCounted(_ *eventpb.Writer, e statistic.Counted) *consentv1.StatisticCounted {
	return &consentv1.StatisticCounted{
		Number: e.Number, Cells: packCells(e.Cells), Categories: e.Categories, Identifiers: Identifying(e.Identifiers),
		Examined: e.Examined, CountedAt: eventpb.Stamp(e.CountedAt), CountedBy: e.By, RecordedAt: eventpb.Stamp(e.RecordedAt),
	}
}

func unpackCounted(_ *eventpb.Reader, m *consentv1.StatisticCounted) statistic.Counted {
	return statistic.Counted{Counts: statistic.Counts{
		Number: m.GetNumber(), Cells: unpackCells(m.GetCells()), Categories: m.GetCategories(), Identifiers: Identifiers(m.GetIdentifiers()),
		Examined: m.GetExamined(), CountedAt: eventpb.Moment(m.GetCountedAt()), By: m.GetCountedBy(),
	}, RecordedAt: eventpb.Moment(m.GetRecordedAt())}
}

func packCells(cells []statistic.Cell) []*consentv1.StatisticCell {
	var out []*consentv1.StatisticCell
	for _, c := range cells {
		out = append(out, &consentv1.StatisticCell{Name: c.Name, Count: c.Count, Complement: c.Complement})
	}
	return out
}

func unpackCells(cells []*consentv1.StatisticCell) []statistic.Cell {
	var out []statistic.Cell
	for _, c := range cells {
		out = append(out, statistic.Cell{Name: c.GetName(), Figure: statistic.Figure{Count: c.GetCount(), Complement: c.GetComplement()}})
	}
	return out
}

func packDetermined(_ *eventpb.Writer, e statistic.Determined) *consentv1.StatisticDetermined {
	return &consentv1.StatisticDetermined{
		Document: e.Document, Expert: e.Expert, From: eventpb.Stamp(e.From), Until: eventpb.Stamp(e.Until),
		RecordedAt: eventpb.Stamp(e.RecordedAt),
	}
}

func unpackDetermined(_ *eventpb.Reader, m *consentv1.StatisticDetermined) statistic.Determined {
	return statistic.Determined{Determination: statistic.Determination{
		Document: m.GetDocument(), Expert: m.GetExpert(), From: eventpb.Moment(m.GetFrom()), Until: eventpb.Moment(m.GetUntil()),
	}, RecordedAt: eventpb.Moment(m.GetRecordedAt())}
}

func packReleased(_ *eventpb.Writer, e statistic.Released) *consentv1.StatisticReleased {
	return &consentv1.StatisticReleased{
		Number: e.Number, Counts: e.Counts, Cells: packCells(e.Cells), Policy: e.Policy, Version: e.Verdict.Version, Purpose: e.Purpose,
		Recipient: e.Recipient, Reason: e.Verdict.Reason, Basis: e.Verdict.Basis, Clause: e.Verdict.Clause, At: eventpb.Stamp(e.At),
	}
}

func unpackReleased(_ *eventpb.Reader, m *consentv1.StatisticReleased) statistic.Released {
	return statistic.Released{
		Number: m.GetNumber(), Counts: m.GetCounts(), Cells: unpackCells(m.GetCells()), Policy: m.GetPolicy(), Purpose: m.GetPurpose(),
		Recipient: m.GetRecipient(), Verdict: statistic.Verdict{
			Allowed: true, Reason: m.GetReason(), Basis: m.GetBasis(), Clause: m.GetClause(), Version: m.GetVersion(),
		}, At: eventpb.Moment(m.GetAt()),
	}
}

func packReleaseRefused(_ *eventpb.Writer, e statistic.Refused) *consentv1.StatisticRefused {
	return &consentv1.StatisticRefused{Policy: e.Policy, Reason: e.Reason}
}

func unpackReleaseRefused(_ *eventpb.Reader, m *consentv1.StatisticRefused) statistic.Refused {
	return statistic.Refused{Policy: m.GetPolicy(), Reason: m.GetReason()}
}
