package cli

import (
	"errors"
	"fmt"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
)

func (a *app) staff() *cobra.Command {
	return group("staff", "who of the tenant's people may see personal data, and why",
		a.staffUndertake(), a.staffEnd(), a.staffGrant(), a.staffRevoke(), a.staffShow())
}

// staffed runs what needs the staff service.
func (a *app) staffed(do func(identityv1.StaffServiceClient) error) error {
	return a.identity(func(conn *grpc.ClientConn) error { return do(identityv1.NewStaffServiceClient(conn)) })
}

func (a *app) staffUndertake() *cobra.Command {
	var r repeat
	var until string
	req := &identityv1.RecordUndertakingRequest{}
	c := &cobra.Command{
		Use: "undertake STAFF", Short: "record or renew that somebody is bound to confidentiality", Args: cobra.ExactArgs(1),
		Long: "Undertake takes the subject of the person's token. Nobody does it for themselves; the role dpo is needed.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req.RequestId, req.Staff = r.id, args[0]
			if req.Until, err = neededMoment("--until", until); err != nil {
				return err
			}
			return a.staffed(func(s identityv1.StaffServiceClient) error {
				resp, err := s.RecordUndertaking(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("%s is bound until %s", args[0], day(req.GetUntil()))})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&until, "until", "", "when it ends, RFC 3339 or a date; needed")
	c.Flags().StringVar(&req.Evidence, "evidence", "", "what shows it, and its number there: contract:N, declaration:N, form:N, oath:N or profession:N; needed")
	return c
}

func (a *app) staffEnd() *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: "end STAFF", Short: "end somebody's undertaking: they see nothing any more", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.staffed(func(s identityv1.StaffServiceClient) error {
				resp, err := s.EndUndertaking(c.Context(), &identityv1.EndUndertakingRequest{RequestId: r.id, Staff: args[0]})
				if err != nil {
					return r.failed(err, false)
				}
				return a.showDone(resp, []string{args[0] + " is no longer bound"})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}

// needFlags say what somebody needs to see.
type needFlags struct{ purpose, request string }

func (n *needFlags) flags(f *pflag.FlagSet) {
	f.StringVar(&n.purpose, "purpose", "", "the purpose, a dotted name")
	f.StringVar(&n.request, "case", "", "the case: the id of a request")
}

func (n *needFlags) need() (*identityv1.Need, error) {
	if (n.purpose == "") == (n.request == "") {
		return nil, usageError{errors.New("either --purpose or --case is needed")}
	}
	return &identityv1.Need{Purpose: n.purpose, CaseId: n.request}, nil
}

func (a *app) staffGrant() *cobra.Command {
	var r repeat
	var n needFlags
	var subject, until string
	c := &cobra.Command{
		Use: "grant STAFF", Short: "say for which purpose or case somebody needs to see personal data", Args: cobra.ExactArgs(1),
		Long: "Grant is for needs that no duty gives: `habeas request assign` grants those of a case by itself. Nobody does\n" +
			"it for themselves; the role dpo is needed.",
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			need, err := n.need()
			if err != nil {
				return err
			}
			need.SubjectRef = subject
			if need.Until, err = neededMoment("--until", until); err != nil {
				return err
			}
			return a.staffed(func(s identityv1.StaffServiceClient) error {
				resp, err := s.GrantNeed(c.Context(), &identityv1.GrantNeedRequest{RequestId: r.id, Staff: args[0], Need: need})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("%s has the need until %s", args[0], day(need.GetUntil()))})
			})
		},
	}
	r.flags(c.Flags(), "")
	n.flags(c.Flags())
	c.Flags().StringVar(&subject, "subject", "", "the one person whose data it is; everybody's if empty")
	c.Flags().StringVar(&until, "until", "", "when it ends, RFC 3339 or a date; needed")
	return c
}

func (a *app) staffRevoke() *cobra.Command {
	var r repeat
	var n needFlags
	c := &cobra.Command{
		Use: "revoke STAFF", Short: "end a need before its time", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			need, err := n.need()
			if err != nil {
				return err
			}
			return a.staffed(func(s identityv1.StaffServiceClient) error {
				resp, err := s.EndNeed(c.Context(), &identityv1.EndNeedRequest{RequestId: r.id, Staff: args[0], Need: need})
				if err != nil {
					return r.failed(err, false)
				}
				return a.showDone(resp, []string{args[0] + " no longer has the need"})
			})
		},
	}
	r.flags(c.Flags(), "")
	n.flags(c.Flags())
	return c
}

func (a *app) staffShow() *cobra.Command {
	return &cobra.Command{
		Use: "show STAFF", Short: "show what somebody may see, why, and until when", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.staffed(func(s identityv1.StaffServiceClient) error {
				got, err := s.GetStaff(c.Context(), &identityv1.GetStaffRequest{Staff: args[0]})
				if err != nil {
					return err
				}
				return a.show(got, staffTables(got, time.Now())...)
			})
		},
	}
}

func staffTables(got *identityv1.GetStaffResponse, now time.Time) [][]string {
	tables := [][]string{{
		"ACTOR\tBOUND UNTIL\tEVIDENCE",
		cells(got.GetActor(), day(got.GetBoundUntil())+passed(got.GetBoundUntil().AsTime(), now), dash(got.GetEvidence())),
	}}
	needs := []string{"PURPOSE\tCASE\tSUBJECT\tUNTIL"}
	for _, n := range got.GetNeeds() {
		subject := n.GetSubjectRef()
		if subject == "" {
			subject = "everybody"
		}
		needs = append(needs, cells(dash(n.GetPurpose()), dash(n.GetCaseId()), subject, day(n.GetUntil())+passed(n.GetUntil().AsTime(), now)))
	}
	if len(needs) > 1 {
		tables = append(tables, needs)
	}
	return tables
}

// passed says of a moment that it has passed; nothing of one that is not set.
func passed(at, now time.Time) string {
	if at.Unix() != 0 && !now.Before(at) {
		return " ended"
	}
	return ""
}
