package cli

import (
	"context"
	"fmt"
	"strconv"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) tenantOffboard() *cobra.Command {
	var r repeat
	req := &identityv1.OffboardTenantRequest{}
	c := &cobra.Command{
		Use: "offboard TENANT", Short: "begin the end of the tenant: every key is destroyed after a time", Args: cobra.ExactArgs(1),
		Long: "Offboard begins the end of the token's tenant, unless a legal hold stands or a request is open. The role platform_admin\n" +
			"and a step-up are needed.",
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			req.RequestId, req.Tenant = r.id, args[0]
			return a.identity(func(conn *grpc.ClientConn) error {
				resp, err := identityv1.NewTenantServiceClient(conn).OffboardTenant(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				line := fmt.Sprintf("tenant %s waits for a second person's approval", req.GetTenant())
				if resp.GetDueAt() != nil {
					line = fmt.Sprintf("tenant %s goes at %s", req.GetTenant(), day(resp.GetDueAt()))
				}
				return a.show(resp, []string{line})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&req.Reason, "reason", "contract_ended", "code of the reason")
	return c
}

func (a *app) tenantApprove() *cobra.Command {
	return a.leaving("approve-offboarding", "approve the end of the tenant that somebody else began", "it is approved",
		func(ctx context.Context, c identityv1.TenantServiceClient, id string) error {
			_, err := c.ApproveOffboarding(ctx, &identityv1.ApproveOffboardingRequest{RequestId: id})
			return err
		})
}

func (a *app) tenantStay() *cobra.Command {
	return a.leaving("cancel-offboarding", "take the end of the tenant back, until it is due", "the tenant stays",
		func(ctx context.Context, c identityv1.TenantServiceClient, id string) error {
			_, err := c.CancelOffboarding(ctx, &identityv1.CancelOffboardingRequest{RequestId: id})
			return err
		})
}

func (a *app) leaving(use, short, done string, do func(context.Context, identityv1.TenantServiceClient, string) error) *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r.fill()
			return a.identity(func(conn *grpc.ClientConn) error {
				if err := do(c.Context(), identityv1.NewTenantServiceClient(conn), r.id); err != nil {
					return r.failed(err, false)
				}
				return a.show(&identityv1.CancelOffboardingResponse{}, []string{done})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}

func (a *app) tenantProof() *cobra.Command {
	return &cobra.Command{
		Use: "proof", Short: "show how far the end of the tenant got, and the proof", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.identity(func(conn *grpc.ClientConn) error {
				t, err := identityv1.NewTenantServiceClient(conn).GetTenant(c.Context(), &identityv1.GetTenantRequest{})
				if err != nil {
					return err
				}
				return a.show(t.GetOffboarding(), offboardingTables(t.GetOffboarding())...)
			})
		},
	}
}

// offboardingTables are how far a tenant's end got and, once it is over, its proof.
func offboardingTables(o *identityv1.Offboarding) [][]string {
	stage := short(o.GetStage().String(), "OFFBOARDING_STAGE_")
	if o.GetStage() == identityv1.OffboardingStage_OFFBOARDING_STAGE_UNSPECIFIED {
		stage = "none" // as after it was taken back
	}
	tables := [][]string{{"STAGE\tREASON\tBEGUN\tDUE", cells(stage, dash(o.GetReason()), day(o.GetBegunAt()), day(o.GetDueAt()))}}
	if o.GetHolds()+o.GetRequests() > 0 {
		tables = append(tables, []string{"WAITS FOR HOLDS\tOPEN REQUESTS", cells(o.GetHolds(), o.GetRequests())})
	}
	if p := o.GetProof(); p != nil {
		tables = append(tables, []string{
			"ENDED\tKEYS\tBEFORE\tPEPPERS\tLOOKUPS\tRESIDUE ENDS\tDIGEST",
			cells(day(p.GetOffboardedAt()), count(p.GetKeys()), count(p.GetKeysBefore()), count(p.GetPeppers()), count(p.GetLookupRows()),
				day(p.GetResidueHorizon()), fmt.Sprintf("%x", p.GetDigest())),
		})
	}
	return tables
}

func count(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
