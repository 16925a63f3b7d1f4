package conversation

import "time"

// Command is OpenConversation, Add, Close, Enter, HandOver, Receive, Defer, Begin
// or End.
//
//sumtype:decl
type Command interface{ command() }

// OpenConversation makes the conversation.
type OpenConversation struct {
	Plan         string
	Participants []string
	At           time.Time
}

// Add adds participants.
type Add struct {
	Participants []string
	At           time.Time
}

// Enter begins a period, unless one is current. Begins and Ends are those of
// the calendar; a period never begins before the last one has ended.
type Enter struct {
	Terms
	Begins, Ends time.Time
	At           time.Time
}

// Close ends the current period now.
type Close struct {
	KeepUntil time.Time // of that period
	At        time.Time
}

// HandOver says what the client was given of a period.
type HandOver struct {
	Period   uint32
	Digest   string
	Messages uint64
	At       time.Time
}

// Receive takes the client's receipt, whose signature was verified.
type Receive struct {
	Period    uint32
	Digest    string
	Signature []byte
	At        time.Time
}

// Defer says that periods that are due wait for the end of a hold.
type Defer struct {
	Periods []uint32
	HeldFor string
	At      time.Time
}

// Begin says that every participant's permit is there.
type Begin struct {
	Periods []uint32
	At      time.Time
}

// End says that the keys are gone.
type End struct {
	Periods     []uint32
	ResidueEnds time.Time
	At          time.Time
}

func (OpenConversation) command() {}
func (Add) command()              {}
func (Close) command()            {}
func (Enter) command()            {}
func (HandOver) command()         {}
func (Receive) command()          {}
func (Defer) command()            {}
func (Begin) command()            {}
func (End) command()              {}

// Event is Started, Added, Closed, PeriodBegun, HandedOver, Received, Refused,
// Deferred, Begun or Ended.
//
//sumtype:decl
type Event interface{ event() }

// Started says that there is a conversation.
type Started OpenConversation

// Added says that more people take part.
type Added Add

// Closed says that the conversation has ended.
type Closed Close

// PeriodBegun says that there is one more period, and its clock.
type PeriodBegun struct {
	Terms
	Number       uint32
	Begins, Ends time.Time
}

// HandedOver says what the client was given.
type HandedOver HandOver

// Received says that the client has archived a period.
type Received Receive

// Refused says that a hand-over or a receipt was not taken.
type Refused struct {
	Period uint32
	Reason string
}

// Deferred says that periods wait for the end of a hold.
type Deferred Defer

// Begun says that keys are about to go.
type Begun Begin

// Ended says that keys are gone.
type Ended End

func (Started) event()     {}
func (Added) event()       {}
func (Closed) event()      {}
func (PeriodBegun) event() {}
func (HandedOver) event()  {}
func (Received) event()    {}
func (Refused) event()     {}
func (Deferred) event()    {}
func (Begun) event()       {}
func (Ended) event()       {}
