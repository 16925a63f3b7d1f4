package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// glassClient calls the service of break-glass grants.
type glassClient = identityv1.BreakGlassServiceClient

func (a *app) breakGlass() *cobra.Command {
	return group("breakglass", "grants to see one person's data, or one case, outside the usual rule",
		a.glassAsk(), a.glassGrant(), a.glassDecline(), a.glassClose(), a.glassReview(), a.glassList(), a.glassShow())
}

// glass runs one call of the service and shows what it answers.
func (a *app) glass(r *repeat, do func(c glassClient) (proto.Message, []string, error)) error {
	if r != nil {
		r.fill()
	}
	return a.identity(func(conn *grpc.ClientConn) error {
		resp, rows, err := do(identityv1.NewBreakGlassServiceClient(conn))
		switch {
		case err != nil && r != nil:
			return r.failed(err, false)
		case err != nil:
			return err
		}
		return a.show(resp, rows)
	})
}

func (a *app) glassAsk() *cobra.Command {
	var r repeat
	var period time.Duration
	req := &identityv1.AskBreakGlassRequest{}
	c := &cobra.Command{
		Use: "ask", Short: "ask for a grant; a second person has to agree", Args: cobra.NoArgs,
		Long: "Ask asks for a grant. An undertaking of confidentiality and a step-up are needed, and a ground that the policy\nallows staff to look on, with what that ground requires.",
		RunE: func(c *cobra.Command, _ []string) error {
			if (req.GetSubjectRef() == "") == (req.GetCaseId() == "") {
				return usageError{errors.New("either --subject or --case is needed")}
			}
			return a.glass(&r, func(g glassClient) (proto.Message, []string, error) {
				req.RequestId, req.Period = r.id, durationpb.New(period)
				resp, err := g.AskBreakGlass(c.Context(), req)
				return resp, []string{cells("GRANT", resp.GetBreakGlass()), cells("NEXT", "somebody else: habeas breakglass grant "+resp.GetBreakGlass())}, err
			})
		},
	}
	f := c.Flags()
	r.flags(f, "")
	f.StringVar(&req.SubjectRef, "subject", "", "the one person, by reference")
	f.StringVar(&req.CaseId, "case", "", "the one case, in place of a person: a request")
	f.StringVar(&req.Policy, "policy", "", "the policy that knows the ground")
	f.StringVar(&req.Ground, "ground", "", "the ground: one of the policy's")
	codeFlag(f, &req.Reason, "", "what is believed", req, "reason")
	f.StringVar(&req.Document, "document", "", "number of the document that demands it")
	f.BoolVar(&req.Imminent, "imminent", false, "what is to be prevented is imminent")
	f.StringSliceVar(&req.Categories, "category", nil, "category of data that is needed; may be repeated")
	f.DurationVar(&period, "for", 30*time.Minute, "for how long; an hour at most")
	return c
}

func (a *app) glassGrant() *cobra.Command {
	var r repeat
	var period time.Duration
	c := &cobra.Command{
		Use: "grant GRANT", Short: "grant what somebody else has asked for; a step-up is needed", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.glass(&r, func(g glassClient) (proto.Message, []string, error) {
				req := &identityv1.GrantBreakGlassRequest{RequestId: r.id, BreakGlass: args[0]}
				if period > 0 {
					req.Period = durationpb.New(period)
				}
				resp, err := g.GrantBreakGlass(c.Context(), req)
				return resp, []string{cells("OPEN UNTIL", day(resp.GetUntil())), cells("REVIEW BY", day(resp.GetReviewBy()))}, err
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().DurationVar(&period, "for", 0, "for how long, if not for as long as was asked")
	return c
}

// glassAct is a command that names a grant and is only confirmed.
func (a *app) glassAct(use, short, done string, do func(ctx context.Context, g glassClient, request, id string) (proto.Message, error)) *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: use + " GRANT", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.glass(&r, func(g glassClient) (proto.Message, []string, error) {
				resp, err := do(c.Context(), g, r.id, args[0])
				return resp, []string{done}, err
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}

func (a *app) glassDecline() *cobra.Command {
	var reason string
	c := a.glassAct("decline", "decline what somebody else has asked for", "it is declined",
		func(ctx context.Context, g glassClient, request, id string) (proto.Message, error) {
			return g.DeclineBreakGlass(ctx, &identityv1.DeclineBreakGlassRequest{RequestId: request, BreakGlass: id, Reason: reason})
		})
	codeFlag(c.Flags(), &reason, "not_needed", "why", &identityv1.DeclineBreakGlassRequest{}, "reason")
	return c
}

func (a *app) glassClose() *cobra.Command {
	return a.glassAct("close", "end a grant now, or take back what was asked for", "it is closed",
		func(ctx context.Context, g glassClient, request, id string) (proto.Message, error) {
			return g.CloseBreakGlass(ctx, &identityv1.CloseBreakGlassRequest{RequestId: request, BreakGlass: id})
		})
}

func (a *app) glassReview() *cobra.Command {
	var outcome, reason string
	c := a.glassAct("review", "say whether a grant was justified, as a third person", "the review is recorded",
		func(ctx context.Context, g glassClient, request, id string) (proto.Message, error) {
			found, err := enum[identityv1.BreakGlassOutcome]("--outcome", outcome, "BREAK_GLASS_OUTCOME_", identityv1.BreakGlassOutcome_value)
			if err != nil {
				return nil, err
			}
			return g.ReviewBreakGlass(ctx, &identityv1.ReviewBreakGlassRequest{RequestId: request, BreakGlass: id, Outcome: found, Reason: reason})
		})
	c.Flags().StringVar(&outcome, "outcome", "", "justified or unjustified")
	codeFlag(c.Flags(), &reason, "", "why", &identityv1.ReviewBreakGlassRequest{}, "reason")
	return c
}

func (a *app) glassList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the grants that wait for somebody, or were over in the last 30 days", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.glass(nil, func(g glassClient) (proto.Message, []string, error) {
				resp, err := g.ListBreakGlass(c.Context(), &identityv1.ListBreakGlassRequest{})
				rows := []string{"GRANT\tSTATE\tABOUT\tGROUND\tASKED\tUNTIL\tREVIEW BY\tUSES"}
				for _, b := range resp.GetGrants() {
					rows = append(rows, cells(b.GetBreakGlass(), glassState(b), glassAbout(b), b.GetPolicy()+"/"+b.GetGround(), day(b.GetAskedAt()),
						day(b.GetUntil()), day(b.GetReviewBy()), fmt.Sprint(b.GetUses())))
				}
				if resp.GetMore() {
					rows = append(rows, "there are more")
				}
				return resp, rows, err
			})
		},
	}
}

func (a *app) glassShow() *cobra.Command {
	return &cobra.Command{
		Use: "show GRANT", Short: "show a grant", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.glass(nil, func(g glassClient) (proto.Message, []string, error) {
				resp, err := g.GetBreakGlass(c.Context(), &identityv1.GetBreakGlassRequest{BreakGlass: args[0]})
				b := resp.GetGrant()
				return resp, []string{
					cells("STATE", glassState(b)), cells("ABOUT", glassAbout(b)), cells("GROUND", b.GetPolicy()+"/"+b.GetGround()),
					cells("REASON", b.GetReason()), cells("DOCUMENT", dash(b.GetDocument())), cells("CATEGORIES", dash(strings.Join(b.GetCategories(), " "))),
					cells("ASKED", day(b.GetAskedAt())+" by "+b.GetAskedBy()), cells("DECIDED", day(b.GetGrantedAt())+" by "+dash(b.GetDecidedBy())),
					cells("UNTIL", day(b.GetUntil())), cells("ENDED", day(b.GetEndedAt())), cells("USES", fmt.Sprint(b.GetUses())),
					cells("REVIEW BY", day(b.GetReviewBy())),
					cells("REVIEWED", day(b.GetReviewedAt())+" by "+dash(b.GetReviewedBy())), cells("FINDING", dash(b.GetFinding())),
				}, err
			})
		},
	}
}

// glassState is what has become of a grant, in a word or two.
func glassState(b *identityv1.BreakGlass) string {
	state := short(b.GetState().String(), "BREAK_GLASS_STATE_")
	switch {
	case b.GetOverdue():
		return "review overdue"
	case b.GetState() == identityv1.BreakGlassState_BREAK_GLASS_STATE_ENDED:
		return "to be reviewed"
	case b.GetOutcome() != identityv1.BreakGlassOutcome_BREAK_GLASS_OUTCOME_UNSPECIFIED:
		return state + ": " + short(b.GetOutcome().String(), "BREAK_GLASS_OUTCOME_")
	}
	return state
}

func glassAbout(b *identityv1.BreakGlass) string {
	if b.GetCaseId() != "" {
		return "case " + b.GetCaseId()
	}
	return b.GetSubjectRef()
}
