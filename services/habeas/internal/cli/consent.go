package cli

import (
	"context"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) consent() *cobra.Command {
	return group("consent", "what people agreed to, and what that allows",
		a.consentRecord(), a.consentWithdraw(), a.consentInvalidate(), a.consentAccept(), a.consentSignal(), a.consentCheck(),
		a.consentExplain(), a.consentHistory(), a.consentState(), a.consentReceipt(), a.consentParity(),
		a.consentSource(), a.consentPrepare(), a.consentUnsubscribe(), a.consentImport(), a.consentImported())
}

func (a *app) consentHistory() *cobra.Command {
	var p page
	var at string
	c := &cobra.Command{
		Use: "history SUBJECT", Short: "list a person's acts in the order they were recorded", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.runHistory(c.Context(), args[0], at, &p) },
	}
	p.flags(c.Flags())
	c.Flags().StringVar(&at, "at", "", "as it was recorded at a moment, RFC 3339; now if empty")
	return c
}

func (a *app) runHistory(ctx context.Context, subject, moment string, p *page) error {
	at, err := parseMoment("--at", moment)
	if err != nil {
		return err
	}
	return a.consents(func(conn *grpc.ClientConn) error {
		all := &consentv1.ListDecisionsResponse{}
		err := p.all(func(token string) (string, error) {
			resp, err := consentv1.NewConsentServiceClient(conn).ListDecisions(ctx,
				&consentv1.ListDecisionsRequest{SubjectRef: subject, At: at, PageSize: p.size, PageToken: token})
			all.Decisions = append(all.Decisions, resp.GetDecisions()...)
			return resp.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		rows := []string{"ACTED\tPOLICY\tVERSION\tABOUT\tDECISION\tEXPRESSION\tEFFECTIVE\tAUTHORIZATION"}
		for _, d := range all.GetDecisions() {
			rows = append(rows, cells(day(d.GetDecidedAt()), d.GetPolicy(), d.GetVersion(), topicOf(d),
				short(d.GetDecision().String(), "DECISION_"), short(d.GetExpression().String(), "EXPRESSION_"), mark(d.GetEffective()), dash(d.GetAuthorization())))
		}
		return a.show(all, rows)
	})
}

// mark shows a truth in a table.
func mark(yes bool) string {
	if yes {
		return "yes"
	}
	return "-"
}
