package es

import (
	"context"
	"time"
)

// Proof says how far a stream reached: everything that was acknowledged before
// At stands at or before the position. It comes from a leader that could prove
// that it leads.
type Proof struct {
	Position
	// At is not after Asked. It is before where a replica is missing: when a
	// majority was last heard of by the leader.
	At time.Time
	// Asked is when the question left. The leader led then.
	Asked time.Time
}

// Prover knows how fresh a copy of a context's streams is. It is safe for
// concurrent use.
type Prover interface {
	// Latest is the last proof of a stream; the zero Proof before the first.
	Latest(stream string) Proof
	// Since waits for a proof that was asked for at or after a moment. After
	// an error nothing is known: ctx has ended.
	Since(ctx context.Context, stream string, moment time.Time) (Proof, error)
}
