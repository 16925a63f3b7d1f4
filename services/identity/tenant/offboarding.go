package tenant

import "time"

// Stage is how far a tenant's off-boarding got.
type Stage uint8

// The stages of an off-boarding. From Ending on there is no way back.
const (
	StageNone    Stage = iota
	StageAsked         // a second person has to approve
	StageWaiting       // it can be taken back until it is due
	StageEnding        // keys are being destroyed
	StageGone          // they are, and the proof is recorded
)

// Leaving is a tenant's off-boarding.
type Leaving struct {
	Stage    Stage
	By       string // who began it
	Reason   string
	BegunAt  time.Time
	DueAt    time.Time // zero until it is approved
	ClosedAt time.Time // to every call, until it ends or something stands
	EndingAt time.Time
	Standing Standing // in the way of a destruction that is due
	Counted  Counted
	Proof    Proof
}

// Standing is what keeps a tenant from going: legal holds, and requests that are
// open.
type Standing struct{ Holds, Requests uint32 }

// forbids is the refusal for what stands, if anything does.
func (s Standing) forbids() Refusal {
	switch {
	case s.Holds > 0:
		return ErrHoldsStand
	case s.Requests > 0:
		return ErrRequestsOpen
	}
	return ""
}

// Ended reports whether the tenant is gone, going for good, or closed until it is
// clear that nothing came at the last moment.
func (l Leaving) Ended() bool { return l.Stage >= StageEnding || !l.ClosedAt.IsZero() }

// Counted are the rows that were there when the destruction began.
type Counted struct{ LookupRows, SuppressionRows uint32 }

// Proof says what was destroyed.
type Proof struct {
	Keys           uint32   // by the off-boarding
	KeysBefore     uint32   // before, for other reasons
	Digest         [32]byte // over the names and commitments of all of them
	Peppers        uint32   // epochs, of all purposes
	ResidueHorizon time.Time
	Partitions     []Partition
	At             time.Time
}

// Partition is a part of the vault, its last epoch that wrapped a key, and when
// the residue under it ends at the latest.
type Partition struct {
	Name           string
	Epoch          uint64
	ResidueHorizon time.Time
}

// Offboard begins the end of a tenant in whose way something may stand.
type Offboard struct {
	By, Reason string
	Standing   Standing
	Grace      time.Duration
	At         time.Time
}

// Approve is the second person's word.
type Approve struct {
	By    string
	Grace time.Duration
	At    time.Time
}

// Stay takes an off-boarding back.
type Stay struct {
	By string
	At time.Time
}

// End takes a tenant whose time has come a step further, if nothing stands in its
// way: first it is closed, and when it was so for Settle, the destruction begins.
type End struct {
	Counted
	Standing Standing
	Settle   time.Duration // how long a call from before may be under way
	At       time.Time
}

// Finish records that everything is destroyed.
type Finish struct{ Proof }

func (Offboard) command() {}
func (Approve) command()  {}
func (Stay) command()     {}
func (End) command()      {}
func (Finish) command()   {}

// OffboardingBegun says that a tenant is to go. DueAt is zero if somebody has to
// approve.
type OffboardingBegun struct {
	By, Reason string
	At, DueAt  time.Time
}

// OffboardingApproved says that a second person approved.
type OffboardingApproved struct {
	By        string
	At, DueAt time.Time
}

// OffboardingCancelled says that the tenant stays.
type OffboardingCancelled struct {
	By string
	At time.Time
}

// DestructionDelayed says what stands in the way of a destruction that is due. A
// tenant that was closed is open again: a hold must be released by somebody.
type DestructionDelayed struct {
	Standing
	At time.Time
}

// Closed says that every call in the tenant is refused from now on, so that
// nothing can come to stand in the way unseen.
type Closed struct{ At time.Time }

// DestructionBegun is the point of no return.
type DestructionBegun struct {
	Counted
	At time.Time
}

// Offboarded says that the tenant is gone.
type Offboarded struct{ Proof }

// OffboardingRefused says that a rule refused a step.
type OffboardingRefused struct{ Reason string }

func (OffboardingBegun) event()     {}
func (OffboardingApproved) event()  {}
func (OffboardingCancelled) event() {}
func (DestructionDelayed) event()   {}
func (Closed) event()               {}
func (DestructionBegun) event()     {}
func (Offboarded) event()           {}
func (OffboardingRefused) event()   {}

const (
	// ErrOffboarded refuses everything in a tenant that is gone.
	ErrOffboarded = Refusal("TENANT_OFFBOARDED")
	// ErrLeaving refuses to begin what has begun.
	ErrLeaving = Refusal("OFFBOARDING_BEGUN")
	// ErrNotLeaving refuses to go on with what has not begun.
	ErrNotLeaving = Refusal("OFFBOARDING_NOT_BEGUN")
	// ErrApproved refuses a second approval.
	ErrApproved = Refusal("OFFBOARDING_APPROVED")
	// ErrSamePerson refuses the approval of whoever began it.
	ErrSamePerson = Refusal("APPROVER_IS_AUTHOR")
	// ErrHoldsStand refuses while legal holds stand.
	ErrHoldsStand = Refusal("HOLDS_STAND")
	// ErrRequestsOpen refuses while requests are open.
	ErrRequestsOpen = Refusal("REQUESTS_OPEN")
	// ErrNotDue refuses to destroy before the time.
	ErrNotDue = Refusal("OFFBOARDING_NOT_DUE")
)

// leave decides about everything that has to do with off-boarding.
func leave(s Tenant, cmd Command) ([]Event, error) {
	if !s.Created {
		return nil, ErrNotFound
	}
	if why := s.refuses(cmd); why != "" {
		return []Event{OffboardingRefused{Reason: why.Reason()}}, why
	}
	switch c := cmd.(type) { //nolint:gochecksumtype // the others are decided elsewhere
	case Offboard:
		if c.By == "" || c.Reason == "" || c.Grace <= 0 || c.At.IsZero() {
			return nil, ErrIncomplete
		}
		ev := OffboardingBegun{By: c.By, Reason: c.Reason, At: c.At}
		if !s.asksForTwo(c) {
			ev.DueAt = c.At.Add(c.Grace)
		}
		return []Event{ev}, nil
	case Approve:
		if c.By == "" || c.Grace <= 0 || c.At.IsZero() {
			return nil, ErrIncomplete
		}
		return []Event{OffboardingApproved{By: c.By, At: c.At, DueAt: c.At.Add(c.Grace)}}, nil
	case Stay:
		return []Event{OffboardingCancelled(c)}, nil
	}
	return nil, errUnknown
}

// asksForTwo reports whether a second person has to approve: where the settings
// ask for it, or did so until less than the grace ago. Whoever may begin an
// off-boarding may change the settings, too; the others have as long to notice
// that as they have to take an off-boarding back.
func (t Tenant) asksForTwo(c Offboard) bool {
	return t.Approval || !t.LoweredAt.IsZero() && c.At.Before(t.LoweredAt.Add(c.Grace))
}

func (t Tenant) refuses(cmd Command) Refusal {
	stage := t.Stage
	switch c := cmd.(type) { //nolint:gochecksumtype // the others are decided elsewhere
	case Offboard:
		switch {
		case t.Ended():
			return ErrOffboarded
		case stage != StageNone:
			return ErrLeaving
		}
		return c.Standing.forbids()
	case Approve:
		switch {
		case t.Ended():
			return ErrOffboarded
		case stage == StageNone:
			return ErrNotLeaving
		case stage != StageAsked:
			return ErrApproved
		case c.By == t.By:
			return ErrSamePerson
		}
	case Stay:
		switch {
		case t.Ended():
			return ErrOffboarded
		case stage == StageNone:
			return ErrNotLeaving
		}
	}
	return ""
}

// destroy decides about the steps of the process that destroys. What was done
// already causes nothing, and a step that is not due is refused without a trace:
// the process may look as often as it likes.
func destroy(s Tenant, cmd Command) ([]Event, error) {
	switch c := cmd.(type) { //nolint:gochecksumtype // the others are decided elsewhere
	case End:
		switch {
		case s.Stage >= StageEnding:
			return nil, nil
		case s.Stage != StageWaiting || c.At.Before(s.DueAt):
			return nil, ErrNotDue
		case c.Standing == s.Standing && c.Standing != (Standing{}): // which is told already
			return nil, c.Standing.forbids()
		case c.Standing != (Standing{}):
			return []Event{DestructionDelayed{Standing: c.Standing, At: c.At}}, c.Standing.forbids()
		case s.ClosedAt.IsZero():
			return []Event{Closed{At: c.At}}, nil
		case c.At.Before(s.ClosedAt.Add(c.Settle)):
			return nil, ErrNotDue
		}
		return []Event{DestructionBegun{Counted: c.Counted, At: c.At}}, nil
	case Finish:
		switch {
		case s.Stage == StageGone:
			return nil, nil
		case s.Stage != StageEnding:
			return nil, ErrNotDue
		}
		return []Event{Offboarded(c)}, nil
	}
	return nil, errUnknown
}

// evolveLeaving folds one event into the off-boarding.
func evolveLeaving(l Leaving, ev Event) Leaving {
	switch e := ev.(type) {
	case OffboardingBegun:
		l = Leaving{Stage: StageAsked, By: e.By, Reason: e.Reason, BegunAt: e.At, DueAt: e.DueAt}
		if !e.DueAt.IsZero() {
			l.Stage = StageWaiting
		}
	case OffboardingApproved:
		l.Stage, l.DueAt = StageWaiting, e.DueAt
	case OffboardingCancelled:
		l = Leaving{}
	case DestructionDelayed:
		l.Standing, l.ClosedAt = e.Standing, time.Time{}
	case Closed:
		l.Standing, l.ClosedAt = Standing{}, e.At
	case DestructionBegun:
		l.Standing = Standing{}
		l.Stage, l.EndingAt, l.Counted = StageEnding, e.At, e.Counted
	case Offboarded:
		l.Stage, l.Proof = StageGone, e.Proof
	case OffboardingRefused, Created, CreationRefused, SettingsChanged, SettingsRefused, SettingsHeld, SettingsConfirmed, SettingsWithdrawn:
	}
	return l
}
