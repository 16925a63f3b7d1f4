package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

// updatedRows say whether settings are in force, or for how long they wait.
func updatedRows(r *identityv1.UpdateSettingsResponse) []string {
	if r.GetDueAt() == nil {
		return []string{"REVISION", fmt.Sprint(r.GetRevision())}
	}
	return []string{
		"LOWERS\tIN FORCE FROM\tOR AT ONCE BY",
		cells(guardsText(r.GetLowers()), day(r.GetDueAt()), fmt.Sprintf("habeas settings confirm %d, run by somebody else", r.GetNumber())),
	}
}

func guardsText(guards []identityv1.Safeguard) string {
	var out []string
	for _, g := range guards {
		out = append(out, short(g.String(), "SAFEGUARD_"))
	}
	return strings.Join(out, ", ")
}

// pendingRows are those of settings that wait: each that would be another.
func pendingRows(got *identityv1.GetSettingsResponse) []string {
	p := got.GetPending()
	if p == nil {
		return nil
	}
	rows := []string{
		cells("waiting", fmt.Sprintf("number %d, by %s", p.GetNumber(), p.GetBy())),
		cells("waiting since", day(p.GetAskedAt())), cells("in force from", day(p.GetDueAt())), cells("would lower", guardsText(p.GetLowers())),
	}
	now := map[string]bool{}
	for _, row := range settingRows(got.GetSettings()) {
		now[row] = true
	}
	for _, row := range settingRows(p.GetSettings()) {
		if !now[row] {
			rows = append(rows, "then "+row)
		}
	}
	for _, of := range got.GetSettings().GetAssurance().GetPolicies() {
		taken := func(p *identityv1.PolicyAssurance) bool { return p.GetPolicy() == of.GetPolicy() }
		if !slices.ContainsFunc(p.GetSettings().GetAssurance().GetPolicies(), taken) {
			rows = append(rows, cells("then levels", levelsText(&identityv1.PolicyAssurance{Policy: of.GetPolicy()})))
		}
	}
	return rows
}

func (a *app) settingsConfirm() *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: "confirm NUMBER", Short: "put settings in force that wait, as a second person", Args: cobra.ExactArgs(1),
		Long: "Confirm puts settings in force that would lower a safeguard, and that somebody else asked for. Their number is shown\n" +
			"by `habeas settings show`. One of the roles approver, dpo and platform_admin and a step-up are needed.",
		RunE: func(c *cobra.Command, args []string) error {
			number, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil {
				return usageError{fmt.Errorf("%s is not a number", args[0])}
			}
			r.fill()
			return a.identity(func(conn *grpc.ClientConn) error {
				resp, err := identityv1.NewSettingsServiceClient(conn).ConfirmSettings(c.Context(), &identityv1.ConfirmSettingsRequest{
					RequestId: r.id, Number: uint32(number),
				})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{"REVISION", fmt.Sprint(resp.GetRevision())})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}

func (a *app) settingsWithdraw() *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: "withdraw", Short: "end settings that wait; nothing is changed", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r.fill()
			return a.identity(func(conn *grpc.ClientConn) error {
				resp, err := identityv1.NewSettingsServiceClient(conn).WithdrawSettings(c.Context(), &identityv1.WithdrawSettingsRequest{RequestId: r.id})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{"the settings stay as they are"})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}
