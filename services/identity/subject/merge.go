package subject

import "time"

// Two references of one person are merged, and a merge that was wrong is undone.
// Nothing moves: each subject keeps what it holds, and the one that stays names
// the other. That is why undoing a merge restores exactly what would have been
// without it. What was done by the wrong link in between can't be undone; it is
// listed. Anonymous subjects are never merged: at sign-up a person takes the
// refusals of their visit, which are consent's, and nothing that names the visit.

// Merge is one in which a subject stays, and by which it names another.
type Merge struct {
	ID       string
	Other    string // reference of the subject that went
	Evidence string // reference of what shows that both are one person
	At       time.Time
	Parting  time.Time // when it was to be undone, and a search was under way
	Ended    time.Time // zero while it stands
	Reason   string    // why it ended
	Reads    uint32    // how often the identifiers of both were shown
	Touches  []Touch   // what was done by the link, the first MaxTouches
	Unlisted uint32    // how often more was told
}

// Into is the merge in which a subject goes. Until it is done the subject still
// is found by itself.
type Into struct {
	Merge    string
	Subject  string // reference of the one that stays
	Evidence string
	Done     bool
}

// Touch is something that was done to the person as one, and would not have been
// done so without the merge.
type Touch struct {
	Kind      TouchKind
	Reference string // of the request, or of the disclosure
	At        time.Time
}

// TouchKind is a kind of touch.
type TouchKind string

// The kinds.
const (
	TouchDisclosure    TouchKind = "disclosure"
	TouchPackage       TouchKind = "package"
	TouchErasure       TouchKind = "erasure"
	TouchRectification TouchKind = "rectification"
)

const (
	// MaxMerges is how many merges a subject may stay in at a time.
	MaxMerges = 8
	// MaxTouches is how many touches of a merge are listed one by one.
	MaxTouches = 1000
)

// SignUp says that somebody who was anonymous is this subject now. Known says
// that it was no visit, but somebody who is known.
type SignUp struct {
	Known bool
	At    time.Time
}

// BeginMerge is the one who goes: nothing else may take it meanwhile.
type BeginMerge struct {
	Merge, Into, Evidence string
	At                    time.Time
}

// Absorb is the one who stays. From then on both are one person.
type Absorb struct {
	Merge, Other, Evidence string
	At                     time.Time
}

// CompleteMerge leads from the one who went to the one who stays.
type CompleteMerge struct{ Merge string }

// AbandonMerge lets the one go free whom the other one did not take.
type AbandonMerge struct{ Merge, Reason string }

// Separate is the one who stayed: from then on both are two people again.
type Separate struct {
	Merge, Reason string
	At            time.Time
}

// UndoMerge is the one who went.
type UndoMerge struct{ Merge string }

// RecordTouch lists what is about to be done to a person. It says nothing about
// one who is not merged.
type RecordTouch struct{ Touch Touch }

func (SignUp) command()        {}
func (BeginMerge) command()    {}
func (Absorb) command()        {}
func (CompleteMerge) command() {}
func (AbandonMerge) command()  {}
func (Separate) command()      {}
func (UndoMerge) command()     {}
func (RecordTouch) command()   {}

// SignedUp says that a visitor became this person. It does not say which.
type SignedUp struct{ At time.Time }

// MergeBegun says that a subject is about to go into another.
type MergeBegun struct {
	Merge, Into, Evidence string
	At                    time.Time
}

// Merged says that a subject and another are one person.
type Merged struct {
	Merge, Other, Evidence string
	At                     time.Time
}

// MergeDeclined says that a subject never takes part in a merge.
type MergeDeclined struct{ Merge, Reason string }

// MergeCompleted says that a subject is found as another.
type MergeCompleted struct{ Merge string }

// MergeAbandoned says that a subject goes nowhere.
type MergeAbandoned struct{ Merge, Reason string }

// SeparationDelayed says that a merge is to be undone, and that a search has to
// end before.
type SeparationDelayed struct {
	Merge string
	At    time.Time
}

// Separated says that a subject and another are two people.
type Separated struct {
	Merge, Other, Reason string
	Reads                uint32
	Touches              uint32 // all of them
	Truncated            bool   // not all of them are listed
	At                   time.Time
}

// MergeUndone says that a subject is found by itself again.
type MergeUndone struct{ Merge string }

// Touched says what is about to be done to a merged person.
type Touched struct{ Touch Touch }

func (SignedUp) event()          {}
func (MergeBegun) event()        {}
func (Merged) event()            {}
func (MergeDeclined) event()     {}
func (MergeCompleted) event()    {}
func (MergeAbandoned) event()    {}
func (SeparationDelayed) event() {}
func (Separated) event()         {}
func (MergeUndone) event()       {}
func (Touched) event()           {}

// What can be refused of merges.
const (
	ChangeMerge   = "merge"
	ChangeUnmerge = "unmerge"
	ChangeSignUp  = "sign_up"
)

// What a caller may be told about merges.
const (
	// ErrMergedAway refuses what a subject that goes, or went, can't do.
	ErrMergedAway = Refusal("SUBJECT_MERGED_AWAY")
	// ErrHasMerged refuses to let somebody go in whom others have gone.
	ErrHasMerged = Refusal("SUBJECT_HAS_MERGED")
	// ErrMergesTooMany refuses more merges than one person needs.
	ErrMergesTooMany = Refusal("MERGES_TOO_MANY")
	// ErrMergeUnknown refuses to undo a merge that never was.
	ErrMergeUnknown = Refusal("MERGE_NOT_FOUND")
	// ErrNotAnonymous refuses a visit that is no visit, but a known person.
	ErrNotAnonymous = Refusal("SUBJECT_NOT_ANONYMOUS")
)
