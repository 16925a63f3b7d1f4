package cli

import (
	"context"
	"fmt"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/proto"
)

// rejectionFlags fill in why something is not carried out.
func rejectionFlags(f *pflag.FlagSet, m *fulfilmentv1.Rejection) {
	f.StringVar(&m.Ground, "ground", "", "the ground: a code of the policy's list, or of the rule packs")
	f.StringVar(&m.Statement, "statement", "", "what the person is told besides, in plain words")
	f.StringVar(&m.Evidence, "evidence", "", "where the evidence for the ground is: a reference of your own")
	f.StringVar(&m.Text, "text", "", "id of your standard text")
}

func (a *app) requestReject() *cobra.Command {
	req := &fulfilmentv1.RejectRequestRequest{Rejection: &fulfilmentv1.Rejection{}}
	var leaves []uint
	c := a.caseCommand(&cobra.Command{
		Use: "reject REQUEST", Short: "decline a request, or leaves of it, on a ground", Args: cobra.ExactArgs(1),
		Long: "Reject needs a ground that the policy lists for the right and that the pinned rule packs permit, and a recent\n" +
			"stronger authentication. The person is told why, and where to complain. `habeas request case` shows how often\n" +
			"the person has asked before; that decides nothing by itself. A whole request is rejected before anything was\n" +
			"touched; --leaf names parts of the manifest, and the rest is carried out.",
	}, func(ctx context.Context, s fulfilmentv1.CaseServiceClient, id string, args []string) (proto.Message, string, error) {
		req.RequestId, req.Request, req.Leaves = id, args[0], nil
		for _, l := range leaves {
			req.Leaves = append(req.Leaves, uint32(l)) //nolint:gosec // the service says which there are
		}
		resp, err := s.RejectRequest(ctx, req)
		return resp, fmt.Sprintf("request %s is rejected", args[0]), err
	})
	rejectionFlags(c.Flags(), req.GetRejection())
	c.Flags().UintSliceVar(&leaves, "leaf", nil, "number of a leaf; the whole request without")
	return c
}

func (a *app) requestReopen() *cobra.Command {
	req := &fulfilmentv1.ReopenRequestRequest{}
	c := a.caseCommand(&cobra.Command{
		Use: "reopen REQUEST", Short: "take a rejected request up again: two people sign", Args: cobra.ExactArgs(1),
		Long: "Reopen needs the role dpo and a recent stronger authentication, of two people one after the other, within 30 days\n" +
			"of the rejection. Nothing else leads back.",
	}, func(ctx context.Context, s fulfilmentv1.CaseServiceClient, id string, args []string) (proto.Message, string, error) {
		req.RequestId, req.Request = id, args[0]
		resp, err := s.ReopenRequest(ctx, req)
		done := fmt.Sprintf("request %s goes on", args[0])
		if !resp.GetReopened() {
			done = fmt.Sprintf("signed: a second person has to run `habeas request reopen %s` as well", args[0])
		}
		return resp, done, err
	})
	c.Flags().StringVar(&req.Reason, "reason", "", "why: a code such as complaint_upheld")
	return c
}
