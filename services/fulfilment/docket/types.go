// Package docket keeps the verified requests of one person in order. There is
// one docket for each person, because rights of one person have to wait for one
// another.
//
// Rules: one request of a person is active at a time; a request for what an
// earlier one asks already is its duplicate, and is answered with it if that one
// is carried out, and takes its place if it is not; an access goes before an
// erasure that waits, and before an active one that has not begun to destroy:
// that one yields until the access has ended. An active one that a hold keeps from
// going on yields as well, whatever it has destroyed: what is left can be shown. A request that nobody has verified never gets here, and so
// never blocks another.
package docket

import (
	"errors"
	"time"
)

// AggregateType is the type of a docket in the log.
const AggregateType = "docket"

// Place is where a request stands. The numbers are the contract's.
type Place uint8

// The places.
const (
	Active    Place = 1
	Duplicate Place = 2
	Behind    Place = 3
)

// Right is what a request asks for. The numbers are the contract's.
type Right uint8

// The rights.
const (
	Access         Right = 1
	Erasure        Right = 2
	DisclosureList Right = 9
	Accounting     Right = 10
)

// shows reports whether a right shows something of the person, and changes nothing.
func (r Right) shows() bool { return r == Access || r == DisclosureList || r == Accounting }

// Entry is a request in the docket.
type Entry struct {
	Request string
	Right   Right
	Topic   string // of its right; empty if all requests for the right ask for the same
	Place   Place
	Behind  string
	Begun   bool      // it may have destroyed something, and yields no more
	Agent   string    // that asked for it in the person's name; empty if none did
	Asked   time.Time // when
	Partial bool      // it is about a part of the data: it answers no other request, and none answers it
}

// Answer is the request by which a topic was answered.
type Answer struct {
	Right   Right
	Topic   string
	Request string
}

// Answer is the request by which a topic of a right was answered; empty if none
// was, or the right has no topics.
func (s Docket) Answer(r Right, topic string) string {
	for _, a := range s.Settled {
		if topic != "" && a.Right == r && a.Topic == topic {
			return a.Request
		}
	}
	return ""
}

// Revocation says since when an agent may no longer ask.
type Revocation struct {
	Agent string
	At    time.Time
}

// Docket is the state: the entries in the order in which they came.
type Docket struct {
	Entries []Entry
	// Ended are the last requests that left, so that a late repeat does not
	// bring one back.
	Ended []string
	// Erased is the erasure that was carried out; empty if none was. Identity
	// has forgotten the person since.
	Erased string
	// Shown are the last requests that left and show something: there may be packages
	// of them.
	Shown []string
	// Settled are the topics that were answered, each with the last answer.
	Settled []Answer
	// Revoked are the agents whose mandate the person has taken back, each with
	// the last time.
	Revoked []Revocation
}

// Stops reports whether the person has taken back what an agent asked then.
func (s Docket) Stops(agent string, asked time.Time) bool {
	for _, r := range s.Revoked {
		if agent != "" && r.Agent == agent && !asked.After(r.At) {
			return true
		}
	}
	return false
}

// remembered bounds how many requests that left are known by name.
const remembered = 64

// shown bounds how many accesses that left are: no package lasts as long as so
// many of one person's take, one after the other.
const shown = 1024

// Command is Enter, Begin, Pause, Leave or RevokeAgent.
//
//sumtype:decl
type Command interface{ command() }

// Enter brings a verified request.
//
// Anew: what answered its topic can't be had any more, and does not answer it.
type Enter struct {
	Request string
	Right   Right
	Topic   string
	Anew    bool
	Agent   string
	Asked   time.Time
	Partial bool // it is about a part of the data
	Again   bool // it was reopened after it had left
}

// Begin asks to destroy. It is granted if the request is active then, and says
// so in the state.
type Begin struct{ Request string }

// Pause says that a request can't go on now: whatever it has begun, an access that
// waits goes first.
type Pause struct{ Request string }

// Leave takes a request out. Fulfilled: it was carried out, and answers its
// duplicates.
type Leave struct {
	Request   string
	Fulfilled bool
}

// RevokeAgent takes back what an agent may ask in the person's name: what it has
// asked until then gets no place.
type RevokeAgent struct {
	Agent string
	At    time.Time
}

func (RevokeAgent) command() {}

func (Enter) command() {}
func (Begin) command() {}
func (Pause) command() {}
func (Leave) command() {}

// Event is Entered, Begun, Yielded, Promoted, Answered, Left or AgentRevoked.
//
//sumtype:decl
type Event interface{ event() }

// Entered says that a request has a place.
type Entered struct {
	Request string
	Right   Right
	Topic   string
	Place   Place
	Behind  string
	Agent   string
	Asked   time.Time
	Partial bool
}

// AgentRevoked says that an agent may no longer ask.
type AgentRevoked struct {
	Agent string
	At    time.Time
}

func (AgentRevoked) event() {}

// Begun says that a request may destroy from now on.
type Begun struct{ Request string }

// Yielded says that an active request waits for another one.
type Yielded struct{ Request, To string }

// Promoted says that a request that waited is active.
type Promoted struct{ Request string }

// Answered says that a duplicate ends with the request that it waited for.
type Answered struct{ Request, With string }

// Left says that a request is no longer in the docket.
type Left struct {
	Request   string
	Fulfilled bool
}

func (Entered) event()  {}
func (Begun) event()    {}
func (Yielded) event()  {}
func (Promoted) event() {}
func (Answered) event() {}
func (Left) event()     {}

var errUnknown = errors.New("unknown command")
