package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"habeas.internal/services/audit"
	"habeas.internal/services/habeas/internal/local"
	"habeas.internal/services/habeas/internal/spans"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/wholefile"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

func (a *app) audit() *cobra.Command {
	return group("audit", "what happened, from the log alone", a.auditReplay(), a.auditReads(), a.auditPurposes())
}

func (a *app) auditReplay() *cobra.Command {
	var f audit.Filter
	var until string
	c := &cobra.Command{
		Use: "replay", Short: "show history, verified, in the order in which it was stored", Args: cobra.NoArgs,
		Long: `Replay reads every stream, verifies that nothing is missing, that commits chain and that each is signed by a key
that the log announced, and shows the commits that were asked for. Personal data stays sealed. It needs the log
and its key: no service has to run. Where an installation of "habeas up" is stopped, its log is opened for the
length of the command.

With --output json it writes a line for each commit and, last, the summary.`,
		RunE: func(c *cobra.Command, _ []string) error {
			at, err := parseMoment("--at", until)
			if err != nil {
				return err
			}
			if at != nil && at.AsTime().After(time.Now()) {
				return usageError{errors.New("--at lies ahead: nobody knows how the log will stand then")}
			}
			if at != nil {
				f.Until = at.AsTime()
			}
			return a.auditing(c.Context(), func(log *jetstream.Log, contexts []string) error {
				return a.runReplay(c.Context(), audit.New(log, contexts), f)
			})
		},
	}
	selection(c.Flags(), &f)
	c.Flags().StringVar(&until, "at", "", "as the log stood at a moment, RFC 3339")
	c.Flags().BoolVar(&f.SkipSignatures, "skip-signatures", false, "trust the store: verify neither chains nor signatures")
	return c
}

func selection(f *pflag.FlagSet, filter *audit.Filter) {
	f.StringVar(&filter.Subject, "subject", "", "what concerns a person, by reference")
	f.StringVar(&filter.Request, "request", "", "what concerns a request")
	f.StringVar(&filter.Tenant, "tenant", "", "one tenant only")
}

func (a *app) runReplay(ctx context.Context, auditor *audit.Auditor, f audit.Filter) error {
	var table *tabwriter.Writer
	show := func(e audit.Entry) error {
		text, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("write result: %w", err)
		}
		_, err = fmt.Fprintf(a.Out, "%s\n", text)
		return err
	}
	if a.set.output == outputTable {
		table = tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "STORED\tSTREAM\tSEQ\tEVENT\tAGGREGATE\tFIELDS")
		show = func(e audit.Entry) error { return rowsOf(table, e) }
	}
	if !a.set.quiet {
		auditor.Tell(a.reading())
	}
	s, err := auditor.Replay(ctx, f, show)
	if table != nil {
		err = errors.Join(err, table.Flush())
	}
	if err != nil {
		return err
	}
	if err := a.printSummary(s); err != nil {
		return err
	}
	if named := f.Subject+f.Request+f.Tenant != ""; named && s.Shown == 0 {
		return codedError{errors.New("the log holds nothing of what was asked for"), ExitNotFound}
	}
	return nil
}

// reading says now and then on standard error how far a replay is.
func (a *app) reading() func(uint64) {
	last := time.Now()
	return func(read uint64) {
		if time.Since(last) >= progressEvery {
			last = time.Now()
			_, _ = fmt.Fprintf(a.Err, "read %d commits\n", read)
		}
	}
}

func (a *app) printSummary(s audit.Summary) error {
	if a.set.output == outputJSON {
		text, err := json.Marshal(map[string]audit.Summary{"summary": s})
		if err != nil {
			return fmt.Errorf("write result: %w", err)
		}
		_, err = fmt.Fprintf(a.Out, "%s\n", text)
		return err
	}
	verdict := "every sequence is there, every commit chains and is signed by an announced key"
	if !s.Verified {
		verdict = "every sequence is there; chains and signatures were not verified"
	}
	_, err := fmt.Fprintf(a.Out, "\n%d of %d commits of %d streams; %s\n", s.Shown, s.Read, s.Streams, verdict)
	return err
}

// rowsOf writes a line for each event of a commit.
func rowsOf(w *tabwriter.Writer, e audit.Entry) error {
	for _, event := range e.Events {
		text := "(not known here)"
		if !event.Unknown {
			text = compactFields(event.Data)
		}
		if e.Refusal != "" {
			text = "refused " + e.Refusal + "  " + text
		}
		_, _ = fmt.Fprintln(w, cells(e.Stored.Format("2006-01-02 15:04:05.000"), e.Stream, e.Sequence, event.Type,
			e.Tenant+"/"+e.Aggregate+"/"+e.ID, text))
	}
	return nil
}

// maxFields bounds a row of the table; JSON holds everything.
const maxFields = 160

func compactFields(data map[string]any) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		return "-"
	}
	text := []rune(strings.TrimSpace(out.String()))
	if len(text) > maxFields {
		text = append(text[:maxFields], '…')
	}
	return string(text)
}

// auditing opens the log as audit does: by the flags of operators if they name
// a seed, and else by the client configuration.
func (a *app) auditing(ctx context.Context, do func(log *jetstream.Log, contexts []string) error) error {
	if a.set.NATS.Seed != "" {
		log, closing, err := a.open(ctx)
		if err != nil {
			return err
		}
		defer closing()
		return do(log, a.set.EventLog.Contexts)
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	access, err := auditAccess(c.Log, a.quietLogger())
	if err != nil {
		return err
	}
	nc, err := jetstream.Connect(access)
	if err != nil && c.Log.Data != "" {
		return a.auditingOffline(ctx, c, do)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	}
	nc.Close()
	return a.auditingAt(ctx, access, c.Log.Key, c.Log.Shards, do)
}

func (a *app) quietLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(a.Err, &slog.HandlerOptions{Level: slog.LevelError}))
}

// auditingOffline runs the log's server of a data folder meanwhile.
func (a *app) auditingOffline(ctx context.Context, c local.Client, do func(*jetstream.Log, []string) error) (err error) {
	log, err := local.OpenOffline(ctx, c.Log.Data)
	if errors.Is(err, local.ErrInUse) {
		return fmt.Errorf("%w: the log of %s does not answer: %w", es.ErrUnavailable, c.Log.Data, err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	access, err := log.Audit()
	if err != nil {
		return err
	}
	return a.auditingAt(ctx, access, c.Log.Key, c.Log.Shards, do)
}

func (a *app) auditingAt(ctx context.Context, access jetstream.Access, logKey string, shards int, do func(*jetstream.Log, []string) error) error {
	key, err := publicKey(logKey)
	if err != nil {
		return err
	}
	nc, err := jetstream.Connect(access)
	if err != nil {
		return fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	}
	defer nc.Close()
	log, err := jetstream.Open(ctx, jetstream.Config{
		Conn: nc, LogKey: key, Logger: access.Logger, Topology: auditTopology(shards),
		Tracer: tracenoop.NewTracerProvider().Tracer(""), Meter: metricnoop.NewMeterProvider().Meter(""),
	})
	if err != nil {
		return err
	}
	defer log.Close()
	return do(log, jetstream.Contexts())
}

func auditTopology(shards int) jetstream.Topology {
	return jetstream.Topology{Contexts: jetstream.Contexts(), Shards: shards, Replicas: 1}
}

func auditAccess(l local.ClientLog, logger *slog.Logger) (jetstream.Access, error) {
	if l.Seed == "" || l.Key == "" {
		return jetstream.Access{}, usageError{errors.New("the client configuration does not say how to read the log")}
	}
	access := jetstream.Access{URL: l.URL, User: l.User, Seed: l.Seed, Logger: logger}
	if l.CA != "" {
		bundle, err := wholefile.Read(l.CA, wholefile.Usual)
		if err != nil {
			return access, usageError{fmt.Errorf("read authorities: %w", err)}
		}
		access.TLS = &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: x509.NewCertPool()}
		if !access.TLS.RootCAs.AppendCertsFromPEM(bundle) {
			return access, usageError{fmt.Errorf("read authorities: no certificate in %s", l.CA)}
		}
	}
	return access, nil
}

func (a *app) trace() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "trace REQUEST", Short: "show the spans of a request as a tree", Args: cobra.ExactArgs(1),
		Long: `Trace finds the traces in which a request's commits were made, in the log, and shows their spans from the file of
finished spans that "habeas up" keeps.`,
		RunE: func(c *cobra.Command, args []string) error { return a.runTrace(c.Context(), args[0], file) },
	}
	c.Flags().StringVar(&file, "spans", "", "file of finished spans; the client configuration's if empty")
	return c
}

func (a *app) runTrace(ctx context.Context, request, file string) error {
	if file == "" {
		c, err := a.client()
		if err != nil {
			return err
		}
		if file = c.Spans; file == "" {
			return usageError{errors.New("--spans must name the file of finished spans")}
		}
	}
	wanted := map[string]bool{}
	err := a.auditing(ctx, func(log *jetstream.Log, contexts []string) error {
		f := audit.Filter{Request: request, SkipSignatures: true}
		_, err := audit.New(log, contexts).Replay(ctx, f, func(e audit.Entry) error {
			if e.Trace != "" {
				wanted[e.Trace] = true
			}
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	if len(wanted) == 0 {
		return codedError{fmt.Errorf("the log holds nothing of request %s", request), ExitNotFound}
	}
	all, err := spans.Read(file, wanted)
	if err != nil {
		return err
	}
	if a.set.output == outputJSON {
		return a.print(jsonSpans(all))
	}
	return spans.Tree(a.Out, all)
}

// jsonSpan is a span for programs.
type jsonSpan struct {
	Trace    string    `json:"trace_id"`
	ID       string    `json:"span_id"`
	Parent   string    `json:"parent_span_id,omitempty"`
	Service  string    `json:"service"`
	Name     string    `json:"name"`
	Start    time.Time `json:"start"`
	Duration int64     `json:"duration_ns"`
	Failed   bool      `json:"failed,omitempty"`
}

func jsonSpans(all []spans.Span) []jsonSpan {
	out := make([]jsonSpan, len(all))
	for i, s := range all {
		out[i] = jsonSpan{s.Trace, s.ID, s.Parent, s.Service, s.Name, s.Start, s.Duration.Nanoseconds(), s.Failed}
	}
	return out
}
