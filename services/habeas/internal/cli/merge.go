package cli

import (
	"fmt"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc/client"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

// purposeIdentity is why people are merged and separated here.
const purposeIdentity = "case.identity"

func (a *app) subjectSignUp() *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: "signup SUBJECT VISIT", Short: "give a person the refusals of the visit that they were", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.identity(func(conn *grpc.ClientConn) error {
				resp, err := identityv1.NewMergeServiceClient(conn).SignUp(c.Context(),
					&identityv1.SignUpRequest{RequestId: r.id, SubjectRef: args[0], AnonymousRef: args[1]})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{"what the visit refused, the person has refused"})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}

func (a *app) subjectMerge() *cobra.Command {
	var r repeat
	var evidence string
	c := &cobra.Command{
		Use: "merge STAYS GOES", Short: "make two references one person", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.identity(func(conn *grpc.ClientConn) error {
				resp, err := identityv1.NewMergeServiceClient(conn).MergeSubjects(client.WithPurpose(c.Context(), purposeIdentity),
					&identityv1.MergeSubjectsRequest{RequestId: r.id, SubjectRef: args[0], OtherRef: args[1], Evidence: evidence})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{"MERGE", resp.GetMerge()})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&evidence, "evidence", "", "reference of what shows that both are one person")
	return c
}

func (a *app) subjectUnmerge() *cobra.Command {
	var r repeat
	var reason string
	c := &cobra.Command{
		Use: "unmerge SUBJECT MERGE", Short: "undo a merge, and list what it touched", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.identity(func(conn *grpc.ClientConn) error {
				resp, err := identityv1.NewMergeServiceClient(conn).UnmergeSubjects(client.WithPurpose(c.Context(), purposeIdentity),
					&identityv1.UnmergeSubjectsRequest{RequestId: r.id, SubjectRef: args[0], Merge: args[1], Reason: reason})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, touches(resp.GetMerge()))
			})
		},
	}
	r.flags(c.Flags(), "")
	codeFlag(c.Flags(), &reason, "wrong_person", "why", &identityv1.UnmergeSubjectsRequest{}, "reason")
	return c
}

func touches(m *identityv1.Merge) []string {
	rows := []string{"TOUCHED\tREQUEST\tWHEN"}
	for _, t := range m.GetTouches() {
		rows = append(rows, cells(short(t.GetKind().String(), "TOUCH_KIND_"), t.GetReference(), day(t.GetAt())))
	}
	if m.GetTruncated() {
		rows = append(rows, cells(fmt.Sprint(int(m.GetTouchCount())-len(m.GetTouches()), " more"), "see: habeas audit replay", ""))
	}
	return append(rows, cells("shown", fmt.Sprint(m.GetReads(), " times"), ""))
}

func (a *app) subjectMerges() *cobra.Command {
	return &cobra.Command{
		Use: "merges SUBJECT", Short: "list a person's merges", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.identity(func(conn *grpc.ClientConn) error {
				resp, err := identityv1.NewMergeServiceClient(conn).ListMerges(c.Context(), &identityv1.ListMergesRequest{SubjectRef: args[0]})
				if err != nil {
					return err
				}
				rows := []string{"MERGE\tSTAYS\tWENT\tSINCE\tUNTIL\tTOUCHES"}
				for _, m := range resp.GetMerges() {
					rows = append(rows, cells(m.GetMerge(), m.GetSubjectRef(), m.GetOtherRef(), day(m.GetMergedAt()),
						dash(day(m.GetUnmergedAt())), fmt.Sprint(m.GetTouchCount())))
				}
				return a.show(resp, rows)
			})
		},
	}
}
