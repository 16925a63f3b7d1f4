package cli

import (
	"context"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) consent() *cobra.Command {
	return group("consent", "what people agreed to, and what that allows",
		a.consentRecord(), a.consentWithdraw(), a.consentInvalidate(), a.consentAccept(), a.consentSignal(), a.consentCheck(), a.consentHistory(), a.consentState(), a.consentReceipt(), a.consentParity(),
		a.consentSource())
}

// question is what check asks.
type question struct {
	q                       consentv1.Question
	action, source          string
	collectedAt, at, waited string
}

func (a *app) consentCheck() *cobra.Command {
	var q question
	c := &cobra.Command{
		Use: "check SUBJECT", Short: "ask whether something is allowed", Args: cobra.ExactArgs(1),
		Long: `Check asks one question and shows the answer with its reason, legal basis, clause and policy version. The exit
code is 0 when it is allowed and 4 when it is not.`,
		RunE: func(c *cobra.Command, args []string) error { return a.runCheck(c.Context(), args[0], &q) },
	}
	f := c.Flags()
	f.StringVar(&q.q.Policy, "policy", "", "the policy")
	f.StringVar(&q.action, "action", "use", "collect, access, use, preserve or disclose")
	f.StringVar(&q.q.Purpose, "purpose", "", "for what, a dotted name")
	f.StringSliceVar(&q.q.Categories, "category", nil, "with which data, dotted names; all must be allowed")
	f.StringVar(&q.source, "source", "", "how the data came in: online, offline, cookie, affiliate, third-party, observed or registration")
	f.StringVar(&q.q.Provider, "provider", "", "whose account it comes from, of the source third-party")
	f.StringVar(&q.q.Scope, "scope", "", "the part of that account")
	f.StringVar(&q.collectedAt, "collected-at", "", "when the data was collected, RFC 3339")
	f.StringVar(&q.q.Recipient, "recipient", "", "who gets it")
	f.StringVar(&q.q.Region, "region", "", "where it goes")
	f.StringVar(&q.q.Channel, "channel", "", "by which channel")
	f.Uint64Var(&q.q.Cohort, "cohort", 0, "size of the group that an aggregate speaks of")
	f.Uint64Var(&q.q.Complement, "complement", 0, "size of the rest of its population")
	f.StringVar(&q.at, "at", "", "the moment asked about, RFC 3339; now if empty")
	f.StringVar(&q.waited, "consistency-token", "", "wait for the state that a command's token names")
	return c
}

func (a *app) runCheck(ctx context.Context, subject string, q *question) (err error) {
	q.q.SubjectRef = subject
	if q.q.Action, err = enum[consentv1.Action]("--action", q.action, "ACTION_", consentv1.Action_value); err != nil {
		return err
	}
	if q.source != "" {
		if q.q.Source, err = enum[consentv1.Source]("--source", q.source, "SOURCE_", consentv1.Source_value); err != nil {
			return err
		}
	}
	if q.q.CollectedAt, err = parseMoment("--collected-at", q.collectedAt); err != nil {
		return err
	}
	if q.q.At, err = parseMoment("--at", q.at); err != nil {
		return err
	}
	return a.consents(func(conn *grpc.ClientConn) error {
		resp, err := consentv1.NewConsentServiceClient(conn).Check(ctx,
			&consentv1.CheckRequest{Question: &q.q, ConsistencyToken: q.waited})
		if err != nil {
			return err
		}
		n := resp.GetAnswer()
		word := "no"
		if n.GetAllowed() {
			word = "yes"
		}
		err = a.show(resp, []string{
			"ALLOWED\tREASON\tBASIS\tCLAUSE\tVERSION\tAUTHORIZATION",
			cells(word, dash(n.GetReason()), dash(n.GetBasis()), dash(n.GetClause()), n.GetVersion(), dash(n.GetAuthorization())),
		})
		if err == nil && !n.GetAllowed() {
			err = codedError{errAlreadySaid, ExitRefused}
		}
		return err
	})
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
