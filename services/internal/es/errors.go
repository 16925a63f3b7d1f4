package es

import (
	"errors"
	"fmt"
)

// What can go wrong with the log. Each has one row in a service's error table.
var (
	// ErrInvalidAggregate means: a part of the name could not stand in a subject.
	ErrInvalidAggregate = errors.New("aggregate name is malformed")
	// ErrConflict means: another commit came first. Only stores return it; a
	// Handler decides again.
	ErrConflict = errors.New("aggregate has moved on")
	// ErrContended means: the race was lost too often; try again later.
	ErrContended = errors.New("aggregate is contended")
	// ErrUnknownOutcome means: the log did not answer in time. The commit may be in
	// it; the same command may be sent again.
	ErrUnknownOutcome = errors.New("outcome of the append is unknown")
	// ErrUnavailable means: the log can't answer now.
	ErrUnavailable = errors.New("log is unavailable")
	// ErrForbidden means: the log's servers refuse what this service's user may
	// not do. Nothing was stored, and no other try would be.
	ErrForbidden = errors.New("log refuses this user")
	// ErrStale means: the head that was asked about is not the last commit.
	ErrStale = errors.New("state is stale")
	// ErrCommandReused means: the command id was used before, with another body.
	ErrCommandReused = errors.New("command id was used with another body")
	// ErrNoCommandID means: a command without an id can't be told from another.
	ErrNoCommandID = errors.New("command has no id")
	// ErrTooLarge means: the commit exceeds MaxCommitBytes.
	ErrTooLarge = errors.New("commit is too large")
	// ErrBadToken means: a consistency token could not be read.
	ErrBadToken = errors.New("consistency token is malformed")
	// ErrOtherEpoch means: the token speaks of a stream that was made anew.
	ErrOtherEpoch = errors.New("stream has another epoch")
	// ErrBehind means: the read model has not reached the wanted position yet.
	ErrBehind = errors.New("read model is behind")
	// ErrMissingStream means: a stream of the topology does not exist. Services
	// never create one.
	ErrMissingStream = errors.New("stream is missing")
	// ErrConfiguration means: a stream's configuration is not the expected one.
	ErrConfiguration = errors.New("stream configuration differs")
	// ErrUntrusted means: genesis names another log key than the reader was given.
	ErrUntrusted = errors.New("stream is not of this log")
)

// CorruptError says that history is not what was written. The reader that
// meets it halts; nothing after it can be trusted.
type CorruptError struct {
	Stream   string // may be empty where the store has no streams
	Sequence uint64 // the message, or the first missing one
	Subject  string // the aggregate's subject, where known
	Reason   string // from the Corrupt… constants
}

// Why a CorruptError was raised.
const (
	CorruptGap       = "SEQUENCE_GAP"
	CorruptChain     = "CHAIN_BROKEN"
	CorruptVersion   = "VERSION_BROKEN"
	CorruptEncoding  = "UNDECODABLE"
	CorruptSignature = "SIGNATURE_INVALID"
	CorruptKey       = "SIGNING_KEY_UNKNOWN"
	CorruptSubject   = "SUBJECT_MISMATCH"
	CorruptBehind    = "HISTORY_BEHIND_CHECKPOINT"
	CorruptDiffers   = "HISTORY_DIFFERS_AT_CHECKPOINT"
	CorruptHeader    = "HEADER_DIFFERS_FROM_BODY"
	CorruptMissing   = "MESSAGES_MISSING"
)

// Error names the place and the reason; it holds no event content.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("log is corrupt: %s at %s/%d %s", e.Reason, e.Stream, e.Sequence, e.Subject)
}

// UnknownEventError says that an event's type or schema is newer than this
// code. The owner's readers halt: they are older than the log.
type UnknownEventError struct {
	Type   string
	Schema uint32
}

// Error names the type.
func (e *UnknownEventError) Error() string {
	return fmt.Sprintf("event type %s schema %d is unknown", e.Type, e.Schema)
}

// HaltReason says whether err means that a reader must not go on, and gives
// the reason code: history is not what was written, or this code is older
// than it.
func HaltReason(err error) (reason string, halt bool) {
	var corrupt *CorruptError
	var unknown *UnknownEventError
	switch {
	case errors.As(err, &corrupt):
		return corrupt.Reason, true
	case errors.As(err, &unknown):
		return "EVENT_TYPE_UNKNOWN", true
	case errors.Is(err, ErrConfiguration):
		return "STREAM_CONFIGURATION_CHANGED", true
	case errors.Is(err, ErrMissingStream):
		return "STREAM_MISSING", true
	case errors.Is(err, ErrUntrusted):
		return "LOG_UNTRUSTED", true
	case errors.Is(err, ErrUnprojectable):
		return "COMMIT_UNPROJECTABLE", true
	}
	return "", false
}
