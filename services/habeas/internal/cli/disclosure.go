package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) disclosure() *cobra.Command {
	return group("disclosure", "who was given data of a person", a.disclosureList(), a.disclosureAccounting(), a.disclosureRecipients())
}

// disclosures reaches the register.
func (a *app) disclosures(do func(consentv1.DisclosureServiceClient) error) error {
	return a.consents(func(conn *grpc.ClientConn) error { return do(consentv1.NewDisclosureServiceClient(conn)) })
}

func (a *app) disclosureList() *cobra.Command {
	var p page
	var marketing bool
	req := &consentv1.ListMarketingDisclosuresRequest{}
	c := &cobra.Command{
		Use: "list SUBJECT", Short: "list what was given of a person, oldest first; or who got it for marketing in a year", Args: cobra.ExactArgs(1),
		Long: `List shows a person's register of disclosures. With --marketing it shows instead who got which kinds of data for direct
marketing of their own in a calendar year, and how to reach them: the year is one of the policy's zone, and the last one that is
over if none is named.`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case marketing && req.GetPolicy() == "":
				return usageError{errors.New("--marketing needs --policy, by whose zone a year begins")}
			case !marketing && (req.GetYear() != 0 || req.GetPolicy() != ""):
				return usageError{errors.New("--policy and --year go with --marketing")}
			case marketing:
				req.SubjectRef = args[0]
				return a.listMarketing(c.Context(), req)
			}
			return a.listDisclosures(c.Context(), args[0], &p)
		},
	}
	p.flags(c.Flags())
	f := c.Flags()
	f.BoolVar(&marketing, "marketing", false, "who got data for direct marketing of their own, in a year")
	f.StringVar(&req.Policy, "policy", "", "with --marketing: the policy")
	f.Uint32Var(&req.Year, "year", 0, "with --marketing: a calendar year that is over; the last one if zero")
	return c
}

func (a *app) listMarketing(ctx context.Context, req *consentv1.ListMarketingDisclosuresRequest) error {
	return a.disclosures(func(to consentv1.DisclosureServiceClient) error {
		resp, err := to.ListMarketingDisclosures(ctx, req)
		if err != nil {
			return err
		}
		return a.show(resp, holdings(resp.GetRecipients(), fmt.Sprintf("nobody got anything for marketing in %d", resp.GetYear())))
	})
}

// holdings are who holds what, or that nobody does.
func holdings(all []*consentv1.Holding, none string) []string {
	if len(all) == 0 {
		return []string{none}
	}
	rows := []string{"RECIPIENT\tKIND\tNAME\tCONTACT\tCATEGORIES\tPURPOSES\tTIMES\tFIRST\tLAST"}
	for _, h := range all {
		rows = append(rows, cells(h.GetRecipient(), dash(h.GetKind()), dash(h.GetTitle()), dash(h.GetContact()), strings.Join(h.GetCategories(), ", "),
			strings.Join(h.GetPurposes(), ", "), h.GetDisclosures(), day(h.GetFirst()), day(h.GetLast())))
	}
	return rows
}

func (a *app) listDisclosures(ctx context.Context, subject string, p *page) error {
	return a.disclosures(func(to consentv1.DisclosureServiceClient) error {
		all := &consentv1.ListDisclosuresResponse{}
		err := p.all(func(token string) (string, error) {
			resp, err := to.ListDisclosures(ctx, &consentv1.ListDisclosuresRequest{SubjectRef: subject, PageSize: p.size, PageToken: token})
			all.Disclosures = append(all.Disclosures, resp.GetDisclosures()...)
			return resp.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return a.show(all, disclosed(all.GetDisclosures()))
	})
}

func disclosed(all []*consentv1.Disclosure) []string {
	rows := []string{"AT\tACTION\tRECIPIENT\tNAME\tCONTACT\tCATEGORIES\tPURPOSE\tREASON\tMARKETING"}
	for _, d := range all {
		rows = append(rows, cells(day(d.GetAt()), short(d.GetAction().String(), "ACTION_"), dash(d.GetRecipient()), dash(d.GetTitle()), dash(d.GetContact()),
			strings.Join(d.GetCategories(), ", "), d.GetPurpose(), d.GetReason(), mark(d.GetMarketing())))
	}
	return rows
}

func (a *app) disclosureAccounting() *cobra.Command {
	var p page
	c := &cobra.Command{
		Use: "accounting SUBJECT", Short: "account for disclosures of a patient's data in the last six years", Args: cobra.ExactArgs(1),
		Long: "Accounting is the list of 45 CFR 164.528. Treatment, payment and operations are left out, as the policy marks its purposes.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.disclosures(func(to consentv1.DisclosureServiceClient) error {
				all := &consentv1.ListAccountingResponse{}
				err := p.all(func(token string) (string, error) {
					resp, err := to.ListAccounting(c.Context(), &consentv1.ListAccountingRequest{SubjectRef: args[0], PageSize: p.size, PageToken: token})
					all.Disclosures, all.From = append(all.Disclosures, resp.GetDisclosures()...), resp.GetFrom()
					return resp.GetNextPageToken(), err
				})
				if err != nil {
					return err
				}
				return a.show(all, disclosed(all.GetDisclosures()))
			})
		},
	}
	p.flags(c.Flags())
	return c
}

func (a *app) disclosureRecipients() *cobra.Command {
	return &cobra.Command{
		Use: "recipients SUBJECT", Short: "say who holds what of a person, for those who must be told", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.disclosures(func(to consentv1.DisclosureServiceClient) error {
				resp, err := to.ListRecipientsOf(c.Context(), &consentv1.ListRecipientsOfRequest{SubjectRef: args[0]})
				if err != nil {
					return err
				}
				return a.show(resp, holdings(resp.GetRecipients(), "nobody was given anything"))
			})
		},
	}
}
