package es

import (
	"context"
	"errors"
)

// Checkpoint is how far a read model was built. It names the commit that stood
// at its position then: a log that was restored from an older copy, and written
// to since, has another one there.
type Checkpoint struct {
	Position        // sequence 0 when nothing was applied
	Commit   string // id of the last applied commit
}

// CheckpointAt is the checkpoint of a model that r was applied to last.
func CheckpointAt(r Recorded) Checkpoint { return Checkpoint{Position: r.Position, Commit: r.ID} }

// Sink keeps a read model of shards together with how far each was read.
type Sink interface {
	// Checkpoint is how far a stream was applied.
	Checkpoint(ctx context.Context, stream, epoch string) (Checkpoint, error)
	// Apply writes what the batch means and moves the checkpoint from the
	// given one to the batch's last, both or neither. ErrMoved: the
	// checkpoint is elsewhere. ErrUnprojectable: the model can't make
	// anything of a commit. Any other error is tried again.
	Apply(ctx context.Context, from Checkpoint, batch []Recorded) error
}

// ErrMoved says that a checkpoint is not where its reader left it: the sink
// was wiped, or another reader was faster. The reader goes on from there.
var ErrMoved = errors.New("checkpoint has moved")

// ErrUnprojectable halts a projection: the model does not know what a commit
// means.
var ErrUnprojectable = errors.New("commit can't be projected")
