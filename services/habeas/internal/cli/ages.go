package cli

import (
	"fmt"
	"strings"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

func (a *app) age() *cobra.Command {
	return group("age", "how old people are, and what a parent agreed to", a.ageRecord(), a.ageConsent(), a.ageWithdraw(), a.ageStatus())
}

func (a *app) mandate() *cobra.Command {
	return group("mandate", "who may act for a person", a.mandateRecord(), a.mandateEnd())
}

// blocks is what every fact about an age, a mandate or a parent answers.
type blocks interface {
	proto.Message
	GetBlocked() []string
}

// fact records one, and shows which policies do not serve the person.
func (a *app) fact(r *repeat, do func(identityv1.AgeServiceClient) (blocks, error)) error {
	return a.identity(func(conn *grpc.ClientConn) error {
		resp, err := do(identityv1.NewAgeServiceClient(conn))
		if err != nil {
			return r.failed(err, false)
		}
		return a.showDone(resp, []string{"NOT SERVED BY", dash(strings.Join(resp.GetBlocked(), " "))})
	})
}

func (a *app) ageRecord() *cobra.Command {
	var r repeat
	var source string
	req := &identityv1.RecordAgeRequest{}
	c := &cobra.Command{
		Use: "record SUBJECT", Short: "record how old somebody is, or that they are said to be a minor", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req.RequestId, req.SubjectRef = r.id, args[0]
			if req.Source, err = enum[identityv1.AgeSource]("--source", source, "AGE_SOURCE_", identityv1.AgeSource_value); err != nil {
				return err
			}
			if req.BirthDate, err = a.typed(req.GetBirthDate()); err != nil {
				return err
			}
			return a.fact(&r, func(s identityv1.AgeServiceClient) (blocks, error) { return s.RecordAge(c.Context(), req) })
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&req.BirthDate, "born", "", "date of birth, year-month-day; - reads it from standard input, which no process list shows; empty for an allegation")
	c.Flags().StringVar(&source, "source", "stated", "how it is known: stated, document, alleged")
	c.Flags().StringVar(&req.Evidence, "evidence", "", "reference of what shows it")
	return c
}

func (a *app) ageConsent() *cobra.Command {
	var r repeat
	var method string
	said := &identityv1.ParentalConsent{}
	c := &cobra.Command{
		Use: "consent SUBJECT", Short: "record that a parent agrees, and how that was verified", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			if said.Method, err = enum[identityv1.ConsentMethod]("--method", method, "CONSENT_METHOD_", identityv1.ConsentMethod_value); err != nil {
				return err
			}
			return a.fact(&r, func(s identityv1.AgeServiceClient) (blocks, error) {
				return s.RecordParentalConsent(c.Context(), &identityv1.RecordParentalConsentRequest{RequestId: r.id, SubjectRef: args[0], Consent: said})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&method, "method", "", "how it was verified, such as signed-form or video; needed")
	c.Flags().StringVar(&said.Evidence, "evidence", "", "reference of what shows it; needed")
	return c
}

func (a *app) ageWithdraw() *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: "withdraw SUBJECT", Short: "record that a parent agrees no more", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.fact(&r, func(s identityv1.AgeServiceClient) (blocks, error) {
				return s.WithdrawParentalConsent(c.Context(), &identityv1.WithdrawParentalConsentRequest{RequestId: r.id, SubjectRef: args[0]})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}

func (a *app) ageStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status SUBJECT", Short: "show which facts stand and which policies do not serve the person; no date of birth", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.identity(func(conn *grpc.ClientConn) error {
				s, err := identityv1.NewAgeServiceClient(conn).GetAgeStatus(c.Context(), &identityv1.GetAgeStatusRequest{SubjectRef: args[0]})
				if err != nil {
					return err
				}
				facts := []string{"AGE\tMANDATE\tPARENT", cells(known(short(s.GetSource().String(), "AGE_SOURCE_")),
					known(short(s.GetMandate().GetKind().String(), "MANDATE_KIND_")), known(short(s.GetConsent().GetMethod().String(), "CONSENT_METHOD_")))}
				served := []string{"NOT SERVED BY\tSINCE\tREQUEST\tLIFTED BY"}
				for _, b := range s.GetBlocks() {
					served = append(served, cells(b.GetPolicy(), day(b.GetSince()), dash(b.GetRequest()), lifted(b)))
				}
				return a.show(s, facts, served)
			})
		},
	}
}

// lifted says what would let a policy serve a person.
func lifted(b *identityv1.Block) string {
	if b.GetMinimumAge() == 0 {
		return "-"
	}
	facts := map[string]string{
		"age": "an age that is recorded, in place of what was said", "mandate": "a mandate, habeas mandate record", "parental_consent": "a parent's consent, habeas age consent",
	}
	var ways []string
	for _, fact := range b.GetLiftedBy() {
		ways = append(ways, facts[fact])
	}
	way := strings.Join(ways, " and ")
	if way != "" {
		way += "; or "
	}
	return fmt.Sprintf("%sthe age of %d", way, b.GetMinimumAge())
}

// known is a fact, or nothing where none stands.
func known(text string) string {
	if text == "unspecified" {
		return "-"
	}
	return text
}

func (a *app) mandateRecord() *cobra.Command {
	var r repeat
	var kind string
	m := &identityv1.Mandate{}
	c := &cobra.Command{
		Use: "record SUBJECT", Short: "record that somebody may act for a person", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			if m.Kind, err = enum[identityv1.MandateKind]("--kind", kind, "MANDATE_KIND_", identityv1.MandateKind_value); err != nil {
				return err
			}
			return a.fact(&r, func(s identityv1.AgeServiceClient) (blocks, error) {
				return s.RecordMandate(c.Context(), &identityv1.RecordMandateRequest{RequestId: r.id, SubjectRef: args[0], Mandate: m})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&kind, "kind", "", "who acts: parent, guardian, representative; needed")
	c.Flags().StringVar(&m.Evidence, "evidence", "", "reference of what shows it; needed")
	return c
}

func (a *app) mandateEnd() *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: "end SUBJECT", Short: "record that nobody acts for a person any more", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.fact(&r, func(s identityv1.AgeServiceClient) (blocks, error) {
				return s.EndMandate(c.Context(), &identityv1.EndMandateRequest{RequestId: r.id, SubjectRef: args[0]})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}
