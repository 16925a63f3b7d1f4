package cli

import (
	"context"
	"fmt"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

func (a *app) consentAccept() *cobra.Command {
	var r repeat
	var implied bool
	req := &consentv1.AcceptPolicyRequest{}
	c := &cobra.Command{
		Use: "accept SUBJECT POLICY VERSION", Short: "record that a person accepted a version of a policy", Args: cobra.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req.RequestId, req.SubjectRef, req.Policy = r.id, args[0], args[1]
			if req.Version, err = versionOf(args[2]); err != nil {
				return err
			}
			if req.AcceptedAt, err = r.moment(); err != nil {
				return err
			}
			req.Expression = consentv1.Expression_EXPRESSION_EXPLICIT
			if implied {
				req.Expression = consentv1.Expression_EXPRESSION_IMPLIED
			}
			return a.consents(func(conn *grpc.ClientConn) error {
				resp, err := consentv1.NewConsentServiceClient(conn).AcceptPolicy(c.Context(), req)
				if err != nil {
					return r.failed(err, true)
				}
				return a.show(resp, []string{fmt.Sprintf("version %s of %s is accepted", args[2], args[1])})
			})
		},
	}
	r.flags(c.Flags(), "when the person acted")
	c.Flags().BoolVar(&implied, "implied", false, "expressed by using the service; explicitly if not set")
	c.Flags().StringVar(&req.Evidence, "evidence", "", "hash of the text that the person saw, or a reference to evidence")
	return c
}

func (a *app) consentSignal() *cobra.Command {
	var r repeat
	req := &consentv1.ApplySignalRequest{}
	c := &cobra.Command{
		Use: "signal SUBJECT POLICY SIGNAL...", Short: "record what a browser sent: gpc, dnt", Args: cobra.MinimumNArgs(3),
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req.RequestId, req.SubjectRef, req.Policy = r.id, args[0], args[1]
			if req.ReceivedAt, err = r.moment(); err != nil {
				return err
			}
			for _, name := range args[2:] {
				s, err := enum[consentv1.Signal]("the signal", name, "SIGNAL_", consentv1.Signal_value)
				if err != nil {
					return err
				}
				req.Signals = append(req.Signals, s)
			}
			return a.consents(func(conn *grpc.ClientConn) error {
				resp, err := consentv1.NewConsentServiceClient(conn).ApplySignal(c.Context(), req)
				if err != nil {
					return r.failed(err, true)
				}
				return a.show(resp, signalRows(resp))
			})
		},
	}
	r.flags(c.Flags(), "when it was sent")
	return c
}

func signalRows(resp *consentv1.ApplySignalResponse) []string {
	rows := []string{"SIGNAL\tHONOURED\tCLAUSE"}
	for _, o := range resp.GetOutcomes() {
		rows = append(rows, cells(short(o.GetSignal().String(), "SIGNAL_"), mark(o.GetHonoured()), dash(o.GetClause())))
	}
	return rows
}

func (a *app) holdReview() *cobra.Command {
	var r repeat
	var at string
	c := &cobra.Command{
		Use: "review SUBJECT HOLD", Short: "say that a hold was looked at, and when it is looked at again", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			next, err := neededMoment("--review-at", at)
			if err != nil {
				return err
			}
			return a.retention(func(conn *grpc.ClientConn) error {
				resp, err := retentionv1.NewRetentionServiceClient(conn).ReviewHold(c.Context(),
					&retentionv1.ReviewHoldRequest{RequestId: r.id, SubjectRef: args[0], Hold: args[1], ReviewAt: next})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("hold %s was reviewed", args[1])})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&at, "review-at", "", "when it must be looked at again, RFC 3339 or a date; needed")
	return c
}

func (a *app) subjectLink() *cobra.Command {
	return a.identifierCommand("link SUBJECT", "add something that a person is known by", "is linked",
		func(ctx context.Context, s identityv1.SubjectServiceClient, id, ref string, known *identityv1.Identifier) (proto.Message, error) {
			return s.LinkIdentifier(ctx, &identityv1.LinkIdentifierRequest{RequestId: id, SubjectRef: ref, Identifier: known})
		})
}

func (a *app) subjectUnlink() *cobra.Command {
	return a.identifierCommand("unlink SUBJECT", "take something away that a person is known by; never the last", "is unlinked",
		func(ctx context.Context, s identityv1.SubjectServiceClient, id, ref string, known *identityv1.Identifier) (proto.Message, error) {
			return s.UnlinkIdentifier(ctx, &identityv1.UnlinkIdentifierRequest{RequestId: id, SubjectRef: ref, Identifier: known})
		})
}

// identifierCommand changes one identifier of a person.
func (a *app) identifierCommand(
	use, about, done string,
	do func(ctx context.Context, s identityv1.SubjectServiceClient, id, ref string, known *identityv1.Identifier) (proto.Message, error),
) *cobra.Command {
	var r repeat
	var by identifiers
	c := &cobra.Command{
		Use: use, Short: about, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			known, err := by.one(a)
			if err != nil {
				return err
			}
			return a.identity(func(conn *grpc.ClientConn) error {
				resp, err := do(c.Context(), identityv1.NewSubjectServiceClient(conn), r.id, args[0], known)
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{"the identifier " + done})
			})
		},
	}
	r.flags(c.Flags(), "")
	by.flags(c.Flags())
	return c
}
