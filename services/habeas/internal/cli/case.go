package cli

import (
	"context"
	"fmt"
	"strings"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// cases runs what needs the case service.
func (a *app) cases(do func(fulfilmentv1.CaseServiceClient) error) error {
	return a.fulfilment(func(conn *grpc.ClientConn) error { return do(fulfilmentv1.NewCaseServiceClient(conn)) })
}

// caseCommand is a command on a request's case.
func (a *app) caseCommand(
	c *cobra.Command, do func(ctx context.Context, s fulfilmentv1.CaseServiceClient, id string, args []string) (proto.Message, string, error),
) *cobra.Command {
	var r repeat
	c.RunE = func(c *cobra.Command, args []string) error {
		r.fill()
		return a.cases(func(s fulfilmentv1.CaseServiceClient) error {
			resp, done, err := do(c.Context(), s, r.id, args)
			if err != nil {
				return r.failed(err, false)
			}
			return a.showDone(resp, []string{done})
		})
	}
	r.flags(c.Flags(), "")
	return c
}

func duty(text string) (fulfilmentv1.Duty, error) {
	return enum[fulfilmentv1.Duty]("the duty", text, "DUTY_", fulfilmentv1.Duty_value)
}

func (a *app) requestAssign() *cobra.Command {
	return a.caseCommand(&cobra.Command{
		Use: "assign REQUEST verifier|fulfiller|approver STAFF", Short: "give somebody a duty for a request", Args: cobra.ExactArgs(3),
		Long: "Assign takes the subject of the person's token, in place of whoever has the duty. They see the person's data\n" +
			"for this case as long as they have it. Nobody has two duties for one request, and nobody assigns themselves.",
	}, func(ctx context.Context, s fulfilmentv1.CaseServiceClient, id string, args []string) (proto.Message, string, error) {
		d, err := duty(args[1])
		if err != nil {
			return nil, "", err
		}
		resp, err := s.AssignRequest(ctx, &fulfilmentv1.AssignRequestRequest{RequestId: id, Request: args[0], Duty: d, Staff: args[2]})
		return resp, fmt.Sprintf("%s is the %s of request %s", args[2], args[1], args[0]), err
	})
}

func (a *app) requestUnassign() *cobra.Command {
	return a.caseCommand(&cobra.Command{
		Use: "unassign REQUEST verifier|fulfiller|approver", Short: "take a duty back", Args: cobra.ExactArgs(2),
	}, func(ctx context.Context, s fulfilmentv1.CaseServiceClient, id string, args []string) (proto.Message, string, error) {
		d, err := duty(args[1])
		if err != nil {
			return nil, "", err
		}
		resp, err := s.UnassignRequest(ctx, &fulfilmentv1.UnassignRequestRequest{RequestId: id, Request: args[0], Duty: d})
		return resp, fmt.Sprintf("request %s has no %s", args[0], args[1]), err
	})
}

func (a *app) requestApprove() *cobra.Command {
	var manifest string
	c := a.caseCommand(&cobra.Command{
		Use: "approve REQUEST", Short: "let the manifest of an erasure be carried out", Args: cobra.ExactArgs(1),
		Long: "Approve needs the role approver, the duty, and a recent stronger authentication. It counts for the manifest\n" +
			"that --manifest names: `habeas request get` lists it, `habeas request case` shows its digest.",
	}, func(ctx context.Context, s fulfilmentv1.CaseServiceClient, id string, args []string) (proto.Message, string, error) {
		resp, err := s.ApproveRequest(ctx, &fulfilmentv1.ApproveRequestRequest{RequestId: id, Request: args[0], ManifestDigest: manifest})
		return resp, fmt.Sprintf("request %s is approved", args[0]), err
	})
	c.Flags().StringVar(&manifest, "manifest", "", "digest of the manifest; needed")
	return c
}

func (a *app) requestDecline() *cobra.Command {
	var manifest, reason string
	c := a.caseCommand(&cobra.Command{
		Use: "decline-approval REQUEST", Short: "send the manifest of an erasure back", Args: cobra.ExactArgs(1),
		Long: "Nothing is destroyed. `habeas request retry` has the manifest evaluated anew, and asks for approval again.",
	}, func(ctx context.Context, s fulfilmentv1.CaseServiceClient, id string, args []string) (proto.Message, string, error) {
		why, err := enum[fulfilmentv1.DeclineReason]("--reason", reason, "DECLINE_REASON_", fulfilmentv1.DeclineReason_value)
		if err != nil {
			return nil, "", err
		}
		resp, err := s.DeclineApproval(ctx, &fulfilmentv1.DeclineApprovalRequest{RequestId: id, Request: args[0], ManifestDigest: manifest, Reason: why})
		return resp, fmt.Sprintf("request %s is not approved", args[0]), err
	})
	c.Flags().StringVar(&manifest, "manifest", "", "digest of the manifest; needed")
	c.Flags().StringVar(&reason, "reason", "", "must-be-kept, kept-without-ground, identity-in-doubt or scope-incomplete; needed")
	return c
}

func (a *app) requestCase() *cobra.Command {
	return &cobra.Command{
		Use: "case REQUEST", Short: "show who does what for a request, and how its approval stands", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.cases(func(s fulfilmentv1.CaseServiceClient) error {
				got, err := s.GetCase(c.Context(), &fulfilmentv1.GetCaseRequest{Request: args[0]})
				if err != nil {
					return err
				}
				return a.show(got, caseTables(got)...)
			})
		},
	}
}

func caseTables(got *fulfilmentv1.GetCaseResponse) [][]string {
	duties := []string{"DUTY\tACTOR\tSINCE\tSEES THE PERSON UNTIL"}
	for _, d := range got.GetAssignments() {
		duties = append(duties, cells(short(d.GetDuty().String(), "DUTY_"), d.GetActor(), day(d.GetAssignedAt()), day(d.GetNeedUntil())))
	}
	if len(duties) == 1 {
		duties = []string{"nobody is assigned"}
	}
	state := "not needed"
	switch {
	case got.GetDeclined() != "":
		state = "declined: " + got.GetDeclined()
	case got.GetApprovalAwaited():
		state = "awaited"
	case got.GetApprovalNeeded():
		state = "approved"
	case got.GetManifestDigest() == "":
		state = "not yet known: there is no manifest"
	}
	tables := [][]string{duties, {
		"APPROVAL\tSINCE\tAPPROVED BY\tAPPROVED", cells(state, day(got.GetAwaitedSince()), dash(got.GetApprovedBy()), day(got.GetApprovedAt())),
	}, {"MANIFEST\t" + dash(got.GetManifestDigest())}}
	if len(got.GetRejected()) > 0 {
		rows := []string{"REJECTED\tGROUND\tCLAUSE\tPERMITTED BY\tBY\tAT"}
		for _, r := range got.GetRejected() {
			what := "the request"
			if len(r.GetLeaves()) > 0 {
				what = "leaves " + strings.Trim(fmt.Sprint(r.GetLeaves()), "[]")
			}
			rows = append(rows, cells(what, r.GetGround(), dash(r.GetClause()), dash(strings.Join(r.GetRules(), "; ")), r.GetBy(), day(r.GetAt())))
		}
		tables = append(tables, rows)
	}
	if len(got.GetEarlier()) > 0 {
		rows := []string{"ASKED BEFORE\tRECEIVED\tOUTCOME"}
		for _, e := range got.GetEarlier() {
			rows = append(rows, cells(e.GetRequest(), day(e.GetReceivedAt()), short(e.GetOutcome().String(), "OUTCOME_")))
		}
		tables = append(tables, rows)
	}
	return tables
}
