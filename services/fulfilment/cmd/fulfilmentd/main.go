// Command fulfilmentd is the fulfilment service: one request of a person from
// arrival to proof. It is configured by environment variables.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"habeas.internal/services/fulfilment/fulfilmentd"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
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
	var cfg fulfilmentd.Config
	if err := env.Load(os.Environ(), &cfg); err != nil {
		return err
	}
	return fulfilmentd.Run(ctx, cfg, daemon.World{Out: os.Stdout})
}
