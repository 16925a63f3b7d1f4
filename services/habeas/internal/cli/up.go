package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"habeas.internal/services/habeas/internal/demo"
	"habeas.internal/services/habeas/internal/local"
	"habeas.internal/services/internal/devmail"

	"github.com/spf13/cobra"
)

// upFlags are the flags of up alone.
type upFlags struct {
	data    string
	tenant  string
	region  string
	noDemo  bool
	once    bool
	verbose bool
	mail    bool
}

// Names that `habeas up` uses unless it is told others.
const (
	defaultData   = ".habeas"
	defaultTenant = "demo"
	defaultRegion = "us"
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
	c.Flags().StringVar(&f.region, "region", defaultRegion, "where this machine is, ISO 3166, small letters: policies promise where data is kept")
	c.Flags().BoolVar(&f.noDemo, "no-demo", false, "run the services only")
	c.Flags().BoolVar(&f.once, "once", false, "stop when the demo has ended")
	c.Flags().BoolVar(&f.verbose, "verbose", false, "services' log lines on standard error too")
	c.Flags().BoolVar(&f.mail, "show-mail", false, "show the mail that people would get, with its codes, on standard error")
	return c
}

var errTenantName = errors.New("--tenant must begin with a small letter and hold 2 to 31 small letters, digits and hyphens")

// tenantNamed reports whether identity would make a tenant of that name.
func tenantNamed(name string) bool {
	const most = 31
	if len(name) < 2 || len(name) > most || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func (a *app) runUp(ctx context.Context, f upFlags) (err error) {
	if !tenantNamed(f.tenant) {
		return usageError{errTenantName}
	}
	began := time.Now()
	cfg := local.Config{Dir: f.data, Tenant: f.tenant, Region: f.region, Version: build().Version}
	if f.verbose {
		cfg.Verbose = a.Err
	}
	if f.mail {
		cfg.ShowMail = func(m devmail.Message) {
			_, _ = fmt.Fprintf(a.Err, "mail to %s: %s\n%s\n", m.To, m.Subject, m.Text)
		}
	}
	if !a.set.quiet {
		cfg.Progress = func(what string) { _, _ = fmt.Fprintf(a.Err, "%6.1fs  %s\n", time.Since(began).Seconds(), what) }
	}
	folder, err := a.prepareDemo(ctx, f, &cfg)
	if err != nil {
		return err
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
	out := upOf(in, f.data)
	out.once = f.once
	if folder != "" {
		story, err := a.playDemo(ctx, in, folder)
		if err != nil && ctx.Err() != nil {
			return nil // asked to stop meanwhile
		}
		if err != nil {
			return err
		}
		out.Demo = &story
	}
	out.employed = a.employ(ctx, in)
	if err := a.printUp(out); err != nil || f.once {
		return err
	}
	return serveUp(ctx, in, out.employed)
}

// prepareDemo makes the demo's systems, unless none is wanted, and returns
// their folder.
func (a *app) prepareDemo(ctx context.Context, f upFlags, cfg *local.Config) (folder string, err error) {
	if f.noDemo {
		return "", nil
	}
	if folder, err = filepath.Abs(filepath.Join(f.data, "demo")); err != nil {
		return "", fmt.Errorf("find data folder: %w", err)
	}
	if cfg.Connections, err = demo.Connections(f.tenant, folder); err != nil {
		return "", err
	}
	return folder, demo.Prepare(ctx, folder)
}

// demoLimit is far more than a demo takes.
const demoLimit = 3 * time.Minute

// playDemo tells its story on standard output, or where a program reads that,
// on standard error.
func (a *app) playDemo(ctx context.Context, in *local.Installation, folder string) (demo.Story, error) {
	w := a.Out
	if a.set.output == outputJSON {
		w = a.Err
	}
	return demo.Run(ctx, demo.Config{Dir: folder, Client: in.Client(), Mail: in.Mail(), Out: w, Limit: demoLimit})
}

// renewEvery keeps the developer's token good while the installation runs, and
// fresh enough for what asks for a recent proof.
const renewEvery = 5 * time.Minute

// employEvery is how often it is looked whether the developer's tenant has come.
const employEvery = time.Second

// employ lets the developer see personal data before they are told to look, and
// reports whether they may. They may not before there is a tenant.
func (a *app) employ(ctx context.Context, in *local.Installation) bool {
	err := in.Employ(ctx)
	if err != nil && !errors.Is(err, local.ErrNoTenant) && ctx.Err() == nil {
		a.warn(err.Error())
	}
	return err == nil
}

// serveUp waits until it is asked to stop or a service ends by itself.
func serveUp(ctx context.Context, in *local.Installation, employed bool) error {
	tick, employ := time.NewTicker(renewEvery), time.NewTicker(employEvery)
	defer tick.Stop()
	defer employ.Stop()
	if employed {
		employ.Stop()
	}
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
		case <-employ.C:
			if err := in.Employ(ctx); err == nil {
				employ.Stop()
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
	Demo      *demo.Story       `json:"demo,omitempty"`

	once     bool // it stops after this
	employed bool // there is a tenant, and the developer may see personal data
}

func upOf(in *local.Installation, data string) upResult {
	c := in.Client()
	return upResult{
		Client: filepath.Join(data, local.ClientFile), Tenant: c.Tenant, Endpoints: c.Endpoints,
		Log: filepath.Join(data, "habeas.log"), Spans: filepath.Join(data, "spans.jsonl"),
	}
}

func (a *app) printUp(out upResult) error {
	rows := []string{"SERVICE\tADDRESS"}
	for _, name := range local.Services() {
		if addr := out.Endpoints[name]; addr != "" {
			rows = append(rows, cells(name, addr))
		}
	}
	files := []string{cells("client", out.Client), cells("log", out.Log), cells("spans", out.Spans)}
	if out.Demo != nil && a.set.output == outputTable {
		_, _ = fmt.Fprintln(a.Out) // the story stands above
	}
	bound := "The developer's token is bound to confidentiality and may see personal data for the purpose " + local.Purpose + "."
	if !out.employed {
		bound = "The tenant " + out.Tenant + " is not there yet. Once it is, the developer's token is bound to confidentiality\n" +
			"and may see personal data for the purpose " + local.Purpose + "."
	}
	tables := [][]string{rows, files, {bound, "An erasure takes a second person's approval if the tenant's settings ask for one: `habeas settings show`."}}
	if !out.once {
		tables = append(append(tables, next(out)...), []string{"It serves until Ctrl-C, which stops it. The next start takes up what is there."})
	}
	return a.print(out, tables...)
}

// next says what to try: commands that work as they stand here.
func next(out upResult) [][]string {
	var config string
	if out.Client != filepath.Join(defaultData, local.ClientFile) {
		config = " --config " + out.Client
	}
	const program = "go run ./services/habeas"
	lines := []string{"Try, in another terminal, with " + program + config + ":"}
	if out.Demo != nil {
		for _, q := range out.Demo.Requests {
			lines = append(lines, "  request explain "+q.Request+"\thow it came to this "+q.Right)
			if q.Right == "access" {
				lines = append(lines, "  request download "+q.Request+"\tthe package, as a zip file")
			} else {
				lines = append(lines, "  audit replay --request "+q.Request+"\tits history, verified, from the log alone",
					"  trace "+q.Request+"\tits spans across the services")
			}
		}
	}
	if !out.employed {
		lines = append(lines, "  tenant create "+out.Tenant+"\tmake the tenant that your token is for")
	}
	if out.Demo == nil {
		lines = append(lines, "  policy publish --help\tpublish a policy; docs/policies.md")
	}
	return [][]string{append(lines, "  request list\twhat people asked for", "  doctor\twhether all is well", "  help\tall commands")}
}
