package es

import (
	"context"
	"errors"
)

// Sink keeps a read model of shards together with how far each was read.
type Sink interface {
	// Checkpoint is the last applied position of a stream; sequence 0 when
	// there is none.
	Checkpoint(ctx context.Context, stream, epoch string) (Position, error)
	// Apply writes what the batch means and moves the checkpoint from the
	// given position to the batch's last, both or neither. ErrMoved: the
	// checkpoint is elsewhere. ErrUnprojectable: the model can't make
	// anything of a commit. Any other error is tried again.
	Apply(ctx context.Context, from Position, batch []Recorded) error
}

// ErrMoved says that a checkpoint is not where its reader left it: the sink
// was wiped, or another reader was faster. The reader goes on from there.
var ErrMoved = errors.New("checkpoint has moved")

// ErrUnprojectable halts a projection: the model does not know what a commit
// means.
var ErrUnprojectable = errors.New("commit can't be projected")
