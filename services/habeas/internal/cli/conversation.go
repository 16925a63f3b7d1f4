package cli

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

var errReceiptKey = errors.New("--receipt-key is the standard base64 of an Ed25519 public key, 32 bytes")

func (a *app) conversation() *cobra.Command {
	return group("conversation", "when the keys of messages go, and why then",
		a.conversationPlan(), a.conversationShow(), a.conversationList(), a.conversationReceipt())
}

func (a *app) conversationPlan() *cobra.Command {
	var r repeat
	var archive, length, key string
	plan := &retentionv1.MessagePlan{}
	c := &cobra.Command{
		Use: "plan PLAN", Short: "say how long messages are kept and where they are archived", Args: cobra.ExactArgs(1),
		Long: "Plan puts a plan, which decides for periods that begin afterwards. The role dpo is needed. With an archive on the\n" +
			"client's own servers, our keys go only after receipts that the client has signed by the key named here.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			plan.Plan = args[0]
			plan.Archive = retentionv1.Archive(retentionv1.Archive_value["ARCHIVE_"+constant(archive)])
			plan.Length = retentionv1.PeriodLength(retentionv1.PeriodLength_value["PERIOD_LENGTH_"+constant(length)])
			if plan.ReceiptKey, err = base64.StdEncoding.DecodeString(key); err != nil || key != "" && len(plan.ReceiptKey) != ed25519.PublicKeySize {
				return errReceiptKey
			}
			return a.retention(func(conn *grpc.ClientConn) error {
				res, err := retentionv1.NewConversationServiceClient(conn).PutMessagePlan(c.Context(),
					&retentionv1.PutMessagePlanRequest{RequestId: r.id, Plan: plan})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(res, []string{fmt.Sprintf("plan %s decides for periods that begin from now on", args[0])})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&archive, "archive", "none", "none, paid or client-servers")
	c.Flags().StringVar(&length, "period", "month", "day, week or month, by the tenant's calendar")
	c.Flags().StringVar(&plan.Keep, "keep", "", "how long from a period's end, such as P30D; needed")
	c.Flags().StringVar(&plan.Authority, "authority", "", "the clause or contract; no personal data; needed")
	c.Flags().StringVar(&key, "receipt-key", "", "by which the client signs: standard base64 of an Ed25519 public key")
	return c
}

func (a *app) conversationShow() *cobra.Command {
	return &cobra.Command{
		Use: "show CONVERSATION", Short: "show a conversation's plan and periods, when each goes, and why then", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.retention(func(conn *grpc.ClientConn) error {
				got, err := retentionv1.NewConversationServiceClient(conn).GetConversation(c.Context(),
					&retentionv1.GetConversationRequest{Conversation: args[0]})
				if err != nil {
					return err
				}
				about := []string{"PLAN\tPARTICIPANTS\tCLOSED", cells(got.GetPlan(), len(got.GetParticipants()), day(got.GetClosedAt()))}
				return a.show(got, about, periodRows(got.GetPeriods()))
			})
		},
	}
}

func (a *app) conversationList() *cobra.Command {
	return &cobra.Command{
		Use: "list SUBJECT", Short: "list what is there of the conversations in which a person takes part", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.retention(func(conn *grpc.ClientConn) error {
				got, err := retentionv1.NewConversationServiceClient(conn).ListConversations(c.Context(),
					&retentionv1.ListConversationsRequest{SubjectRef: args[0]})
				if err != nil {
					return err
				}
				return a.show(got, periodRows(got.GetPeriods()))
			})
		},
	}
}

func (a *app) conversationReceipt() *cobra.Command {
	var r repeat
	var signature string
	req := &retentionv1.RecordArchiveReceiptRequest{}
	c := &cobra.Command{
		Use: "receipt CONVERSATION", Short: "record that the client has archived a period on its own servers", Args: cobra.ExactArgs(1),
		Long: "Receipt records what the client has signed: these lines, each ended by a line feed:\n\n" +
			"  habeas-archive-receipt/v1, the tenant, the conversation, the number of the period, the digest.\n\n" +
			"Our key goes then. One of the roles holder, product and dpo is needed.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req.RequestId, req.Conversation = r.id, args[0]
			if req.Signature, err = base64.StdEncoding.DecodeString(signature); err != nil || len(req.GetSignature()) != ed25519.SignatureSize {
				return errors.New("--signature is the standard base64 of 64 bytes")
			}
			return a.retention(func(conn *grpc.ClientConn) error {
				res, err := retentionv1.NewConversationServiceClient(conn).RecordArchiveReceipt(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(res, []string{"the key goes on " + day(res.GetDueAt())})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().Uint32Var(&req.Period, "period", 0, "number of the period; needed")
	c.Flags().StringVar(&req.Digest, "digest", "", "SHA-256 of what was archived, in hex; needed")
	c.Flags().StringVar(&signature, "signature", "", "the client's signature, standard base64; needed")
	return c
}

func constant(word string) string { return strings.ToUpper(strings.ReplaceAll(word, "-", "_")) }

// periodRows says of each period when it goes, and why then.
func periodRows(periods []*retentionv1.ConversationPeriod) []string {
	rows := []string{"CONVERSATION\tPERIOD\tSTATE\tFROM\tTO\tGOES\tWHY\tAUTHORITY\tWENT\tLAST COPY ENDS"}
	for _, p := range periods {
		rows = append(rows, cells(p.GetConversation(), p.GetPeriod(), short(p.GetState().String(), "PERIOD_STATE_"), day(p.GetBeginsAt()), day(p.GetEndsAt()),
			day(p.GetDueAt()), why(p), p.GetAuthority(), day(p.GetDestroyedAt()), day(p.GetResidueEndsAt())))
	}
	return rows
}

// why is why a period's key is there, or why it is not.
func why(p *retentionv1.ConversationPeriod) string {
	switch p.GetState() { //nolint:exhaustive // the others need no more than their ground
	case retentionv1.PeriodState_PERIOD_STATE_AWAITING_RECEIPT:
		if p.GetHandedOverAt() == nil {
			return "the client was not given it yet"
		}
		return "the client has given no receipt"
	case retentionv1.PeriodState_PERIOD_STATE_ON_HOLD:
		return "a legal hold on " + p.GetHeldFor()
	}
	return p.GetGround()
}
