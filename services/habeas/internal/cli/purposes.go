package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"habeas.internal/services/audit"
	"habeas.internal/services/internal/es/jetstream"

	"github.com/spf13/cobra"
)

func (a *app) auditPurposes() *cobra.Command {
	var f audit.UseFilter
	var from, to string
	c := &cobra.Command{
		Use: "purposes", Short: "which uses of data lie outside the policies", Args: cobra.NoArgs,
		Long: `Purposes holds every recorded use of personal data against the matrix of purposes and categories of the policy that
decides on it, and shows those outside: disclosures, released figures, what staff looked at without a case, and
what systems declare (privacy_declarations in their descriptions). It reads the log as "audit replay" does.

With --output json it writes a line for each use and, last, the summary.`,
		RunE: func(c *cobra.Command, _ []string) error {
			begin, err := parseMoment("--from", from)
			if err != nil {
				return err
			}
			end, err := parseMoment("--to", to)
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
				return a.runPurposes(c.Context(), audit.New(log, contexts), f)
			})
		},
	}
	c.Flags().StringVar(&f.Tenant, "tenant", "", "one tenant only")
	c.Flags().StringVar(&from, "from", "", "used from this moment on, RFC 3339")
	c.Flags().StringVar(&to, "to", "", "used until this moment, RFC 3339")
	return c
}

func (a *app) runPurposes(ctx context.Context, auditor *audit.Auditor, f audit.UseFilter) error {
	line := func(v any) error {
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("write result: %w", err)
		}
		_, err = fmt.Fprintf(a.Out, "%s\n", text)
		return err
	}
	show := func(u audit.Use) error { return line(u) }
	var table *tabwriter.Writer
	if a.set.output == outputTable {
		table = tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "AT\tUSE\tTENANT\tWHO\tPURPOSE\tCATEGORY\tPOLICY\tCLAUSE\tWHY")
		show = func(u audit.Use) error {
			_, err := fmt.Fprintln(table, cells(u.At.Format("2006-01-02 15:04:05"), u.Kind, u.Tenant, u.Who, u.Purpose, u.Category,
				dash(u.Policy), dash(u.Clause), u.Why))
			return err
		}
	}
	if !a.set.quiet {
		auditor.Tell(a.reading())
	}
	s, err := auditor.Purposes(ctx, f, show)
	if table != nil {
		err = errors.Join(err, table.Flush())
	}
	if err != nil {
		return err
	}
	if table == nil {
		return line(map[string]audit.UseSummary{"summary": s})
	}
	_, err = fmt.Fprintf(a.Out, "\n%d of %d uses lie outside the policies, by %d commits of %d streams, verified\n", s.Outside, s.Judged, s.Read, s.Streams)
	return err
}
