// Command natsnode runs one NATS server from a configuration file until it is
// signalled. Tests use it as a real process that can be killed and paused.
package main

import (
	"fmt"
	"os"

	"github.com/nats-io/nats-server/v2/server"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until SIGTERM, which the server library handles itself.
func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: natsnode CONFIG-FILE")
	}
	opts, err := server.ProcessConfigFile(args[0])
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	opts.Logtime, opts.DisableJetStreamBanner = true, true
	node, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("prepare server: %w", err)
	}
	node.ConfigureLogger()
	if err := server.Run(node); err != nil {
		return fmt.Errorf("run server: %w", err)
	}
	node.WaitForShutdown()
	return nil
}
