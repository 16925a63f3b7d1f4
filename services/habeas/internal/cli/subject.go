package cli

import (
	"strings"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) subject() *cobra.Command {
	return group("subject", "people, by reference", a.subjectRegister(), a.subjectLink(), a.subjectUnlink(), a.subjectResolve(), a.subjectShow(),
		a.subjectSignUp(), a.subjectMerge(), a.subjectUnmerge(), a.subjectMerges())
}

func (a *app) subjectRegister() *cobra.Command {
	var r repeat
	var by identifiers
	req := &identityv1.RegisterSubjectRequest{}
	c := &cobra.Command{
		Use: "register", Short: "register a person by what they are known by", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			r.fill()
			req.RequestId = r.id
			if req.Identifiers, err = by.read(a); err != nil {
				return err
			}
			if req.BirthDate, err = a.typed(req.GetBirthDate()); err != nil {
				return err
			}
			return a.identity(func(conn *grpc.ClientConn) error {
				resp, err := identityv1.NewSubjectServiceClient(conn).RegisterSubject(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{"SUBJECT", resp.GetSubjectRef()})
			})
		},
	}
	r.flags(c.Flags(), "")
	by.flags(c.Flags())
	c.Flags().StringVar(&req.Policy, "policy", "", "the policy under which they register; empty for all that the tenant has. Only those erase whom they don't serve at their age")
	c.Flags().StringVar(&req.BirthDate, "born", "", "date of birth, year-month-day, where the policy asks for it; - reads it from standard input, which no process list shows")
	return c
}

func (a *app) subjectResolve() *cobra.Command {
	var by identifiers
	c := &cobra.Command{
		Use: "resolve", Short: "find a person's reference", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			known, err := by.one(a)
			if err != nil {
				return err
			}
			return a.identity(func(conn *grpc.ClientConn) error {
				resp, err := identityv1.NewSubjectServiceClient(conn).ResolveSubject(c.Context(),
					&identityv1.ResolveSubjectRequest{Identifier: known})
				if err != nil {
					return err
				}
				return a.show(resp, []string{"SUBJECT", resp.GetSubjectRef()})
			})
		},
	}
	by.flag(c.Flags())
	return c
}

func (a *app) subjectShow() *cobra.Command {
	return &cobra.Command{
		Use: "show SUBJECT", Short: "show a person's state, never who it is", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.identity(func(conn *grpc.ClientConn) error {
				s, err := identityv1.NewSubjectServiceClient(conn).GetSubject(c.Context(), &identityv1.GetSubjectRequest{SubjectRef: args[0]})
				if err != nil {
					return err
				}
				var kinds []string
				for _, k := range s.GetKinds() {
					kinds = append(kinds, short(k.String(), "IDENTIFIER_KIND_"))
				}
				tables := [][]string{{
					"SUBJECT\tSTATE\tKNOWN BY\tSINCE",
					cells(args[0], standsAs(s), dash(strings.Join(kinds, " ")), day(s.GetRegisteredAt())),
				}}
				if len(s.GetMergedRefs()) > 0 {
					tables = append(tables, append([]string{"FOUND AS THIS ONE"}, s.GetMergedRefs()...))
				}
				return a.show(s, tables...)
			})
		},
	}
}

// standsAs is a person's state; of one who was merged away, as whom they are found.
func standsAs(s *identityv1.GetSubjectResponse) string {
	switch {
	case s.GetMergedInto() != "":
		return "merged into " + s.GetMergedInto()
	case s.GetMergingInto() != "":
		return "being merged into " + s.GetMergingInto()
	}
	return short(s.GetState().String(), "SUBJECT_STATE_")
}
