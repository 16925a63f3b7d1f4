package carry

import (
	"context"
	"fmt"
	"slices"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// suppress has identity remember the identifying values of this system, so that
// nothing brings them back unnoticed. It is done at every try before anything is
// touched, as an identifier may have come, and recorded if it is for longer than
// was recorded before.
func (x *erasure) suppress(ctx context.Context) error {
	if x.s.Partial() { // the person stays, and may come again
		return nil
	}
	var values []*identityv1.SuppressedValue
	for _, id := range x.person.Identifiers {
		for _, column := range x.sys.IdentityColumns(id.Kind) {
			values = append(values, &identityv1.SuppressedValue{System: x.name, Column: column, Value: id.Value})
		}
	}
	until, lasts := lasting(x.s.SystemOf(x.name).Until, x.cfg.Now(), max(1, int(x.version.BackupDays)))
	ref, err := x.remember(ctx, values, until)
	if err != nil || lasts {
		return err
	}
	err = x.step(ctx, "suppress", request.NoteSuppression{System: x.name, ErasureRef: ref, Values: uint32(len(values)), Until: until})
	if err != nil {
		return err
	}
	return x.point(PointSuppressed)
}

// lasting is until when values are remembered that backups still hold for some days
// from now on: until what was recorded, if that is long enough, or else for a week
// more, so that not every try records another moment.
func lasting(recorded, now time.Time, days int) (until time.Time, lasts bool) {
	if !recorded.Before(now.AddDate(0, 0, days+1)) {
		return recorded, true
	}
	return now.AddDate(0, 0, days+8), false
}

// remember has identity remember values, and returns the reference of the erasure.
func (j *journey) remember(ctx context.Context, values []*identityv1.SuppressedValue, until time.Time) (string, error) {
	ref := es.DeriveID(j.agg.Tenant, "erasure", j.agg.ID)
	for chunk := range slices.Chunk(values, 256) {
		_, err := j.cfg.Peers.Suppression.Suppress(ctx, &identityv1.SuppressRequest{
			Values: chunk, ErasureRef: ref, Until: timestamppb.New(until),
		})
		if err != nil {
			return "", fmt.Errorf("suppress: %w", err)
		}
	}
	return ref, nil
}
