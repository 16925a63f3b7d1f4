package daemon

import (
	"context"
	"log/slog"
	"time"
)

// RunParts runs parts without a kit and returns the reasons for leaving.
func RunParts(ctx context.Context, grace time.Duration, parts ...Part) (reason string, err error) {
	g := group{log: slog.New(slog.DiscardHandler), grace: grace, leave: func(r string) { reason = r }}
	err = g.run(ctx, parts)
	return reason, err
}
