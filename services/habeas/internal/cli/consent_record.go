package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// decision is a person's act as flags state it.
type decision struct {
	repeat
	circumstances
	policy, kind, evidence, expires  string
	purposes, categories, recipients []string
	implied                          bool
}

func (d *decision) flags(f *pflag.FlagSet) {
	d.repeat.flags(f, "when the person acted")
	d.circumstances.flags(f)
	f.StringVar(&d.policy, "policy", "", "the policy")
	f.StringSliceVar(&d.purposes, "purpose", nil, "the purposes, dotted names; all of them are recorded, or none")
	f.BoolVar(&d.implied, "implied", false, "expressed by using the service; explicitly if not set")
}

// choices are what flags state for each purpose and category.
func (d *decision) choices() ([]*consentv1.Choice, error) {
	kind, err := enum[consentv1.Decision]("--decision", d.kind, "DECISION_", consentv1.Decision_value)
	if err != nil {
		return nil, err
	}
	ends, err := parseMoment("--expires-at", d.expires)
	if err != nil {
		return nil, err
	}
	how := consentv1.Expression_EXPRESSION_EXPLICIT
	if d.implied {
		how = consentv1.Expression_EXPRESSION_IMPLIED
	}
	var out []*consentv1.Choice
	for _, purpose := range d.purposes {
		out = append(out, &consentv1.Choice{Purpose: purpose, Decision: kind, Expression: how, Recipients: d.recipients, ExpiresAt: ends})
	}
	for _, category := range d.categories {
		out = append(out, &consentv1.Choice{Category: category, Decision: kind, Expression: how})
	}
	return out, nil
}

// circumstances are how an act came about, as flags state it.
type circumstances struct {
	c              consentv1.Circumstances
	actor          string
	steps, seconds int32
}

func (c *circumstances) flags(f *pflag.FlagSet) {
	f.StringVar(&c.c.Notice, "notice", "", "the notice that the person was shown, with its version")
	f.StringVar(&c.c.TextHash, "text-hash", "", "SHA-256 of its text, hex")
	f.StringVar(&c.c.Language, "language", "", "its language, such as en-GB")
	f.StringVar(&c.c.Method, "method", "", "by what the person acted, such as checkbox")
	f.StringVar(&c.c.Channel, "channel", "", "where, such as web")
	f.StringVar(&c.actor, "actor", "", "who acted: self, guardian, agent or staff; self if empty")
	f.StringVar(&c.c.ActorRef, "actor-ref", "", "reference of who acted for the person")
	f.Int32Var(&c.steps, "steps", -1, "steps that it took the person; not known if negative")
	f.Int32Var(&c.seconds, "seconds", -1, "seconds that it took the person; not known if negative")
}

func (c *circumstances) message() (*consentv1.Circumstances, error) {
	if c.actor != "" {
		who, err := enum[consentv1.Actor]("--actor", c.actor, "ACTOR_", consentv1.Actor_value)
		if err != nil {
			return nil, err
		}
		c.c.Actor = who
	}
	if c.steps >= 0 {
		c.c.Steps = proto.Uint32(uint32(c.steps))
	}
	if c.seconds >= 0 {
		c.c.Seconds = proto.Uint32(uint32(c.seconds))
	}
	return &c.c, nil
}

func (a *app) consentRecord() *cobra.Command {
	var d decision
	c := &cobra.Command{
		Use: "record SUBJECT", Short: "record one act of a person on purposes and categories", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.decide(c.Context(), args[0], &d) },
	}
	d.flags(c.Flags())
	c.Flags().StringVar(&d.kind, "decision", "given", "given, renewed, refused, withdrawn or offered")
	c.Flags().StringVar(&d.evidence, "evidence", "", "hash of the text that the person saw, or a reference to evidence")
	c.Flags().StringVar(&d.expires, "expires-at", "", "when what is given ends, RFC 3339; as the policy says if empty")
	c.Flags().StringSliceVar(&d.categories, "category", nil, "categories of data that the person gives or declines to give")
	c.Flags().StringSliceVar(&d.recipients, "recipient", nil, "classes of recipients included")
	return c
}

func (a *app) decide(ctx context.Context, subject string, d *decision) error {
	d.fill()
	choices, err := d.choices()
	if err != nil {
		return err
	}
	how, err := d.message()
	if err != nil {
		return err
	}
	at, err := d.moment()
	if err != nil {
		return err
	}
	return a.consents(func(conn *grpc.ClientConn) error {
		resp, err := consentv1.NewConsentServiceClient(conn).RecordDecision(ctx, &consentv1.RecordDecisionRequest{
			RequestId: d.id, SubjectRef: subject, Policy: d.policy, Choices: choices, DecidedAt: at, Evidence: d.evidence, Circumstances: how,
		})
		if err != nil {
			return d.failed(err, true)
		}
		var rows []string
		for _, c := range choices {
			rows = append(rows, fmt.Sprintf("%s%s: %s %s", c.GetPurpose(), c.GetCategory(), d.policy, short(c.GetDecision().String(), "DECISION_")))
		}
		for _, f := range resp.GetFeaturesUnavailable() {
			rows = append(rows, "not available without it: "+f)
		}
		return a.show(resp, rows)
	})
}

func (a *app) consentWithdraw() *cobra.Command {
	d := decision{kind: "withdrawn"}
	var all bool
	c := &cobra.Command{
		Use: "withdraw SUBJECT", Short: "record that a person withdrew purposes, or all", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(d.purposes) > 0) {
				return usageError{errors.New("one of --purpose and --all is needed")}
			}
			if !all {
				return a.decide(c.Context(), args[0], &d)
			}
			return a.withdrawAll(c.Context(), args[0], &d)
		},
	}
	d.flags(c.Flags())
	c.Flags().BoolVar(&all, "all", false, "every purpose of every policy")
	return c
}

func (a *app) withdrawAll(ctx context.Context, subject string, d *decision) error {
	d.fill()
	at, err := d.moment()
	if err != nil {
		return err
	}
	how, err := d.message()
	if err != nil {
		return err
	}
	return a.consents(func(conn *grpc.ClientConn) error {
		resp, err := consentv1.NewConsentServiceClient(conn).WithdrawAll(ctx,
			&consentv1.WithdrawAllRequest{RequestId: d.id, SubjectRef: subject, DecidedAt: at, Circumstances: how})
		if err != nil {
			return d.failed(err, true)
		}
		return a.show(resp, append([]string{"WITHDRAWN"}, resp.GetWithdrawn()...))
	})
}

func (a *app) consentInvalidate() *cobra.Command {
	var (
		r repeat
		m consentv1.InvalidateConsentRequest
	)
	c := &cobra.Command{
		Use: "invalidate SUBJECT", Short: "make void what a person gave, as its controller", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			at, err := r.moment()
			if err != nil {
				return err
			}
			m.RequestId, m.SubjectRef, m.InvalidatedAt = r.id, args[0], at
			return a.consents(func(conn *grpc.ClientConn) error {
				resp, err := consentv1.NewConsentServiceClient(conn).InvalidateConsent(c.Context(), &m)
				if err != nil {
					return r.failed(err, true)
				}
				return a.show(resp, []string{"void: " + m.GetPolicy() + " " + strings.Join(m.GetPurposes(), " ")})
			})
		},
	}
	r.flags(c.Flags(), "until when what was given is void")
	c.Flags().StringVar(&m.Policy, "policy", "", "the policy")
	c.Flags().StringSliceVar(&m.Purposes, "purpose", nil, "the purposes, dotted names")
	c.Flags().StringVar(&m.Ground, "ground", "", "why: a code such as notice_misleading")
	c.Flags().StringVar(&m.Evidence, "evidence", "", "a reference to what shows it")
	return c
}
