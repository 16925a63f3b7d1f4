package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) parked() *cobra.Command {
	c := &cobra.Command{
		Use: "parked", Short: "what processes gave up on", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use: "list", Short: "list what is parked, oldest first", Args: cobra.NoArgs,
		Long: `List shows where each message stands that a process gave up on, and why; never its content. A service replays
what it parked once the cause is mended.`,
		RunE: func(c *cobra.Command, _ []string) error { return a.runParkedList(c.Context()) },
	})
	return c
}

type parkedMessage struct {
	Process    string    `json:"process"`
	Stream     string    `json:"stream"`
	Sequence   uint64    `json:"sequence"`
	Types      string    `json:"types,omitempty"`
	Reason     string    `json:"reason"`
	Deliveries uint32    `json:"deliveries"`
	Version    string    `json:"code_version,omitempty"`
	At         time.Time `json:"parked_at"`
}

func (a *app) runParkedList(ctx context.Context) error {
	a.adopt()
	log, closing, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer closing()
	all, err := log.Parked(ctx)
	if err != nil {
		return err
	}
	out := make([]parkedMessage, len(all))
	rows := []string{"PROCESS\tSTREAM\tSEQUENCE\tTYPES\tREASON\tTRIES\tVERSION\tSINCE"}
	for i, p := range all {
		out[i] = parkedMessage{
			Process: p.GetConsumer(), Stream: p.GetStream(), Sequence: p.GetSequence(), Types: p.GetTypes(), Reason: p.GetReason(),
			Deliveries: p.GetDeliveries(), Version: p.GetCodeVersion(), At: p.GetParkedAt().AsTime(),
		}
		rows = append(rows, cells(out[i].Process, out[i].Stream, out[i].Sequence, out[i].Types, out[i].Reason,
			out[i].Deliveries, out[i].Version, out[i].At.Format(time.RFC3339)))
	}
	return a.print(out, rows)
}
