// Command bench measures the project against the limits of the machine and
// against its peers, in one interleaved run, and writes services/bench/RESULTS.md.
// It starts the servers that it needs itself: redis-server and PostgreSQL have
// to be installed. It ends with an error when a row is worse than what the
// project puts up with.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"habeas.internal/services/bench/internal/servers"
)

func main() {
	if err := start(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func start(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) == 2 && args[0] == servers.ServeNATSCommand {
		return servers.ServeNATS(ctx, args[1])
	}
	return run(ctx, args, os.Stderr)
}
