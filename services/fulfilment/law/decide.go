package law

import (
	"slices"
	"time"
)

// Refusal is a rule's no to a command, with its reason code.
type Refusal string

// Error is the code.
func (r Refusal) Error() string { return string(r) }

// Reason is the code.
func (r Refusal) Reason() string { return string(r) }

// Why an extension, a pause, a decline or a fee is refused.
const (
	// ErrExtensionNotProvided: the pack has no extension for the right.
	ErrExtensionNotProvided = Refusal("EXTENSION_NOT_PROVIDED")
	// ErrExtensionTwice: the clock was extended before.
	ErrExtensionTwice = Refusal("EXTENSION_TWICE")
	// ErrExtensionWithoutReason: the person must be told why.
	ErrExtensionWithoutReason = Refusal("EXTENSION_WITHOUT_REASON")
	// ErrExtensionWithoutNotice: no notice to the person is on record.
	ErrExtensionWithoutNotice = Refusal("EXTENSION_WITHOUT_NOTICE")
	// ErrExtensionNoticeLate: the notice came after the base deadline.
	ErrExtensionNoticeLate = Refusal("EXTENSION_NOTICE_LATE")
	// ErrPauseNotProvided: the pack doesn't let its clocks stop for the cause.
	ErrPauseNotProvided = Refusal("PAUSE_NOT_PROVIDED")
	// ErrPauseWithoutRequest: nobody was asked for what is missing.
	ErrPauseWithoutRequest = Refusal("PAUSE_WITHOUT_REQUEST")
	// ErrPauseOpen: the clock stands already.
	ErrPauseOpen = Refusal("PAUSE_OPEN")
	// ErrPauseLate: the time is over already.
	ErrPauseLate = Refusal("PAUSE_LATE")
	// ErrDeclineNotGranted: no pack knows the right, so none lets it be declined.
	ErrDeclineNotGranted = Refusal("DECLINE_RIGHT_UNKNOWN")
	// ErrDeclineGround: a pack that grants the right lacks the ground.
	ErrDeclineGround = Refusal("DECLINE_GROUND_NOT_PERMITTED")
	// ErrDeclineWithoutEvidence: the burden of proof is ours.
	ErrDeclineWithoutEvidence = Refusal("DECLINE_WITHOUT_EVIDENCE")
	// ErrDeclineWithoutNotice: the person was not told.
	ErrDeclineWithoutNotice = Refusal("DECLINE_WITHOUT_NOTICE")
	// ErrDeclineWithoutRemedy: the person was not told where to complain.
	ErrDeclineWithoutRemedy = Refusal("DECLINE_WITHOUT_REMEDY")
	// ErrFeeNotPermitted: a pack that grants the right lets no fee be asked on
	// the ground.
	ErrFeeNotPermitted = Refusal("FEE_NOT_PERMITTED")
)

// CheckExtension says whether an extension may be recorded now: once per
// clock, with a reason, and only if the person was told by the end of the base
// period. The answer follows from what is on record in q, and e.
func CheckExtension(q Question, e Extension) error {
	pack, clock, ok := q.pack(e.Pack)
	if !ok || clock.Extended.IsZero() {
		return ErrExtensionNotProvided
	}
	if slices.ContainsFunc(q.Extensions, func(o Extension) bool { return o.Pack == e.Pack }) {
		return ErrExtensionTwice
	}
	return e.valid(q.legal(pack, clock).Base, q.Zone)
}

// valid says that an extension has its reason, and its notice by the last day
// of the base period.
func (e Extension) valid(base Date, zone *time.Location) error {
	switch {
	case e.Reason == "":
		return ErrExtensionWithoutReason
	case e.NoticeAt.IsZero():
		return ErrExtensionWithoutNotice
	case !e.NoticeAt.Before(base.End(zone)):
		return ErrExtensionNoticeLate
	}
	return nil
}

// CheckPause says whether a pause may begin: for a cause that the pack names,
// with the question to the person on record, not while another runs, and not
// once the time is over.
func CheckPause(q Question, p Pause) error {
	pack, clock, ok := q.pack(p.Pack)
	if !ok || !pack.stops(p.Cause) {
		return ErrPauseNotProvided
	}
	if p.SentAt.IsZero() {
		return ErrPauseWithoutRequest
	}
	r := q.legal(pack, clock)
	if r.Stopped {
		return ErrPauseOpen
	}
	if !p.SentAt.Before(r.Due.End(q.Zone)) {
		return ErrPauseLate
	}
	return nil
}

// Decline is a request, or a part of one, that is to be refused to the person.
type Decline struct {
	Right    Right
	Ground   string // code of a Ground
	Evidence bool   // evidence is on record
	NoticeAt time.Time
	Remedy   string // id of the text that says where to complain
}

// CheckDecline says whether a decline may be recorded under the packs that
// apply. Each pack that grants the right must permit it: the stricter wins.
func CheckDecline(packs []Pack, d Decline) error {
	granted := false
	for _, p := range packs {
		if _, ok := p.Clock(d.Right); !ok {
			continue
		}
		granted = true
		g, ok := p.ground(d.Ground, d.Right)
		switch {
		case !ok:
			return ErrDeclineGround
		case g.Evidence && !d.Evidence:
			return ErrDeclineWithoutEvidence
		case d.NoticeAt.IsZero():
			return ErrDeclineWithoutNotice
		case p.Remedy && d.Remedy == "":
			return ErrDeclineWithoutRemedy
		}
	}
	if !granted {
		return ErrDeclineNotGranted
	}
	return nil
}

// CheckFee says whether a fee may be asked on a ground. Each pack that grants
// the right must permit it.
func CheckFee(packs []Pack, r Right, code string) error {
	granted := false
	for _, p := range packs {
		if _, ok := p.Clock(r); !ok {
			continue
		}
		granted = true
		if !slices.ContainsFunc(p.Fees, func(f FeeRule) bool { return f.Code == code && slices.Contains(f.Rights, r) }) {
			return ErrFeeNotPermitted
		}
	}
	if !granted {
		return ErrFeeNotPermitted
	}
	return nil
}

func (p Pack) ground(code string, r Right) (Ground, bool) {
	for _, g := range p.Grounds {
		if g.Code == code {
			return g, len(g.Rights) == 0 || slices.Contains(g.Rights, r)
		}
	}
	return Ground{}, false
}

// pack finds a pack of the question that grants its right.
func (q Question) pack(name string) (Pack, Clock, bool) {
	for _, p := range q.Packs {
		if p.Name == name {
			c, ok := p.Clock(q.Right)
			return p, c, ok
		}
	}
	return Pack{}, Clock{}, false
}
