package carry

import (
	"context"
	"fmt"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
)

// touch tells identity what is about to be done to the person, who may be two
// references that were merged: if that was wrong, it must be found. Whoever is
// forgotten already is told of nowhere else.
func (j *journey) touch(ctx context.Context, kind identityv1.TouchKind) error {
	_, err := j.cfg.Peers.Subjects.RecordTouch(ctx, &identityv1.RecordTouchRequest{
		RequestId: j.id("touch/"+kind.String(), 1), SubjectRef: j.s.SubjectRef, Kind: kind, Reference: j.agg.ID,
	})
	if err != nil && !gone(err) {
		return fmt.Errorf("record touch: %w", err)
	}
	return nil
}
