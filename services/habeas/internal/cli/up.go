package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"habeas.internal/services/habeas/internal/local"

	"github.com/spf13/cobra"
)

// upFlags are the flags of up alone.
type upFlags struct {
	data    string
	tenant  string
	noDemo  bool
	once    bool
	verbose bool
}

// Names that `habeas up` uses unless it is told others.
const (
	defaultData   = ".habeas"
	defaultTenant = "demo"
)

func (a *app) up() *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use: "up", Short: "run a whole installation in this process", Args: cobra.NoArgs,
		Long: `Up runs the four services, the event log and everything else that they need in one process, on free loopback
ports, in the configuration that production has: mutual TLS by a local authority, a log user for each service,
every message synced. What must survive lies in the data folder; a later start takes it up.

It writes DATA/client.yaml, by which the other commands find the installation, and DATA/endpoints.json. Unless
told otherwise it then fills two demo systems with generated people and carries out an access and an erasure
request on screen. Ctrl-C stops it.`,
		RunE: func(c *cobra.Command, _ []string) error { return a.runUp(c.Context(), f) },
	}
	c.Flags().StringVar(&f.data, "data", defaultData, "data folder")
	c.Flags().StringVar(&f.tenant, "tenant", defaultTenant, "tenant of the developer's token")
	c.Flags().BoolVar(&f.noDemo, "no-demo", false, "run the services only")
	c.Flags().BoolVar(&f.once, "once", false, "stop when the demo has ended")
	c.Flags().BoolVar(&f.verbose, "verbose", false, "services' log lines on standard error too")
	return c
}

func (a *app) runUp(ctx context.Context, f upFlags) (err error) {
	began := time.Now()
	cfg := local.Config{Dir: f.data, Tenant: f.tenant, Version: build().Version}
	if f.verbose {
		cfg.Verbose = a.Err
	}
	if !a.set.quiet {
		cfg.Progress = func(what string) { _, _ = fmt.Fprintf(a.Err, "%6.1fs  %s\n", time.Since(began).Seconds(), what) }
	}
	in, err := local.Start(ctx, cfg)
	if errors.Is(err, local.ErrInUse) {
		return codedError{err, ExitUnavailable}
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop while starting
		}
		return err
	}
	defer func() { err = errors.Join(err, in.Stop()) }()
	if err := a.printUp(in, f.data); err != nil {
		return err
	}
	if f.once {
		return nil
	}
	return serveUp(ctx, in)
}

// renewEvery keeps the developer's token good while the installation runs.
const renewEvery = 24 * time.Hour

// serveUp waits until it is asked to stop or a service ends by itself.
func serveUp(ctx context.Context, in *local.Installation) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-in.Failed():
			return err
		case <-tick.C:
			if err := in.Renew(ctx); err != nil {
				return err
			}
		}
	}
}

// upResult is what up shows of a running installation.
type upResult struct {
	Client    string            `json:"client"`
	Tenant    string            `json:"tenant"`
	Endpoints map[string]string `json:"endpoints"`
	Log       string            `json:"log"`
	Spans     string            `json:"spans"`
}

func (a *app) printUp(in *local.Installation, data string) error {
	c := in.Client()
	out := upResult{
		Client: filepath.Join(data, local.ClientFile), Tenant: c.Tenant, Endpoints: c.Endpoints,
		Log: filepath.Join(data, "habeas.log"), Spans: filepath.Join(data, "spans.jsonl"),
	}
	rows := []string{"SERVICE\tADDRESS"}
	for _, name := range local.Services() {
		if addr := c.Endpoints[name]; addr != "" {
			rows = append(rows, cells(name, addr))
		}
	}
	files := []string{
		cells("client", out.Client), cells("log", out.Log), cells("spans", out.Spans),
	}
	return a.print(out, rows, files)
}
