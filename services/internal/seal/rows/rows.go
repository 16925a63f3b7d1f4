// Package rows is where keys lie: a small store of mutable rows whose bytes
// can be destroyed. The log can't be that store, because nothing in it can be
// destroyed.
//
// Every write names the revision that it replaces, so that all protocols of
// the vault are made of compare-and-set alone. What a write replaces or a
// delete removes is overwritten on disk, not only forgotten.
package rows

import (
	"context"
	"errors"
	"iter"
	"strings"
)

var (
	// ErrNotFound means: there is no such row.
	ErrNotFound = errors.New("row not found")
	// ErrConflict means: the row does not stand at the named revision. What stands
	// there is not the caller's write; read again and decide again.
	ErrConflict = errors.New("row has moved on")
)

// Row is one row as it stands. The revisions of one partition's rows rise with
// every write and are never used twice.
type Row struct {
	Subject string
	Value   []byte
	Rev     uint64
}

// Store holds rows by subject. Besides the errors above its methods return
// es.ErrUnavailable, and Put also es.ErrUnknownOutcome: the write may be there
// or may still arrive, unless somebody else writes first.
type Store interface {
	// Get returns the row as the leader has it. A Put or Delete that returned
	// before the call is seen.
	Get(ctx context.Context, subject string) (Row, error)
	// Put writes the row if it stands at revision expect; 0 means that it must
	// not exist. When it returns nil, no older revision's bytes are left in
	// the store's own files.
	Put(ctx context.Context, subject string, value []byte, expect uint64) (rev uint64, err error)
	// Delete removes the row if it stands at rev, bytes included. A row that
	// is not there is a success. After ErrConflict the row stands at another
	// revision; rev is gone all the same.
	Delete(ctx context.Context, subject string, rev uint64) error
	// List yields the rows whose subjects match filter, in which * stands for
	// one token and a last > for one or more, and which were written after a
	// revision, in the order of the revisions of each partition. Every such
	// row that exists from the call to the end of the sequence is yielded at
	// least once; one that is written meanwhile may come again, with a higher
	// revision. Act on a yielded row by its revision. Older revisions that a
	// crash left behind are removed on the way. An error ends the sequence.
	List(ctx context.Context, filter string, after uint64) iter.Seq2[Row, error]
}

// Match reports whether a subject matches a filter.
func Match(filter, subject string) bool {
	want, have := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, w := range want {
		if w == ">" {
			return len(have) > i
		}
		if i >= len(have) || w != "*" && w != have[i] {
			return false
		}
	}
	return len(want) == len(have)
}

// VaultSubject is where a row of the vault lies. Every part is a token of
// random or contract-defined characters.
func VaultSubject(partition, kind, tenant string, rest ...string) string {
	return strings.Join(append([]string{"habeas.vault", partition, kind, tenant}, rest...), ".")
}

// Tokens are the parts of a row's subject: "habeas", "vault", the partition,
// the kind, the tenant, and the rest.
func Tokens(subject string) []string { return strings.Split(subject, ".") }
