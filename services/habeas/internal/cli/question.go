package cli

import (
	"context"
	"errors"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// question is what check and explain ask.
type question struct {
	q                       consentv1.Question
	action, source          string
	collectedAt, at, waited string
}

func (q *question) flags(f *pflag.FlagSet) {
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
	f.StringVar(&q.q.Message, "message", "", "the kind of message that is to be sent: its template, a dotted name")
	f.Uint64Var(&q.q.Cohort, "cohort", 0, "size of the group that an aggregate speaks of")
	f.Uint64Var(&q.q.Complement, "complement", 0, "size of the rest of its population")
	f.StringVar(&q.at, "at", "", "the moment asked about, RFC 3339; now if empty")
	f.StringVar(&q.waited, "consistency-token", "", "wait for the state that a command's token names")
}

// fill turns the flags into the question.
func (q *question) fill() (err error) {
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
	q.q.At, err = parseMoment("--at", q.at)
	return err
}

func (a *app) consentCheck() *cobra.Command {
	var q question
	var by identifiers
	c := &cobra.Command{
		Use: "check [SUBJECT]", Short: "ask whether something is allowed", Args: cobra.MaximumNArgs(1),
		Long: `Check asks one question and shows the answer with its reason, legal basis, clause and policy version. The exit
code is 0 when it is allowed and 4 when it is not. Instead of a reference an identifier may say who it is about; the
answer does not show whether anybody is known by it.`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := q.fill(); err != nil {
				return err
			}
			if len(args) == 1 {
				q.q.SubjectRef = args[0]
				return a.runCheck(c.Context(), &q)
			}
			return a.checkHolder(c.Context(), &q, &by)
		},
	}
	q.flags(c.Flags())
	by.flag(c.Flags())
	return c
}

func (a *app) runCheck(ctx context.Context, q *question) error {
	return a.consents(func(conn *grpc.ClientConn) error {
		resp, err := consentv1.NewConsentServiceClient(conn).Check(ctx,
			&consentv1.CheckRequest{Question: &q.q, ConsistencyToken: q.waited})
		if err != nil {
			return err
		}
		return a.showAnswer(resp, resp.GetAnswer())
	})
}

// checkHolder asks about whoever holds an identifier.
func (a *app) checkHolder(ctx context.Context, q *question, by *identifiers) error {
	id, err := by.one(a)
	if err != nil {
		return err
	}
	if q.waited != "" {
		return usageError{errors.New("--consistency-token: goes with a reference alone")}
	}
	return a.consents(func(conn *grpc.ClientConn) error {
		resp, err := consentv1.NewAnswerServiceClient(conn).CheckByIdentifier(ctx,
			&consentv1.CheckByIdentifierRequest{Identifier: id, Question: &q.q})
		if err != nil {
			return err
		}
		return a.showAnswer(resp, resp.GetAnswer())
	})
}

// showAnswer shows an answer, and leaves with 4 when it is no.
func (a *app) showAnswer(resp proto.Message, n *consentv1.Answer) error {
	word := "no"
	if n.GetAllowed() {
		word = "yes"
	}
	err := a.show(resp, []string{
		"ALLOWED\tREASON\tBASIS\tCLAUSE\tVERSION\tUNTIL\tAUTHORIZATION",
		cells(word, dash(n.GetReason()), dash(n.GetBasis()), dash(n.GetClause()), n.GetVersion(), day(n.GetValidUntil()), dash(n.GetAuthorization())),
	})
	if err == nil && !n.GetAllowed() {
		err = codedError{errAlreadySaid, ExitRefused}
	}
	return err
}
