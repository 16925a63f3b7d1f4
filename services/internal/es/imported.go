package es

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"

	"google.golang.org/protobuf/proto"
)

// TypeImported is the control event that ends an import: the stream holds
// everything that its ancestors held for it. Until then an installation whose
// genesis names ancestors is not to be opened. Its data is a ConsistencyToken
// of the ancestors' final positions; it continues the stream's own control
// aggregate, behind genesis.
const TypeImported = "log.imported"

// Readmission is the announcement, under the log key of a new installation, of
// a key that signed commits in an earlier one.
func Readmission(random io.Reader, c Control, a *logv1.KeyAnnounced, installation string, at time.Time) (Commit, error) {
	again, ok := proto.Clone(a).(*logv1.KeyAnnounced)
	if !ok { // cannot happen: a clone has its original's type
		return Commit{}, errors.New("clone announcement")
	}
	if again.GetImportedFrom() == "" { // else the key is known from even earlier
		again.ImportedFrom = installation
	}
	return controlCommit(random, c.Key(again.GetKeyId()), TypeKeyAnnounced, again, at)
}

// ImportedCommit is the commit that ends the import of a stream's ancestors;
// the log key signs it.
func ImportedCommit(random io.Reader, c Control, ancestors []*logv1.Ancestor, at time.Time) (Commit, error) {
	return controlCommit(random, c.Stream(), TypeImported, finals(ancestors), at)
}

func finals(ancestors []*logv1.Ancestor) *logv1.ConsistencyToken {
	out := &logv1.ConsistencyToken{Streams: map[string]*logv1.Position{}}
	for _, a := range ancestors {
		out.Streams[a.GetStream()] = &logv1.Position{Epoch: a.GetEpoch(), Sequence: a.GetLastSequence()}
	}
	return out
}

// ReadImported reports whether the stream with genesis g is whole: it has no
// ancestors, or their import has ended. head is where the stream's control
// aggregate stands.
func ReadImported(ctx context.Context, store Loader, v Verifier, c Control, g *logv1.Genesis) (whole bool, head Head, err error) {
	whole = len(g.GetAncestors()) == 0
	head, err = Fold(ctx, v, head, store.Load(ctx, c.Stream(), 0, Leader), func(r Recorded) error {
		for _, ev := range r.Events {
			var t logv1.ConsistencyToken
			if ev.Type == TypeImported && proto.Unmarshal(ev.Data, &t) == nil && proto.Equal(&t, finals(g.GetAncestors())) {
				whole = true
			}
		}
		return nil
	})
	if err != nil {
		return false, head, fmt.Errorf("read end of import: %w", err)
	}
	return whole, head, nil
}
