package cli

import (
	"fmt"
	"strings"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) review() *cobra.Command {
	return group("review", "reviews of whether practice is as promised", a.reviewSchedule(), a.reviewComplete(), a.reviewList(), a.reviewShow())
}

func (a *app) reviewSchedule() *cobra.Command {
	var r repeat
	var due string
	req := &retentionv1.ScheduleReviewRequest{}
	c := &cobra.Command{
		Use: "schedule SCOPE", Short: "say what is reviewed, when, and how often", Args: cobra.ExactArgs(1),
		Long: "Schedule gives a scope, a code such as data_minimisation, the date of its review, and says how long after each review the\n" +
			"next is due. One that is due already is completed first. It needs the role dpo and a recent stronger authentication.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req.RequestId, req.Scope = r.id, args[0]
			if req.DueAt, err = neededMoment("--due", due); err != nil {
				return err
			}
			return a.retention(func(conn *grpc.ClientConn) error {
				resp, err := retentionv1.NewComplianceServiceClient(conn).ScheduleReview(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.showDone(resp, []string{fmt.Sprintf("%s is reviewed by %s, and every %s", args[0], day(req.GetDueAt()), req.GetPeriod())})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&due, "due", "", "when it is due, RFC 3339 or a date; needed")
	c.Flags().StringVar(&req.Period, "every", "P1Y", "how long after a review the next is due, ISO 8601")
	return c
}

func (a *app) reviewComplete() *cobra.Command {
	var r repeat
	req := &retentionv1.CompleteReviewRequest{}
	c := &cobra.Command{
		Use: "complete SCOPE", Short: "sign a review with what was found", Args: cobra.ExactArgs(1),
		Long: "Complete signs a review in the name of whoever calls it. Without --finding practice is as promised. It needs the role dpo\n" +
			"and a recent stronger authentication.",
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			req.RequestId, req.Scope = r.id, args[0]
			return a.retention(func(conn *grpc.ClientConn) error {
				resp, err := retentionv1.NewComplianceServiceClient(conn).CompleteReview(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.showDone(resp, []string{fmt.Sprintf("%s is reviewed; the next review is due by %s", args[0], day(resp.GetNextDueAt()))})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringSliceVar(&req.Findings, "finding", nil, "what was found, a code such as category_without_purpose; may be repeated")
	c.Flags().StringVar(&req.Report, "report", "", "where the report lies; no personal data; needed")
	return c
}

func (a *app) reviewList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list what is reviewed, the earliest due first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.retention(func(conn *grpc.ClientConn) error {
				resp, err := retentionv1.NewComplianceServiceClient(conn).ListReviews(c.Context(), &retentionv1.ListReviewsRequest{})
				if err != nil {
					return err
				}
				lines := []string{"SCOPE\tEVERY\tDUE\tSTATE\tLAST"}
				for _, r := range resp.GetReviews() {
					state, last := "scheduled", ""
					if r.GetMissed() {
						state = "missed"
					}
					if done := r.GetCompleted(); len(done) > 0 {
						last = day(done[len(done)-1].GetAt())
					}
					lines = append(lines, cells(r.GetScope(), r.GetPeriod(), day(r.GetDueAt()), state, last))
				}
				return a.show(resp, lines)
			})
		},
	}
}

func (a *app) reviewShow() *cobra.Command {
	return &cobra.Command{
		Use: "show SCOPE", Short: "show the reviews of a scope that were done", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.retention(func(conn *grpc.ClientConn) error {
				resp, err := retentionv1.NewComplianceServiceClient(conn).ListReviews(c.Context(), &retentionv1.ListReviewsRequest{})
				if err != nil {
					return err
				}
				for _, r := range resp.GetReviews() {
					if r.GetScope() != args[0] {
						continue
					}
					lines := []string{"DUE\tDONE\tBY\tFINDINGS\tREPORT"}
					for _, d := range r.GetCompleted() {
						lines = append(lines, cells(day(d.GetDueAt()), day(d.GetAt()), d.GetBy(), strings.Join(d.GetFindings(), " "), d.GetReport()))
					}
					return a.show(r, lines)
				}
				return usageError{fmt.Errorf("%s is not reviewed; `habeas review list` shows what is", args[0])}
			})
		},
	}
}
