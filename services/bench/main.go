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

	"habeas.internal/services/bench/internal/consents"
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
	if serve := server(args); serve != nil {
		return serve(ctx, args[1])
	}
	return run(ctx, args, os.Stderr)
}

// server is what this program is started as by itself; nil if it was not.
func server(args []string) func(ctx context.Context, dir string) error {
	if len(args) != 2 {
		return nil
	}
	switch args[0] {
	case servers.ServeNATSCommand:
		return servers.ServeNATS
	case consents.ServeCommand:
		return consents.Serve
	case consents.UnobservedCommand:
		return consents.ServeUnobserved
	case consents.EchoCommand:
		return consents.ServeEcho
	}
	return nil
}
