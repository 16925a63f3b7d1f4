// Package wire is the stored form of consent's events. None of them holds
// personal data: what a person decided stands under a random reference.
package wire

import (
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/internal/es/eventpb"
)

// Policy is the codec of policies' events.
func Policy() (eventpb.Codec[policy.Event], error) {
	return eventpb.New(
		eventpb.Of[policy.Event](packPublished, unpackPublished),
		eventpb.Of[policy.Event](packPublishingRefused, unpackPublishingRefused),
		eventpb.Of[policy.Event](packPosted, unpackPosted),
		eventpb.Of[policy.Event](packPostingRefused, unpackPostingRefused),
	)
}

func packPublished(_ *eventpb.Writer, e policy.Published) *consentv1.PolicyPublished {
	return &consentv1.PolicyPublished{
		Policy: e.Policy, Version: e.Version, Document: e.Document, Hash: e.Hash, TextHash: e.TextHash,
		EffectiveAt: eventpb.Stamp(e.Effective), RecordedAt: eventpb.Stamp(e.Recorded),
		Reduces: e.Reduces, NoticeNeeded: e.Notice,
	}
}

func unpackPublished(_ *eventpb.Reader, m *consentv1.PolicyPublished) policy.Published {
	return policy.Published{
		Policy: m.GetPolicy(), Version: m.GetVersion(), Document: m.GetDocument(), Hash: m.GetHash(), TextHash: m.GetTextHash(),
		Effective: eventpb.Moment(m.GetEffectiveAt()), Recorded: eventpb.Moment(m.GetRecordedAt()),
		Reduces: m.GetReduces(), Notice: m.GetNoticeNeeded(),
	}
}

func packPublishingRefused(_ *eventpb.Writer, e policy.PublishingRefused) *consentv1.PublishingRefused {
	return &consentv1.PublishingRefused{Version: e.Version, Reason: e.Reason}
}

func unpackPublishingRefused(_ *eventpb.Reader, m *consentv1.PublishingRefused) policy.PublishingRefused {
	return policy.PublishingRefused{Version: m.GetVersion(), Reason: m.GetReason()}
}

func packPosted(_ *eventpb.Writer, e policy.Posted) *consentv1.PolicyPosted {
	return &consentv1.PolicyPosted{
		Policy: e.Policy, Version: e.Version, TextHash: e.TextHash,
		PostedAt: eventpb.Stamp(e.PostedAt), RecordedAt: eventpb.Stamp(e.Recorded), ProminentNotice: e.Notice,
	}
}

func unpackPosted(_ *eventpb.Reader, m *consentv1.PolicyPosted) policy.Posted {
	return policy.Posted{
		Policy: m.GetPolicy(), Version: m.GetVersion(), TextHash: m.GetTextHash(),
		PostedAt: eventpb.Moment(m.GetPostedAt()), Recorded: eventpb.Moment(m.GetRecordedAt()), Notice: m.GetProminentNotice(),
	}
}

func packPostingRefused(_ *eventpb.Writer, e policy.PostingRefused) *consentv1.PostingRefused {
	return &consentv1.PostingRefused{Version: e.Version, Reason: e.Reason}
}

func unpackPostingRefused(_ *eventpb.Reader, m *consentv1.PostingRefused) policy.PostingRefused {
	return policy.PostingRefused{Version: m.GetVersion(), Reason: m.GetReason()}
}
