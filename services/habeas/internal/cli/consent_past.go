package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/es/keyfile"
	"habeas.internal/services/internal/receipt"
	"habeas.internal/services/internal/wholefile"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) consentState() *cobra.Command {
	var policy, moment string
	c := &cobra.Command{
		Use: "state SUBJECT", Short: "show what a person had agreed to at a moment", Args: cobra.ExactArgs(1),
		Long: `State shows each purpose as it was known at the moment, and as it was by what has been recorded since: a withdrawal
may be recorded later than it was said. It names who was given data in between.`,
		RunE: func(c *cobra.Command, args []string) error {
			at, err := parseMoment("--at", moment)
			if err != nil {
				return err
			}
			return a.consents(func(conn *grpc.ClientConn) error {
				resp, err := consentv1.NewConsentServiceClient(conn).GetConsentState(c.Context(),
					&consentv1.GetConsentStateRequest{SubjectRef: args[0], Policy: policy, At: at})
				if err != nil {
					return err
				}
				tables := [][]string{stateRows(resp)}
				if late := lateRows(resp); late != nil {
					tables = append(tables, late)
				}
				return a.show(resp, tables...)
			})
		},
	}
	c.Flags().StringVar(&policy, "policy", "", "the policy; all under which something was decided if empty")
	c.Flags().StringVar(&moment, "at", "", "the moment, RFC 3339; now if empty")
	return c
}

func stateRows(r *consentv1.GetConsentStateResponse) []string {
	rows := []string{"POLICY\tVERSION\tABOUT\tKNOWN THEN\tAS IT WAS\tACTED\tNOTICE"}
	for _, p := range r.GetPolicies() {
		for _, s := range p.GetStates() {
			rows = append(rows, cells(p.GetPolicy(), p.GetVersion(), s.GetPurpose()+s.GetCategory(), inWords(s.GetKnown()), inWords(s.GetWas()),
				day(s.GetWas().GetDecidedAt()), dash(s.GetWas().GetCircumstances().GetNotice())))
		}
	}
	return rows
}

func inWords(s *consentv1.StatusThen) string {
	return dash(strings.TrimSuffix(short(s.GetDecision().String(), "DECISION_"), "unspecified"))
}

func lateRows(r *consentv1.GetConsentStateResponse) []string {
	if len(r.GetLate()) == 0 {
		return nil
	}
	rows := []string{"SAID\tRECORDED\tPOLICY\tPURPOSE\tDISCLOSED MEANWHILE TO\tNUMBERS"}
	for _, w := range r.GetLate() {
		line := func(who, numbers string) {
			rows = append(rows, cells(day(w.GetDecidedAt()), day(w.GetRecordedAt()), w.GetPolicy(), w.GetPurpose(), who, numbers))
		}
		for _, to := range w.GetRecipients() {
			var numbers []string
			for _, d := range to.GetDisclosures() {
				numbers = append(numbers, fmt.Sprint(d.GetNumber()))
			}
			line(to.GetRecipient(), strings.Join(numbers, ","))
		}
		if len(w.GetRecipients()) == 0 {
			line("nobody", "-")
		}
	}
	return rows
}

func (a *app) consentReceipt() *cobra.Command {
	var policy string
	c := &cobra.Command{
		Use: "receipt SUBJECT", Short: "write a signed receipt of a person's consent under a policy", Args: cobra.ExactArgs(1),
		Long: `Receipt writes the record of a person's consent in the fields of ISO/IEC TS 27560, as JSON, signed by the service. It
names the person by their reference alone. "receipt verify" checks one without asking anybody.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.consents(func(conn *grpc.ClientConn) error {
				resp, err := consentv1.NewConsentServiceClient(conn).GetConsentReceipt(c.Context(),
					&consentv1.GetConsentReceiptRequest{SubjectRef: args[0], Policy: policy})
				if err != nil {
					return err
				}
				_, err = a.Out.Write(resp.GetReceipt())
				return err
			})
		},
	}
	c.Flags().StringVar(&policy, "policy", "", "the policy")
	c.AddCommand(a.receiptVerify())
	return c
}

// consentName is the service whose key signs receipts.
const consentName = "consent"

func (a *app) receiptVerify() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "verify FILE", Short: "check a receipt, without asking anybody", Args: cobra.ExactArgs(1),
		Long: `Verify checks that a receipt is what the service has signed. The service's public key has to come from somewhere that
you trust, and not from the receipt: --key, or consent.pub in a folder of keys. The exit code is 4 when it is not what was signed.`,
		RunE: func(_ *cobra.Command, args []string) error {
			if key == "" && a.set.Keys != "" {
				key = filepath.Join(a.set.Keys, consentName+keyfile.Public)
			}
			if key == "" {
				return usageError{errors.New("the service's public key is needed: --key, or a folder of keys")}
			}
			trusted, err := publicKey(key)
			if err != nil {
				return err
			}
			file, err := wholefile.Read(args[0], wholefile.Usual)
			if err != nil {
				return usageError{err}
			}
			r, _, err := receipt.Verify(file, trusted)
			if err != nil {
				return codedError{fmt.Errorf("%s: %w", args[0], err), ExitRefused}
			}
			return printTables(a.Out, [][]string{{
				"receipt " + r.ID, "of " + r.Record.Principal + ", issued " + r.IssuedAt.Format(time.RFC3339),
			}, receiptRows(r)})
		},
	}
	c.Flags().StringVar(&key, "key", "", "the service's public key, base64, or its file")
	return c
}

func receiptRows(r receipt.Receipt) []string {
	rows := []string{"ACTED\tPOLICY VERSION\tABOUT\tSTATUS\tUNTIL"}
	for _, e := range r.Record.Events {
		rows = append(rows, cells(e.Time.Format("2006-01-02 15:04"), e.Version, e.Purpose+e.Category, e.State, e.Validity))
	}
	return rows
}

func (a *app) consentParity() *cobra.Command {
	var policy string
	c := &cobra.Command{
		Use: "parity", Short: "show what giving and withdrawing consent took, by notice and channel", Args: cobra.NoArgs,
		Long: `Parity shows the medians of the steps and seconds that acts took, as they were recorded with them, and marks where
withdrawing is harder than giving.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.consents(func(conn *grpc.ClientConn) error {
				resp, err := consentv1.NewConsentServiceClient(conn).GetWithdrawalParity(c.Context(), &consentv1.GetWithdrawalParityRequest{Policy: policy})
				if err != nil {
					return err
				}
				return a.show(resp, parityRows(resp))
			})
		},
	}
	c.Flags().StringVar(&policy, "policy", "", "the policy")
	return c
}

func parityRows(r *consentv1.GetWithdrawalParityResponse) []string {
	median := func(n *float64) string {
		if n == nil {
			return "-"
		}
		return strconv.FormatFloat(*n, 'f', -1, 64)
	}
	rows := []string{"NOTICE\tCHANNEL\tGIVING\tSTEPS\tSECONDS\tWITHDRAWING\tSTEPS\tSECONDS\tHARDER"}
	for _, p := range r.GetRows() {
		g, w := p.GetGiving(), p.GetWithdrawing()
		rows = append(rows, cells(dash(p.GetNotice()), dash(p.GetChannel()), g.GetActs(), median(g.Steps), median(g.Seconds),
			w.GetActs(), median(w.Steps), median(w.Seconds), verdict(p)))
	}
	return rows
}

func verdict(p *consentv1.ParityRow) string {
	switch {
	case p.GetHarderToWithdraw():
		return "yes"
	case p.GetWithdrawalUnknown():
		return "not known"
	}
	return "no"
}
