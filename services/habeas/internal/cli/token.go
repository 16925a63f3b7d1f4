package cli

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"habeas.internal/services/habeas/internal/devissuer"
	"habeas.internal/services/habeas/internal/local"

	"github.com/spf13/cobra"
)

func (a *app) token() *cobra.Command {
	c := devissuer.Claims{}
	var data string
	cmd := &cobra.Command{
		Use: "token", Short: "sign a token for an installation of `habeas up`", Args: cobra.NoArgs,
		Long: `Token signs a bearer token with the key of a data folder, for any tenant and roles: to see what a product team,
an auditor or another tenant may do. Give it to other commands as HABEAS_TOKEN. An installation that trusts another
issuer refuses it.`,
		RunE: func(*cobra.Command, []string) error {
			if i := slices.IndexFunc(c.Roles, func(r string) bool { return r != "subject" && !slices.Contains(local.Roles(), r) }); i >= 0 {
				return usageError{fmt.Errorf("--role: there is no role %q", c.Roles[i])}
			}
			if c.Life <= 0 {
				return usageError{errors.New("--life must be more than nothing: a token that has ended is of no use")}
			}
			if !tenantNamed(c.Tenant) {
				return usageError{errTenantName}
			}
			c.From = time.Now()
			text, err := local.TokenOf(data, c)
			if err != nil {
				return usageError{err}
			}
			_, err = fmt.Fprintln(a.Out, text)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", defaultData, "data folder")
	f.StringVar(&c.Tenant, "tenant", defaultTenant, "tenant")
	f.StringVar(&c.Subject, "subject", "developer", "pseudonym of whom the token speaks of")
	f.StringSliceVar(&c.Roles, "role", local.Roles(), "roles")
	f.DurationVar(&c.Life, "life", time.Hour, "how long it is good")
	return cmd
}
