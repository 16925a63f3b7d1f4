// Package system is one data system of a tenant: the versions of its
// description, and whether it is retired. A version never changes; a request
// pins the one that it was planned with.
package system

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// AggregateType is the type of a system in the log.
const AggregateType = "system"

// Description is how a system is reached and what it holds.
type Description struct {
	System      string
	Connector   uint8 // the contract's number
	Connection  string
	Region      string
	BackupDays  uint32
	Dataset     string // YAML
	Collections uint32
	Waivers     string // "path: reason", one a line, sorted: columns that are not described though they look personal
	Owner       string // the team that looks after it; empty if nobody was named
}

// Waiver says of a column that it need not be described, and why.
type Waiver struct{ Path, Reason string }

// Waive is the form in which a description keeps waivers: sorted, each once, so
// that the same ones are the same description.
func Waive(waivers []Waiver) string {
	var lines []string
	for _, w := range waivers {
		lines = append(lines, w.Path+": "+w.Reason)
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}

// Waived are the waivers of a description, sorted.
func (d Description) Waived() (out []Waiver) {
	for line := range strings.Lines(d.Waivers) {
		path, reason, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		out = append(out, Waiver{path, reason})
	}
	return out
}

// Version is a registered description.
type Version struct {
	Description
	Number       uint32
	RegisteredAt time.Time
}

// System is the state of one system. All versions are kept: requests that are
// under way use the one that they pinned.
type System struct {
	Versions []Version
	Retired  bool
}

// Latest is the version in force.
func (s System) Latest() (Version, bool) {
	if len(s.Versions) == 0 {
		return Version{}, false
	}
	return s.Versions[len(s.Versions)-1], true
}

// Version is a version by its number.
func (s System) Version(n uint32) (Version, bool) {
	if n < 1 || int(n) > len(s.Versions) {
		return Version{}, false
	}
	return s.Versions[n-1], true
}

// Command is Register or Retire.
//
//sumtype:decl
type Command interface{ command() }

// Register adds a version.
type Register struct {
	Description
	Remarks []string
	At      time.Time
}

// Retire takes the system out of use; the reason is a code.
type Retire struct {
	Reason string
	At     time.Time
}

func (Register) command() {}
func (Retire) command()   {}

// Event is Registered or Retired.
//
//sumtype:decl
type Event interface{ event() }

// Registered says that there is a new version.
type Registered struct {
	Version
	Remarks []string
}

// Retired says that the system takes part in no new request, and is looked at in
// none that is open.
type Retired struct {
	Reason string
	At     time.Time
}

func (Registered) event() {}
func (Retired) event()    {}

var (
	// ErrNoSystem says that there is no such system.
	ErrNoSystem = errors.New("system does not exist")

	// ErrReserved says that the name stands for a part of Habeas itself in the
	// events of requests.
	ErrReserved = errors.New("name is reserved")

	errUnknown = errors.New("unknown command")
)
