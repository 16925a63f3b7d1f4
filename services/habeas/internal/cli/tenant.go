package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/calendar"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
)

func (a *app) tenant() *cobra.Command {
	return group("tenant", "the organisation whose world the token opens", a.tenantCreate(), a.tenantGet(),
		a.tenantOffboard(), a.tenantApprove(), a.tenantStay(), a.tenantProof())
}

func (a *app) tenantCreate() *cobra.Command {
	var r repeat
	var delay, age time.Duration
	req := &identityv1.CreateTenantRequest{}
	c := &cobra.Command{
		Use: "create TENANT", Short: "create a tenant", Args: cobra.ExactArgs(1),
		Long: "Create makes the tenant of the token; a token of the platform's own tenant makes others, too. The role platform_admin\n" +
			"and a step-up are needed.",
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			req.RequestId, req.Tenant = r.id, args[0]
			req.Safeguards = &identityv1.Safeguards{Delay: durationpb.New(delay), ChannelAge: durationpb.New(age)}
			if req.DisplayName == "" {
				req.DisplayName = args[0]
			}
			return a.identity(func(conn *grpc.ClientConn) error {
				resp, err := identityv1.NewTenantServiceClient(conn).CreateTenant(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("tenant %s is there", req.GetTenant())})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&req.DisplayName, "name", "", "name for people; the tenant's id if empty")
	c.Flags().StringVar(&req.TimeZone, "zone", "UTC", "IANA time zone in which its deadlines end")
	c.Flags().DurationVar(&delay, "delay", 72*time.Hour, "how long a proven request is held while the person is told on all channels")
	c.Flags().DurationVar(&age, "channel-age", 7*24*time.Hour, "how long a channel has to be known before it proves a person enough")
	c.Flags().StringVar(&req.Calendar, "calendar", "", calendarHelp())
	return c
}

func (a *app) tenantGet() *cobra.Command {
	return &cobra.Command{
		Use: "get", Short: "show the tenant of the token", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.runTenantGet(c.Context()) },
	}
}

func (a *app) runTenantGet(ctx context.Context) error {
	return a.identity(func(conn *grpc.ClientConn) error {
		t, err := identityv1.NewTenantServiceClient(conn).GetTenant(ctx, &identityv1.GetTenantRequest{})
		if err != nil {
			return err
		}
		return a.show(t, []string{
			"TENANT\tNAME\tZONE\tCALENDAR\tDELAY\tCHANNEL AGE", cells(t.GetTenant(), t.GetDisplayName(), t.GetTimeZone(), dash(t.GetCalendar()),
				t.GetSafeguards().GetDelay().AsDuration(), t.GetSafeguards().GetChannelAge().AsDuration()),
		})
	})
}

func (a *app) identity(do func(*grpc.ClientConn) error) error   { return a.reach("identity", do) }
func (a *app) consents(do func(*grpc.ClientConn) error) error   { return a.reach("consent", do) }
func (a *app) retention(do func(*grpc.ClientConn) error) error  { return a.reach("retention", do) }
func (a *app) fulfilment(do func(*grpc.ClientConn) error) error { return a.reach("fulfilment", do) }

// calendarHelp names the calendars that there are.
func calendarHelp() string {
	return "calendar of holidays: " + strings.Join(calendar.Codes(), ", ") + "; empty for none"
}
