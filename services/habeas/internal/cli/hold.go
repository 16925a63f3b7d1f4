package cli

import (
	"fmt"
	"strings"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) hold() *cobra.Command {
	return group("hold", "duties to keep everything of a person", a.holdPlace(), a.holdReview(), a.holdRelease(), a.holdList())
}

func (a *app) holdPlace() *cobra.Command {
	var r repeat
	var review string
	req := &retentionv1.PlaceHoldRequest{}
	c := &cobra.Command{
		Use: "place SUBJECT", Short: "keep everything of a person until released", Args: cobra.ExactArgs(1),
		Long: "Place keeps everything of a person: nothing of them is destroyed until `habeas hold release`. The role dpo is needed.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req.RequestId, req.SubjectRef = r.id, args[0]
			if req.ReviewAt, err = neededMoment("--review-at", review); err != nil {
				return err
			}
			return a.retention(func(conn *grpc.ClientConn) error {
				h, err := retentionv1.NewRetentionServiceClient(conn).PlaceHold(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				effective := "now"
				if !h.GetEffective() {
					effective = "by " + day(h.GetEffectiveBy()) + ", may still destroy: " + strings.Join(h.GetOpenPermits(), " ")
				}
				return a.show(h, []string{"HOLD\tEFFECTIVE", cells(h.GetHold(), effective)})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&req.Ground, "ground", "legal_claim", "ground, a dotted code")
	c.Flags().StringVar(&req.Authority, "authority", "", "the law, order or case number; no personal data")
	c.Flags().StringVar(&review, "review-at", "", "when it must be looked at again, RFC 3339 or a date; needed")
	return c
}

func (a *app) holdRelease() *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: "release SUBJECT HOLD", Short: "end a hold; what waited for it goes on by itself", Args: cobra.ExactArgs(2),
		Long: "Release ends a hold; `habeas hold list` shows its number. What waited for it goes on by itself. The role dpo is needed.",
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.retention(func(conn *grpc.ClientConn) error {
				resp, err := retentionv1.NewRetentionServiceClient(conn).ReleaseHold(c.Context(),
					&retentionv1.ReleaseHoldRequest{RequestId: r.id, SubjectRef: args[0], Hold: args[1]})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("hold %s is released", args[1])})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}

func (a *app) holdList() *cobra.Command {
	return &cobra.Command{
		Use: "list SUBJECT", Short: "list a person's holds and permits", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.retention(func(conn *grpc.ClientConn) error {
				p, err := retentionv1.NewRetentionServiceClient(conn).GetPerson(c.Context(), &retentionv1.GetPersonRequest{SubjectRef: args[0]})
				if err != nil {
					return err
				}
				holds := []string{"HOLD\tGROUND\tAUTHORITY\tPLACED\tREVIEW\tRELEASED"}
				for _, h := range p.GetHolds() {
					holds = append(holds, cells(h.GetHold(), h.GetGround(), h.GetAuthority(), day(h.GetPlacedAt()), day(h.GetReviewAt()), day(h.GetReleasedAt())))
				}
				permits := []string{"PERMIT\tSYSTEM\tREQUEST\tEXPIRES\tENDED\tROWS"}
				for _, g := range p.GetPermits() {
					permits = append(permits, cells(g.GetPermit(), g.GetSystem(), g.GetRequest(), day(g.GetExpiresAt()), mark(g.GetEnded()), g.GetRowsDestroyed()))
				}
				return a.show(p, holds, permits)
			})
		},
	}
}
