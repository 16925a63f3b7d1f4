package law_test

import (
	"errors"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/law"
)

func TestCheckExtension(t *testing.T) {
	q := erasure(t, "2026-06-11", months(), days())
	monthEnd := date(t, "2026-07-13").End(q.Zone)
	good := law.Extension{Pack: "gdpr", Reason: "complexity", NoticeAt: monthEnd.Add(-1)}
	for _, tc := range []struct {
		name   string
		before []law.Extension
		with   law.Extension
		err    error
	}{
		{"with notice in the last instant of the base period", nil, good, nil},
		{"a notice at midnight is too late", nil, law.Extension{Pack: "gdpr", Reason: "r", NoticeAt: monthEnd}, law.ErrExtensionNoticeLate},
		{"without notice", nil, law.Extension{Pack: "gdpr", Reason: "r"}, law.ErrExtensionWithoutNotice},
		{"without reason", nil, law.Extension{Pack: "gdpr", NoticeAt: q.ReceivedAt}, law.ErrExtensionWithoutReason},
		{"a second time", []law.Extension{good}, good, law.ErrExtensionTwice},
		{"each pack has its own", []law.Extension{good}, law.Extension{Pack: "ccpa", Reason: "r", NoticeAt: q.ReceivedAt}, nil},
		{"a pack that doesn't apply", nil, law.Extension{Pack: "hipaa", Reason: "r", NoticeAt: q.ReceivedAt}, law.ErrExtensionNotProvided},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q.Extensions = tc.before
			if err := law.CheckExtension(q, tc.with); !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
		})
	}
	q.Right, q.Extensions = law.OptOut, nil
	if err := law.CheckExtension(q, law.Extension{Pack: "ccpa", Reason: "r", NoticeAt: q.ReceivedAt}); !errors.Is(err, law.ErrExtensionNotProvided) {
		t.Errorf("an opt-out can't be extended, got %v", err)
	}
}

func TestCheckPause(t *testing.T) {
	q := erasure(t, "2026-06-11", months(), days())
	end := date(t, "2026-07-13").End(q.Zone)
	open := law.Pause{Pack: "gdpr", Cause: "identity", SentAt: q.ReceivedAt}
	over := open
	over.Until = open.SentAt.Add(48 * time.Hour)
	for _, tc := range []struct {
		name   string
		before []law.Pause
		with   law.Pause
		err    error
	}{
		{"for a cause that the pack names", nil, open, nil},
		{"never in California", nil, law.Pause{Pack: "ccpa", Cause: "identity", SentAt: q.ReceivedAt}, law.ErrPauseNotProvided},
		{"not for another cause", nil, law.Pause{Pack: "gdpr", Cause: "workload", SentAt: q.ReceivedAt}, law.ErrPauseNotProvided},
		{"not before the person was asked", nil, law.Pause{Pack: "gdpr", Cause: "identity"}, law.ErrPauseWithoutRequest},
		{"not while one runs", []law.Pause{open}, open, law.ErrPauseOpen},
		{"again after one is over", []law.Pause{over}, law.Pause{Pack: "gdpr", Cause: "clarification", SentAt: over.Until}, nil},
		{"not when the time is over", nil, law.Pause{Pack: "gdpr", Cause: "identity", SentAt: end}, law.ErrPauseLate},
		{"in the last instant", nil, law.Pause{Pack: "gdpr", Cause: "identity", SentAt: end.Add(-1)}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q.Pauses = tc.before
			if err := law.CheckPause(q, tc.with); !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
		})
	}
}

func TestCheckDecline(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	both := []law.Pack{months(), days()}
	full := law.Decline{Right: law.Erasure, Ground: "manifestly_unfounded", Evidence: true, NoticeAt: now, Remedy: "de-complaint-1"}
	without := func(change func(*law.Decline)) law.Decline {
		d := full
		change(&d)
		return d
	}
	for _, tc := range []struct {
		name  string
		packs []law.Pack
		with  law.Decline
		err   error
	}{
		{"on a ground that every pack has", both, full, nil},
		{"not on one that a pack lacks: the stricter wins", both, without(func(d *law.Decline) { d.Ground = "legal_claims" }), law.ErrDeclineGround},
		{"not on one that is for another right", both[:1], without(func(d *law.Decline) { d.Ground, d.Right = "legal_claims", law.Access }), law.ErrDeclineGround},
		{"not on one that is not known", both, without(func(d *law.Decline) { d.Ground = "inconvenient" }), law.ErrDeclineGround},
		{"not without evidence", both, without(func(d *law.Decline) { d.Evidence = false }), law.ErrDeclineWithoutEvidence},
		{"not without notice", both, without(func(d *law.Decline) { d.NoticeAt = time.Time{} }), law.ErrDeclineWithoutNotice},
		{"not without the remedy, in Europe", both, without(func(d *law.Decline) { d.Remedy = "" }), law.ErrDeclineWithoutRemedy},
		{"without the remedy, in California", both[1:], without(func(d *law.Decline) { d.Remedy = "" }), nil},
		{"not when no pack grants the right", both, without(func(d *law.Decline) { d.Right = law.Limit }), law.ErrDeclineNotGranted},
		{"not when there is no pack", nil, full, law.ErrDeclineNotGranted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := law.CheckDecline(tc.packs, tc.with); !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
		})
	}
}

func TestCheckFee(t *testing.T) {
	for _, tc := range []struct {
		name  string
		packs []law.Pack
		right law.Right
		code  string
		err   error
	}{
		{"for a further copy", []law.Pack{months()}, law.Access, "further_copies", nil},
		{"never for an erasure", []law.Pack{months()}, law.Erasure, "further_copies", law.ErrFeeNotPermitted},
		{"not on another ground", []law.Pack{months()}, law.Access, "effort", law.ErrFeeNotPermitted},
		{"not when another pack forbids it", []law.Pack{months(), days()}, law.Access, "further_copies", law.ErrFeeNotPermitted},
		{"not without a pack", nil, law.Access, "further_copies", law.ErrFeeNotPermitted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := law.CheckFee(tc.packs, tc.right, tc.code); !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
		})
	}
}
