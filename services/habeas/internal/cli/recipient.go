package cli

import (
	"fmt"
	"strings"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) recipient() *cobra.Command {
	return group("recipient", "who is given data, and what they have agreed to",
		a.recipientPut(), a.recipientAgree(), a.recipientConfirm(), a.recipientEnd(), a.recipientShow())
}

// recipients reaches the directory of recipients.
func (a *app) recipients(do func(consentv1.RecipientServiceClient) error) error {
	return a.consents(func(conn *grpc.ClientConn) error { return do(consentv1.NewRecipientServiceClient(conn)) })
}

func (a *app) recipientPut() *cobra.Command {
	var r repeat
	who := &consentv1.RecipientProfile{}
	c := &cobra.Command{
		Use: "put RECIPIENT", Short: "say who a recipient is", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.recipients(func(to consentv1.RecipientServiceClient) error {
				resp, err := to.PutRecipient(c.Context(), &consentv1.PutRecipientRequest{RequestId: r.id, Recipient: args[0], Profile: who})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("%s is known", args[0])})
			})
		},
	}
	r.flags(c.Flags(), "")
	f := c.Flags()
	f.StringVar(&who.Kind, "kind", "", "one of the policy's, such as processor")
	f.StringVar(&who.Title, "name", "", "name of the organisation; it is kept in clear")
	f.StringVar(&who.Contact, "contact", "", "where people reach it: a postal or web address")
	f.StringVar(&who.Region, "region", "", "where it keeps data, such as us; empty for not known")
	f.BoolVar(&who.OwnUse, "own-use", false, "it uses data for purposes of its own")
	f.BoolVar(&who.Hosting, "hosting", false, "it keeps data on instruction and does nothing else with it")
	return c
}

// dates are the moments of an agreement as they were written.
type dates struct{ from, until, confirmed, mechanism string }

func (d dates) into(a *consentv1.Agreement) (err error) {
	if a.From, err = neededMoment("--from", d.from); err != nil {
		return err
	}
	if a.Until, err = parseMoment("--until", d.until); err != nil {
		return err
	}
	if a.ConfirmedAt, err = parseMoment("--confirmed", d.confirmed); err != nil {
		return err
	}
	a.Mechanism.Until, err = parseMoment("--mechanism-until", d.mechanism)
	return err
}

func (a *app) recipientAgree() *cobra.Command {
	var r repeat
	var when dates
	var given string
	agreed := &consentv1.Agreement{Mechanism: &consentv1.TransferMechanism{}}
	c := &cobra.Command{
		Use: "agree RECIPIENT", Short: "record what a recipient has agreed to, in place of what it agreed to before", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			if err = when.into(agreed); err != nil {
				return err
			}
			if agreed.Consideration, err = enum[consentv1.Consideration]("--consideration", given, "CONSIDERATION_", consentv1.Consideration_value); err != nil {
				return err
			}
			if agreed.GetMechanism().GetKind() == "" && len(agreed.GetMechanism().GetOrigins()) == 0 {
				agreed.Mechanism = nil
			}
			return a.recipients(func(to consentv1.RecipientServiceClient) error {
				resp, err := to.RecordAgreement(c.Context(), &consentv1.RecordAgreementRequest{RequestId: r.id, Recipient: args[0], Agreement: agreed})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("agreement %d of %s is recorded", resp.GetNumber(), args[0])})
			})
		},
	}
	r.flags(c.Flags(), "")
	f := c.Flags()
	f.StringSliceVar(&agreed.Undertakings, "undertaking", nil, "what it undertakes, in the policy's words; may be repeated")
	f.StringSliceVar(&agreed.Categories, "category", nil, "a kind of data that it may get; may be repeated")
	f.StringSliceVar(&agreed.Purposes, "purpose", nil, "what for; may be repeated")
	f.StringVar(&given, "consideration", "none", "what is given for data")
	f.BoolVar(&agreed.BusinessAssociate, "business-associate", false, "it binds a business associate, as HIPAA means it")
	f.StringVar(&agreed.Document, "document", "", "reference of the document that shows it")
	f.StringVar(&when.from, "from", "", "its beginning, RFC 3339 or a date")
	f.StringVar(&when.until, "until", "", "its end, RFC 3339 or a date; none if empty")
	f.StringVar(&when.confirmed, "confirmed", "", "when like practices were seen, RFC 3339 or a date; never if empty")
	f.StringVar(&agreed.Mechanism.Kind, "mechanism", "", "what lets data cross borders, such as standard_contractual_clauses")
	f.StringSliceVar(&agreed.Mechanism.Origins, "origin", nil, "region that data may come from by the mechanism; may be repeated")
	f.StringVar(&when.mechanism, "mechanism-until", "", "its end, RFC 3339 or a date; none if empty")
	return c
}

func (a *app) recipientConfirm() *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: "confirm RECIPIENT", Short: "record that a recipient's practices were seen to be like ours", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			at, err := r.moment()
			if err != nil {
				return err
			}
			return a.recipients(func(to consentv1.RecipientServiceClient) error {
				resp, err := to.ConfirmPractices(c.Context(), &consentv1.ConfirmPracticesRequest{RequestId: r.id, Recipient: args[0], ConfirmedAt: at})
				if err != nil {
					return r.failed(err, true)
				}
				return a.show(resp, []string{fmt.Sprintf("the practices of %s are confirmed", args[0])})
			})
		},
	}
	r.flags(c.Flags(), "when they were seen")
	return c
}

func (a *app) recipientEnd() *cobra.Command {
	var r repeat
	var why string
	c := &cobra.Command{
		Use: "end RECIPIENT", Short: "end what a recipient has agreed to: it is given nothing more", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.recipients(func(to consentv1.RecipientServiceClient) error {
				resp, err := to.EndAgreement(c.Context(), &consentv1.EndAgreementRequest{RequestId: r.id, Recipient: args[0], Reason: why})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("the agreement with %s has ended", args[0])})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&why, "reason", "", "why: a code")
	return c
}

func (a *app) recipientShow() *cobra.Command {
	return &cobra.Command{
		Use: "show RECIPIENT", Short: "show a recipient and what it has agreed to", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.recipients(func(to consentv1.RecipientServiceClient) error {
				resp, err := to.GetRecipient(c.Context(), &consentv1.GetRecipientRequest{Recipient: args[0]})
				if err != nil {
					return err
				}
				return a.show(resp, recipientRows(args[0], resp))
			})
		},
	}
}

func recipientRows(id string, resp *consentv1.GetRecipientResponse) []string {
	who, agreed := resp.GetProfile(), resp.GetAgreement()
	rows := []string{
		cells("RECIPIENT", id), cells("kind", who.GetKind()), cells("name", who.GetTitle()), cells("contact", dash(who.GetContact())),
		cells("region", dash(who.GetRegion())), cells("uses of its own", mark(who.GetOwnUse())), cells("hosting", mark(who.GetHosting())),
	}
	if resp.GetSuccession() != "" {
		rows = append(rows, cells("controller from", day(resp.GetSuccessionFrom())), cells("by", resp.GetSuccession()))
	}
	if agreed == nil {
		return append(rows, cells("agreement", "-"))
	}
	rows = append(rows,
		cells("agreement", agreed.GetNumber()), cells("from", day(agreed.GetFrom())), cells("until", day(agreed.GetUntil())),
		cells("undertakings", dash(strings.Join(agreed.GetUndertakings(), ", "))), cells("categories", dash(strings.Join(agreed.GetCategories(), ", "))),
		cells("purposes", dash(strings.Join(agreed.GetPurposes(), ", "))), cells("given for data", short(agreed.GetConsideration().String(), "CONSIDERATION_")),
		cells("business associate", mark(agreed.GetBusinessAssociate())), cells("practices seen", day(agreed.GetConfirmedAt())), cells("document", dash(agreed.GetDocument())),
	)
	if m := agreed.GetMechanism(); m != nil {
		rows = append(rows, cells("across borders by", m.GetKind()), cells("of", strings.Join(m.GetOrigins(), ", ")), cells("until", day(m.GetUntil())))
	}
	return rows
}
