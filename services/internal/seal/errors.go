package seal

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrErased means: the key was destroyed, and with it what it sealed. The error
	// is an *Erased, which says when and why.
	ErrErased = errors.New("erased")
	// ErrWrongKey means: the box names another key than the one it was given to.
	ErrWrongKey = errors.New("sealed under another key")
	// ErrCorrupt means: the box is malformed, was altered, or belongs elsewhere.
	ErrCorrupt = errors.New("sealed data is corrupt")
	// ErrDropped means: this process no longer holds the key; ask for it again.
	ErrDropped = errors.New("key is no longer held")
	// ErrInvalid means: a holder, class, field or key was malformed.
	ErrInvalid = errors.New("invalid argument of sealing")
)

// Erased says that a key is gone for good. It matches ErrErased.
type Erased struct {
	ID     KeyID
	At     time.Time
	Reason string // closed vocabulary
}

// Error names the moment and the reason, neither of which is personal.
func (e *Erased) Error() string {
	return fmt.Sprintf("erased at %s: %s", e.At.UTC().Format(time.RFC3339), e.Reason)
}

// Is matches ErrErased.
func (e *Erased) Is(target error) bool { return target == ErrErased }
