package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"habeas.internal/services/audit"
	"habeas.internal/services/internal/es/jetstream"

	"github.com/spf13/cobra"
)

func (a *app) auditReads() *cobra.Command {
	var f audit.ReadFilter
	var from, until string
	c := &cobra.Command{
		Use: "reads", Short: "show who looked at whose personal data, and who was refused", Args: cobra.NoArgs,
		Long: `Reads shows the read log, verified as replay does. A reading is written before the data leaves; it holds no value.
A reading of very many people lists the first hundred: asked for one person, it shows such a reading too.`,
		RunE: func(c *cobra.Command, _ []string) error {
			begin, err := parseMoment("--from", from)
			if err != nil {
				return err
			}
			end, err := parseMoment("--to", until)
			if err != nil {
				return err
			}
			if begin != nil {
				f.From = begin.AsTime()
			}
			if end != nil {
				f.Until = end.AsTime()
			}
			return a.auditing(c.Context(), func(log *jetstream.Log, contexts []string) error {
				return a.runReads(c.Context(), audit.New(log, contexts), f)
			})
		},
	}
	c.Flags().StringVar(&f.Subject, "subject", "", "of a person, by reference")
	c.Flags().StringVar(&f.Actor, "actor", "", "by a person or client: the subject of their token, or their id in the log")
	c.Flags().StringVar(&f.Request, "request", "", "for a request")
	c.Flags().StringVar(&f.Tenant, "tenant", "", "one tenant only")
	c.Flags().StringVar(&from, "from", "", "since a moment, RFC 3339")
	c.Flags().StringVar(&until, "to", "", "until a moment, RFC 3339")
	c.Flags().BoolVar(&f.SkipSignatures, "skip-signatures", false, "trust the store: verify neither chains nor signatures")
	return c
}

func (a *app) runReads(ctx context.Context, auditor *audit.Auditor, f audit.ReadFilter) error {
	show := func(r audit.Reading) error {
		text, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("write result: %w", err)
		}
		_, err = fmt.Fprintf(a.Out, "%s\n", text)
		return err
	}
	flush := func() error { return nil }
	if a.set.output == outputTable {
		table := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "AT\tTENANT\tBY\tROLES\tMETHOD\tPURPOSE\tCASE\tPEOPLE\tANSWER")
		show, flush = func(r audit.Reading) error { return readRow(table, r) }, table.Flush
	}
	if !a.set.quiet {
		auditor.Tell(a.reading())
	}
	s, err := auditor.Reads(ctx, f, show)
	if err := errors.Join(err, flush()); err != nil {
		return err
	}
	return a.printSummary(s)
}

// readRow writes a line of the table. Of several people it shows the first.
func readRow(w *tabwriter.Writer, r audit.Reading) error {
	people := strings.Join(r.Subjects[:min(1, len(r.Subjects))], "")
	answer := "shown"
	switch {
	case r.Refusal != "":
		answer = fmt.Sprintf("refused %s (%d)", r.Refusal, r.Count)
	case r.Count > 1:
		people = fmt.Sprintf("%s and %d more", people, r.Count-1)
	case r.Count == 0:
		people = "nobody"
	}
	by := r.Caller
	if r.Actor != "" {
		by = strings.TrimPrefix(by+"/"+r.Actor, "/")
	}
	if r.BreakGlass != "" {
		answer += " by break-glass " + r.BreakGlass
	}
	_, err := fmt.Fprintln(w, cells(r.At.Format("2006-01-02 15:04:05.000"), r.Tenant, by, dash(strings.Join(r.Roles, ",")), r.Method, dash(r.Purpose), dash(r.Case), dash(people), answer))
	return err
}
