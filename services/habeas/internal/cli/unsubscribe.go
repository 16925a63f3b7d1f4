package cli

import (
	"strings"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) consentPrepare() *cobra.Command {
	var q question
	var m consentv1.PrepareMessageRequest
	c := &cobra.Command{
		Use: "prepare SUBJECT", Short: "ask whether a message may be sent, and for what stops its like", Args: cobra.ExactArgs(1),
		Long: `Prepare asks what check asks about a message that is to be sent now, by --channel. If it is a periodic one and the
answer is yes, it shows the token and the headers that have to stand in the message. The exit code is 0 when it is
allowed and 4 when it is not.`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := q.fill(); err != nil {
				return err
			}
			q.q.SubjectRef, m.Question = args[0], &q.q
			return a.consents(func(conn *grpc.ClientConn) error {
				resp, err := consentv1.NewUnsubscribeServiceClient(conn).PrepareMessage(c.Context(), &m)
				if err != nil {
					return err
				}
				if resp.GetToken() == "" {
					return a.showAnswer(resp, resp.GetAnswer())
				}
				rows := []string{cells("token", resp.GetToken()), cells("ends", day(resp.GetEndsAt()))}
				if resp.GetListUnsubscribe() != "" {
					rows = append(rows, cells("List-Unsubscribe:", resp.GetListUnsubscribe()), cells("List-Unsubscribe-Post:", resp.GetListUnsubscribePost()))
				}
				return a.show(resp, rows)
			})
		},
	}
	q.flags(c.Flags())
	c.Flags().StringVar(&m.Page, "page", "", "https address of the page that takes the token, which is put behind it")
	return c
}

func (a *app) consentUnsubscribe() *cobra.Command {
	var m consentv1.UnsubscribeRequest
	c := &cobra.Command{
		Use: "unsubscribe TOKEN", Short: "stop periodic messages by what stood in one of them", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			m.Token = args[0]
			return a.consents(func(conn *grpc.ClientConn) error {
				resp, err := consentv1.NewUnsubscribeServiceClient(conn).Unsubscribe(c.Context(), &m)
				if err != nil {
					return err
				}
				return a.show(resp, []string{
					"POLICY\tCHANNEL\tSTOPPED", cells(resp.GetPolicy(), resp.GetChannel(), strings.Join(resp.GetPurposes(), " ")),
				})
			})
		},
	}
	c.Flags().BoolVar(&m.OnlyThis, "only-this", false, "only the purpose of that message; all periodic ones of the policy and channel if not set")
	return c
}
