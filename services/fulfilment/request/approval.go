package request

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Approval is a second person's word before anything is destroyed, where the
// tenant asks for it. It is for one revision of the manifest.
type Approval struct {
	Needed   bool
	Revision int       // of the manifest; each change makes another
	Since    time.Time // since when the present revision waits
	Approved int       // the revision that was approved
	Digest   string    // of the manifest that was approved
	By       string
	At       time.Time
	Declined string // reason code, until the manifest is evaluated anew
	Review   bool   // it is to be evaluated anew
	Sought   string // digest of what the person is looked for by, as it was approved or is to be
}

// Approve approves the manifest.
type Approve struct {
	ApprovalBy
	Digest string
}

// Decline does not.
type Decline struct {
	ApprovalBy
	Reason string
}

// ApprovalBy says who decides on which manifest. Own: they made the request
// themselves. Seen: the manifest of that revision is the one that they name.
type ApprovalBy struct {
	By       string
	Own      bool
	Revision int
	Seen     bool
	At       time.Time
}

// NoteReview records that the manifest was evaluated anew.
type NoteReview struct{ At time.Time }

// OutdateManifest records that the person is looked for by something else than when
// the manifest was made, or last evaluated.
type OutdateManifest struct {
	Sought string
	At     time.Time
}

func (Approve) command()         {}
func (Decline) command()         {}
func (NoteReview) command()      {}
func (OutdateManifest) command() {}

// Approved says that a second person has approved the manifest.
type Approved struct {
	Digest, By string
	At         time.Time
}

// Declined says that they have not.
type Declined struct {
	Reason, By string
	At         time.Time
}

// Reviewed says that the manifest was evaluated anew and waits for approval.
type Reviewed struct{ At time.Time }

// ManifestOutdated says that the manifest is about somebody else than it was.
type ManifestOutdated struct {
	Sought string
	At     time.Time
}

func (Approved) event()         {}
func (Declined) event()         {}
func (Reviewed) event()         {}
func (ManifestOutdated) event() {}

// What a caller who approves may be told.
const (
	// ErrNoApproval refuses an approval that nothing waits for.
	ErrNoApproval = Refusal("APPROVAL_NOT_AWAITED")
	// ErrNotApprover refuses it to whoever is not assigned to give it.
	ErrNotApprover = Refusal("APPROVER_DUTY_REQUIRED")
	// ErrManifestChanged refuses it for another manifest than the present one.
	ErrManifestChanged = Refusal("MANIFEST_CHANGED")
)

// NoApprover is the reason while nobody is assigned to approve.
const NoApprover = "APPROVER_NOT_ASSIGNED"

// AwaitsApproval reports whether nothing may be destroyed until the manifest, as it
// stands, is approved.
func (s Request) AwaitsApproval() bool {
	return s.Approval.Needed && s.Planned && s.Approval.Approved != s.Approval.Revision
}

// Manifest is the scope and what was decided, as one text: two manifests are the
// same if their texts are.
func (s Request) Manifest() string {
	var b strings.Builder
	if s.Approval.Sought != "" {
		fmt.Fprintf(&b, "%x\n", s.Approval.Sought)
	}
	for _, l := range s.Leaves {
		p := l.Planned
		fmt.Fprintf(&b, "%d %q %d %q %q %d %d %q %q %d %q\n", p.Leaf, p.System, p.Version, p.Collection, p.Category, p.Decision,
			p.Rows, p.Ground, p.Authority, p.Until.UnixNano(), p.Rule)
	}
	return b.String()
}

// Categories are those of the manifest, each once.
func (s Request) Categories() []string {
	var out []string
	for _, l := range s.Leaves {
		if !slices.Contains(out, l.Category) {
			out = append(out, l.Category)
		}
	}
	return out
}

// approving decides a second person's word.
func approving(s Request, cmd Command) ([]Event, error) {
	switch c := cmd.(type) { //nolint:gochecksumtype // Decide chose what concerns the approval
	case Approve:
		if !s.AwaitsApproval() && s.Approval.By == c.By && c.Seen {
			return nil, nil
		}
		if no := s.bars(c.ApprovalBy); no != "" {
			return refuse("approve", no)
		}
		return []Event{Approved{Digest: c.Digest, By: c.By, At: c.At}}, nil
	case Decline:
		if no := s.bars(c.ApprovalBy); no != "" {
			return refuse("decline_approval", no)
		}
		return once(s.Approval.Declined != "", Declined{Reason: c.Reason, By: c.By, At: c.At})
	case NoteReview:
		return once(!s.Approval.Review, Reviewed(c))
	case OutdateManifest:
		if s.over() || !s.Active || !s.Planned || s.Forgotten {
			return nil, ErrOutOfStep
		}
		return once(!s.Approval.Needed || s.Approval.Sought == c.Sought, ManifestOutdated(c))
	}
	return nil, errUnknown
}

// bars is why somebody may not decide on the manifest now; empty if they may.
func (s Request) bars(c ApprovalBy) Refusal {
	switch {
	case s.over():
		return ErrOver
	case !s.AwaitsApproval(), s.Approval.Review:
		return ErrNoApproval
	case c.Own, s.Case.bars(c.By, Approver):
		return ErrSeparation
	case s.Case.Holder(Approver) != c.By:
		return ErrNotApprover
	case !c.Seen, c.Revision != s.Approval.Revision:
		return ErrManifestChanged
	}
	return ""
}

func evolveApproval(s Request, ev Event) Request {
	a := s.Approval
	switch e := ev.(type) { //nolint:gochecksumtype // Evolve chose the events of the approval
	case Approved:
		a.Approved, a.Digest, a.By, a.At, a.Declined = a.Revision, e.Digest, e.By, e.At, ""
		s.Case.Acts, s.Since = s.Case.did(Approver, e.By), e.At
	case Declined:
		a.Declined, a.Since = e.Reason, e.At
		s.Case.Acts, s.Since = s.Case.did(Approver, e.By), e.At
	case Reviewed:
		a.Review, a.Declined, a.Since, s.Since = false, "", e.At, e.At
	case ManifestCommitted:
		a.Needed, a.Revision, a.Since, a.Sought = e.Approval, 1, e.At, e.Sought
	case ManifestOutdated:
		a.Revision++
		a.Sought, a.Review, a.Declined, a.Since, s.Since = e.Sought, true, "", e.At, e.At
	case LeavesDecided:
		a.Revision++
		a.Since = e.At
	case Resumed:
		a.Review = a.Review || a.Declined != "" && e.Cause == causeRetry
	}
	s.Approval = a
	return s
}

// did is the list of acts with one more.
func (c Case) did(d Duty, staff string) []Act {
	return append(append([]Act(nil), c.Acts...), Act{d, staff})
}

// explainApproval says who has to look at the manifest before anything is
// destroyed.
func explainApproval(s Request, x Explanation) Explanation {
	x.Since = s.Approval.Since
	switch {
	case s.Approval.Review:
		x.Awaited = "manifest.review"
		return withFailure(s, x)
	case s.Approval.Declined != "":
		x.Actor, x.Awaited, x.Reason = ActorFulfiller, "manifest.review", s.Approval.Declined
	default:
		x.Actor, x.Awaited = ActorApprover, "manifest.approval"
		if s.Case.Holder(Approver) == "" {
			x.Reason = NoApprover
		}
	}
	return x
}
