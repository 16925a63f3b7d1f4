package natsd

import "fmt"

// Reason is a machine-readable reason for refusing to start.
type Reason string

// Reasons to refuse. In every case but StoreIncomplete no file was changed.
const (
	// WrongKey: the store was made with another key.
	WrongKey Reason = "WRONG_KEY"
	// KeyMissing: the store is encrypted and no key was given.
	KeyMissing Reason = "KEY_MISSING"
	// KeyNotExpected: a key was given for a store that is not encrypted.
	KeyNotExpected Reason = "KEY_NOT_EXPECTED"
	// CheckMissing: the store holds files but the guard's file is gone, so
	// nobody can tell which key it was made with. Restore the file.
	CheckMissing Reason = "CHECK_MISSING"
	// CheckDamaged: the guard's file can't be understood. Restore it.
	CheckDamaged Reason = "CHECK_DAMAGED"
	// StoreInUse: another server runs on the same data directory.
	StoreInUse Reason = "STORE_IN_USE"
	// StoreIncomplete: a stream lies on disk that the server could not recover.
	// Creating a stream of that name would destroy or adopt it.
	StoreIncomplete Reason = "STORE_INCOMPLETE"
)

// RefusedError says why a server was not started on a store.
type RefusedError struct {
	Reason Reason
	// Detail tells an operator what to do; it holds no key.
	Detail string
}

// Error gives the reason and the detail.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused (%s): %s", e.Reason, e.Detail)
}

func refuse(reason Reason, detail string) error {
	return &RefusedError{Reason: reason, Detail: detail}
}
