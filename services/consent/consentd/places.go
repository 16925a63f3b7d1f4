package consentd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"habeas.internal/services/consent/internal/places"
	"habeas.internal/services/consent/internal/rpc"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream/member"
	"habeas.internal/services/internal/stores"
)

// patient is how long a start waits until it has read all policies.
const patient = 2 * time.Minute

// openPlaces holds the stores against all tenants' policies. One that is where a
// policy forbids it stops the start.
func openPlaces(ctx context.Context, cfg Config, m *member.Member) (stores.Regions, error) {
	regions, err := stores.Parse(cfg.Regions)
	if err != nil {
		return nil, err
	}
	codec, err := wire.Policy()
	if err != nil {
		return nil, err
	}
	ends, err := m.Log.Ends(ctx, rpc.Context)
	if err != nil {
		return nil, fmt.Errorf("find the end of the log: %w", err)
	}
	promises := places.New(codec.Registry())
	ctx, cancel := context.WithTimeout(ctx, patient)
	read := make(chan error, 1)
	go func() { read <- m.Log.Project(ctx, promises.Projection(rpc.Context)) }()
	err = promises.Hold(ctx, regions, ends)
	cancel()
	if failed := <-read; err != nil && errors.Is(err, es.ErrBehind) && failed != nil {
		err = failed
	}
	return regions, err
}
