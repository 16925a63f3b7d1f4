package cli

import (
	"errors"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

var errOnOff = errors.New("say on or off")

// tenantApproval changes one setting and leaves the others as they are.
func (a *app) tenantApproval() *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: "approval on|off", Short: "whether a second person approves what an erasure destroys", Args: cobra.ExactArgs(1),
		Long: "Approval counts for requests whose manifest is made from then on. The role dpo or platform_admin is needed.",
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] != "on" && args[0] != "off" {
				return usageError{errOnOff}
			}
			r.fill()
			return a.identity(func(conn *grpc.ClientConn) error {
				s := identityv1.NewSettingsServiceClient(conn)
				got, err := s.GetSettings(c.Context(), &identityv1.GetSettingsRequest{})
				if err != nil {
					return err
				}
				want := got.GetSettings()
				want.Approval = args[0] == "on"
				resp, err := s.UpdateSettings(c.Context(), &identityv1.UpdateSettingsRequest{RequestId: r.id, Revision: got.GetRevision(), Settings: want})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{"approval of erasures is " + args[0]})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}
