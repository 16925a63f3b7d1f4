package limit

import (
	"errors"
	"fmt"
	"time"
)

// Rate is how often something may be had.
type Rate struct {
	// Every is the interval at which one more is allowed.
	Every time.Duration
	// Burst is how many may be had at once after a long silence.
	Burst int
}

// Per is a rate of n in a period, all of which may be had at once.
func Per(n int, period time.Duration) Rate {
	return Rate{Every: period / time.Duration(max(n, 1)), Burst: n}
}

// PerSecond is a rate of n in a second, of which burst may be had at once.
func PerSecond(n, burst int) Rate {
	return Rate{Every: time.Second / time.Duration(max(n, 1)), Burst: burst}
}

const (
	// shortest is the finest interval that the script counts.
	shortest = time.Microsecond
	// longest is what names of one day can hold.
	longest = 24 * time.Hour
)

// ErrRate says that a rate can't be kept.
var ErrRate = errors.New("rate is not between a microsecond and a day, or allows nothing")

// Check refuses rates that can't be kept.
func (r Rate) Check() error {
	if r.Every < shortest || r.Burst < 1 || r.Every > longest/time.Duration(r.Burst) {
		return fmt.Errorf("%w: one every %s, %d at once", ErrRate, r.Every, r.Burst)
	}
	return nil
}

// span is how far ahead of the clock a key's moment may lie.
func (r Rate) span() time.Duration { return r.Every * time.Duration(r.Burst) }

// Key is one thing that is counted.
type Key struct {
	// Kind says what it is, in one word: caller, subject, network. Refusals and
	// metrics name it.
	Kind string
	// ID tells it from others of its kind. It leaves this process as an HMAC only.
	ID   string
	Rate Rate
	// Look asks without charging.
	Look bool
}
