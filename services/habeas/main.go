// Command habeas is the operator's tool: it provisions an installation, moves
// it, and says whether it is well. `habeas help` lists what it can do.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"habeas.internal/services/habeas/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	return cli.Run(ctx, args, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ()})
}
