package cli

import (
	"fmt"
	"strings"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) consentSource() *cobra.Command {
	return group("source", "accounts that people have elsewhere, and what may come in from them", a.sourceAuthorize(), a.sourceRevoke())
}

func (a *app) sourceAuthorize() *cobra.Command {
	var r repeat
	req := &consentv1.AuthorizeSourceRequest{}
	c := &cobra.Command{
		Use: "authorize SUBJECT POLICY PROVIDER SCOPE...", Short: "record that content of an account elsewhere may come in",
		Args: cobra.MinimumNArgs(4),
		Long: `Authorize records that a person lets content come in from an account that they have elsewhere: of one provider, and
of the scopes that are named. It shows the authorisation's id, which each imported item names. The purpose of the import needs
the person's consent as before.`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req.RequestId, req.SubjectRef, req.Policy, req.Provider, req.Scopes = r.id, args[0], args[1], args[2], args[3:]
			if req.AuthorizedAt, err = r.moment(); err != nil {
				return err
			}
			return a.consents(func(conn *grpc.ClientConn) error {
				resp, err := consentv1.NewConsentServiceClient(conn).AuthorizeSource(c.Context(), req)
				if err != nil {
					return r.failed(err, true)
				}
				return a.show(resp, []string{fmt.Sprintf("%s: %s may come in from %s", resp.GetAuthorization(), strings.Join(req.GetScopes(), ", "), req.GetProvider())})
			})
		},
	}
	r.flags(c.Flags(), "when the person acted")
	c.Flags().StringVar(&req.Evidence, "evidence", "", "hash of the text that the person saw, or a reference to evidence; needed")
	return c
}

func (a *app) sourceRevoke() *cobra.Command {
	var r repeat
	req := &consentv1.RevokeSourceRequest{}
	c := &cobra.Command{
		Use: "revoke SUBJECT POLICY PROVIDER [SCOPE...]", Short: "record that nothing comes in any more; of all scopes if none is named",
		Args: cobra.MinimumNArgs(3),
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req.RequestId, req.SubjectRef, req.Policy, req.Provider, req.Scopes = r.id, args[0], args[1], args[2], args[3:]
			if req.RevokedAt, err = r.moment(); err != nil {
				return err
			}
			return a.consents(func(conn *grpc.ClientConn) error {
				resp, err := consentv1.NewConsentServiceClient(conn).RevokeSource(c.Context(), req)
				if err != nil {
					return r.failed(err, true)
				}
				what := "nothing"
				if len(req.GetScopes()) > 0 {
					what = "nothing of " + strings.Join(req.GetScopes(), ", ")
				}
				return a.show(resp, []string{fmt.Sprintf("%s comes in from %s", what, req.GetProvider())})
			})
		},
	}
	r.flags(c.Flags(), "when the person acted")
	return c
}

// topicOf is what an act was about.
func topicOf(d *consentv1.RecordedDecision) string {
	switch {
	case d.GetProvider() == "":
		return d.GetPurpose() + d.GetCategory()
	case d.GetScope() == "":
		return d.GetProvider()
	}
	return d.GetProvider() + " " + d.GetScope()
}
