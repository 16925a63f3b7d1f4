// Command retentiond is the retention service: what must be kept, until when,
// and why. It is configured by environment variables.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/retention/retentiond"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(daemon.ExitCode(err))
}

func run(ctx context.Context) error {
	var cfg retentiond.Config
	if err := env.Load(os.Environ(), &cfg); err != nil {
		return err
	}
	return retentiond.Run(ctx, cfg, daemon.World{Out: os.Stdout})
}
