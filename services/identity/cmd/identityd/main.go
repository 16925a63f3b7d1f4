// Command identityd runs the identity service. Its configuration comes from the
// environment; with an argument it prints what there is to configure.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"habeas.internal/services/identity/identityd"
	"habeas.internal/services/identity/internal/cloudkms"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	os.Exit(daemon.ExitCode(err))
}

func run(ctx context.Context) error {
	var cfg identityd.Config
	if len(os.Args) > 1 {
		return env.Usage(os.Stdout, &cfg)
	}
	err := env.Load(os.Environ(), &cfg)
	cfg.Vault.Roots = cloudkms.Openers()
	if err == nil {
		err = identityd.Run(ctx, cfg, daemon.World{Out: os.Stdout})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return err
}
