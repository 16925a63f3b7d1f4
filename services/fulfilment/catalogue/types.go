// Package catalogue lists the systems of one tenant, so that the scope of a
// request can be read from the log in one go. It follows the systems: each is
// listed right after it was registered.
package catalogue

import "errors"

// AggregateType is the type of a catalogue in the log.
const AggregateType = "catalogue"

// ID is the id of a tenant's only catalogue.
const ID = "systems"

// Entry is a system as the catalogue shows it.
type Entry struct {
	System      string
	Version     uint32
	Connector   uint8 // the contract's number
	Region      string
	Collections uint32
}

// Catalogue is the state: the systems by their ids.
type Catalogue struct{ Entries []Entry }

// Command is List or Delist.
//
//sumtype:decl
type Command interface{ command() }

// List shows a version of a system; one that is shown in a later version stays.
type List Entry

// Delist takes a system off.
type Delist struct{ System string }

func (List) command()   {}
func (Delist) command() {}

// Event is Listed or Delisted.
//
//sumtype:decl
type Event interface{ event() }

// Listed says that a version is shown.
type Listed Entry

// Delisted says that a system is not shown any more.
type Delisted struct{ System string }

func (Listed) event()   {}
func (Delisted) event() {}

var errUnknown = errors.New("unknown command")
