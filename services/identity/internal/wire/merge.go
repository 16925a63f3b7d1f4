package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es/eventpb"
)

// merges pairs the events about merges.
func merges() []eventpb.Entry[subject.Event] {
	return []eventpb.Entry[subject.Event]{
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.SignedUp) *identityv1.SignedUp {
				return &identityv1.SignedUp{SignedUpAt: eventpb.Stamp(e.At)}
			},
			func(_ *eventpb.Reader, m *identityv1.SignedUp) subject.SignedUp {
				return subject.SignedUp{At: eventpb.Moment(m.GetSignedUpAt())}
			}),
		eventpb.Of[subject.Event](packMergeBegun, unpackMergeBegun),
		eventpb.Of[subject.Event](packMerged, unpackMerged),
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.MergeDeclined) *identityv1.MergeDeclined {
				return &identityv1.MergeDeclined{Merge: e.Merge, Reason: e.Reason}
			},
			func(_ *eventpb.Reader, m *identityv1.MergeDeclined) subject.MergeDeclined {
				return subject.MergeDeclined{Merge: m.GetMerge(), Reason: m.GetReason()}
			}),
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.MergeCompleted) *identityv1.MergeCompleted {
				return &identityv1.MergeCompleted{Merge: e.Merge}
			},
			func(_ *eventpb.Reader, m *identityv1.MergeCompleted) subject.MergeCompleted {
				return subject.MergeCompleted{Merge: m.GetMerge()}
			}),
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.MergeAbandoned) *identityv1.MergeAbandoned {
				return &identityv1.MergeAbandoned{Merge: e.Merge, Reason: e.Reason}
			},
			func(_ *eventpb.Reader, m *identityv1.MergeAbandoned) subject.MergeAbandoned {
				return subject.MergeAbandoned{Merge: m.GetMerge(), Reason: m.GetReason()}
			}),
		eventpb.Of[subject.Event](packSeparated, unpackSeparated),
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.MergeUndone) *identityv1.MergeUndone {
				return &identityv1.MergeUndone{Merge: e.Merge}
			},
			func(_ *eventpb.Reader, m *identityv1.MergeUndone) subject.MergeUndone {
				return subject.MergeUndone{Merge: m.GetMerge()}
			}),
		eventpb.Of[subject.Event](packTouched, unpackTouched),
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.SeparationDelayed) *identityv1.SeparationDelayed {
				return &identityv1.SeparationDelayed{Merge: e.Merge, DelayedAt: eventpb.Stamp(e.At)}
			},
			func(_ *eventpb.Reader, m *identityv1.SeparationDelayed) subject.SeparationDelayed {
				return subject.SeparationDelayed{Merge: m.GetMerge(), At: eventpb.Moment(m.GetDelayedAt())}
			}),
		eventpb.Of[subject.Event](
			func(_ *eventpb.Writer, e subject.SearchBegun) *identityv1.SearchBegun {
				return &identityv1.SearchBegun{Request: e.Request, Until: eventpb.Stamp(e.Until)}
			},
			func(_ *eventpb.Reader, m *identityv1.SearchBegun) subject.SearchBegun {
				return subject.SearchBegun{Request: m.GetRequest(), Until: eventpb.Moment(m.GetUntil())}
			}),
		eventpb.Of[subject.Event](packFixed, unpackFixed),
		eventpb.Of[subject.Event](packReleased, unpackReleased),
	}
}

func packMergeBegun(_ *eventpb.Writer, e subject.MergeBegun) *identityv1.MergeBegun {
	return &identityv1.MergeBegun{Merge: e.Merge, Into: e.Into, Evidence: e.Evidence, BegunAt: eventpb.Stamp(e.At)}
}

func unpackMergeBegun(_ *eventpb.Reader, m *identityv1.MergeBegun) subject.MergeBegun {
	return subject.MergeBegun{Merge: m.GetMerge(), Into: m.GetInto(), Evidence: m.GetEvidence(), At: eventpb.Moment(m.GetBegunAt())}
}

func packMerged(_ *eventpb.Writer, e subject.Merged) *identityv1.SubjectsMerged {
	return &identityv1.SubjectsMerged{Merge: e.Merge, Other: e.Other, Evidence: e.Evidence, MergedAt: eventpb.Stamp(e.At)}
}

func unpackMerged(_ *eventpb.Reader, m *identityv1.SubjectsMerged) subject.Merged {
	return subject.Merged{Merge: m.GetMerge(), Other: m.GetOther(), Evidence: m.GetEvidence(), At: eventpb.Moment(m.GetMergedAt())}
}

func packSeparated(_ *eventpb.Writer, e subject.Separated) *identityv1.SubjectsSeparated {
	return &identityv1.SubjectsSeparated{
		Merge: e.Merge, Other: e.Other, Reason: e.Reason, Reads: e.Reads, Touches: e.Touches, Truncated: e.Truncated, SeparatedAt: eventpb.Stamp(e.At),
	}
}

func unpackSeparated(_ *eventpb.Reader, m *identityv1.SubjectsSeparated) subject.Separated {
	return subject.Separated{
		Merge: m.GetMerge(), Other: m.GetOther(), Reason: m.GetReason(), Reads: m.GetReads(), Touches: m.GetTouches(), Truncated: m.GetTruncated(),
		At: eventpb.Moment(m.GetSeparatedAt()),
	}
}

func packTouched(_ *eventpb.Writer, e subject.Touched) *identityv1.MergedSubjectTouched {
	return &identityv1.MergedSubjectTouched{
		Kind: string(e.Touch.Kind), Reference: e.Touch.Reference, TouchedAt: eventpb.Stamp(e.Touch.At),
	}
}

func unpackTouched(_ *eventpb.Reader, m *identityv1.MergedSubjectTouched) subject.Touched {
	return subject.Touched{Touch: subject.Touch{
		Kind: subject.TouchKind(m.GetKind()), Reference: m.GetReference(), At: eventpb.Moment(m.GetTouchedAt()),
	}}
}
