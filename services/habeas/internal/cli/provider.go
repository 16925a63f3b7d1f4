package cli

import (
	"errors"
	"fmt"
	"strings"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

// signIns are the flags that describe an identity provider.
type signIns struct {
	issuer, client string
	acr, amr       []string
	none           bool
}

func (a *app) settingsProvider() *cobra.Command {
	var r repeat
	var x signIns
	c := &cobra.Command{
		Use: "provider", Short: "say where the tenant's people sign in to prove who they are", Args: cobra.NoArgs,
		Long: "Provider replaces the identity provider of the tenant's settings and leaves the others as they are. A plain sign-in\n" +
			"there reaches level 2; --acr VALUE=3, --acr VALUE=4 and --amr VALUE=3 name what reaches more. Another\n" +
			"provider, or one that proves more, waits for `habeas settings confirm` by somebody else, or for a day.",
		RunE: func(c *cobra.Command, _ []string) error {
			provider, err := x.provider()
			if err != nil {
				return err
			}
			r.fill()
			return a.identity(func(conn *grpc.ClientConn) error {
				client := identityv1.NewSettingsServiceClient(conn)
				now, err := client.GetSettings(c.Context(), &identityv1.GetSettingsRequest{})
				if err != nil {
					return err
				}
				want := now.GetSettings()
				want.Provider = provider
				resp, err := client.UpdateSettings(c.Context(), &identityv1.UpdateSettingsRequest{
					RequestId: r.id, Revision: now.GetRevision(), Settings: want,
				})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, updatedRows(resp))
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&x.issuer, "issuer", "", "its https address, as it names itself")
	c.Flags().StringVar(&x.client, "client", "", "the client that its ID tokens are for")
	c.Flags().StringArrayVar(&x.acr, "acr", nil, "VALUE=LEVEL: a class of sign-ins that reaches level 3 or 4")
	c.Flags().StringArrayVar(&x.amr, "amr", nil, "VALUE=3: a method that reaches level 3")
	c.Flags().BoolVar(&x.none, "none", false, "nobody proves themselves by a sign-in any more")
	return c
}

// provider is what the flags describe; nil for none.
func (x *signIns) provider() (*identityv1.IdentityProvider, error) {
	described := x.issuer != "" || x.client != "" || len(x.acr)+len(x.amr) > 0
	switch {
	case x.none && !described:
		return nil, nil
	case x.none, x.issuer == "", x.client == "":
		return nil, usageError{errors.New("--issuer and --client are needed, or --none alone")}
	}
	out := &identityv1.IdentityProvider{Issuer: x.issuer, ClientId: x.client}
	for _, claim := range []struct {
		name   identityv1.AssuranceClaim
		values []string
	}{{identityv1.AssuranceClaim_ASSURANCE_CLAIM_ACR, x.acr}, {identityv1.AssuranceClaim_ASSURANCE_CLAIM_AMR, x.amr}} {
		for _, text := range claim.values {
			level, err := levelOf(text)
			if err != nil {
				return nil, err
			}
			level.Claim = claim.name
			out.Levels = append(out.Levels, level)
		}
	}
	return out, nil
}

// levelOf reads VALUE=LEVEL. A value may have a = itself, as addresses do.
func levelOf(text string) (*identityv1.ProviderLevel, error) {
	i := strings.LastIndex(text, "=")
	if i <= 0 || text[i+1:] != "3" && text[i+1:] != "4" {
		return nil, usageError{fmt.Errorf("%s is not VALUE=3 or VALUE=4", text)}
	}
	return &identityv1.ProviderLevel{Value: text[:i], Level: uint32(text[i+1] - '0')}, nil
}
