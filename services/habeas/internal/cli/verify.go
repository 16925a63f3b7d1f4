package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"github.com/spf13/cobra"
)

func (a *app) requestVerify() *cobra.Command {
	var r repeat
	var tokenFile string
	var again bool
	var staff staffCheck
	c := &cobra.Command{
		Use: "verify REQUEST [CODE]", Short: "hand in what proves who asks", Args: cobra.RangeArgs(1, 2),
		Long: "Verify hands in the code that the person was sent (- reads it from standard input) or, with --id-token-file, an ID token of the tenant's\n" +
			"identity provider; with --staff-check it records how you have checked the person yourself. It exits with 0\n" +
			"when the proof was right or the person is confirmed, and with 4 when not. Where what was\n" +
			"proven is not enough, --again asks for a better proof, with another code.",
		RunE: func(c *cobra.Command, args []string) error {
			if staff.on {
				if len(args) == 2 || tokenFile != "" || again {
					return usageError{errors.New("--staff-check goes without a code, --id-token-file and --again")}
				}
				r.fill()
				return a.checkPerson(c, &r, &staff, args[0])
			}
			req := &fulfilmentv1.VerifyRequestRequest{Request: args[0]}
			if again && (len(args) == 2 || tokenFile != "") || !again && (len(args) == 2) == (tokenFile != "") {
				return usageError{errors.New("one of a code, --id-token-file and --again is needed")}
			}
			if again {
				return a.renew(c.Context(), &r, args[0])
			}
			if err := a.proof(req, args, tokenFile); err != nil {
				return err
			}
			r.fill()
			req.RequestId = r.id
			return a.requests(func(s fulfilmentv1.RequestServiceClient) error {
				resp, err := s.VerifyRequest(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.verified(resp)
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().BoolVar(&again, "again", false, "ask for a better proof, because what was proven is not enough")
	staff.flags(c)
	c.Flags().StringVar(&tokenFile, "id-token-file", "", "file with an ID token of the tenant's identity provider; - is standard input")
	return c
}

// proof fills in the code, or the token of a file.
func (a *app) proof(req *fulfilmentv1.VerifyRequestRequest, args []string, tokenFile string) (err error) {
	if tokenFile == "" {
		req.Code, err = a.typed(args[1])
		return err
	}
	req.IdToken, err = a.readToken(tokenFile)
	return err
}

// renew asks for a better proof.
func (a *app) renew(ctx context.Context, r *repeat, request string) error {
	r.fill()
	return a.requests(func(s fulfilmentv1.RequestServiceClient) error {
		resp, err := s.RenewVerification(ctx, &fulfilmentv1.RenewVerificationRequest{RequestId: r.id, Request: request})
		if err != nil {
			return r.failed(err, false)
		}
		return a.show(resp, []string{fmt.Sprintf("a better proof of request %s is asked for, if what was proven is not enough; explain says which would do", request)})
	})
}

// verified shows what became of a proof.
func (a *app) verified(resp *fulfilmentv1.VerifyRequestResponse) error {
	state := short(resp.GetState().String(), "VERIFICATION_STATE_")
	left := "-" // there is nothing to try any more
	if resp.GetState() == identityv1.VerificationState_VERIFICATION_STATE_OPEN {
		left = fmt.Sprint(resp.GetAttemptsLeft())
	}
	err := a.show(resp, []string{"STATE\tATTEMPTS LEFT\tLEVEL\tNEEDED\tREASON\tWOULD DO", cells(state, left,
		level(resp.GetAssuranceLevel()), level(resp.GetNeededLevel()), dash(resp.GetReason()), dash(strings.Join(resp.GetSuffices(), ", ")))})
	if err == nil && state != "passed" {
		err = codedError{errAlreadySaid, ExitRefused}
	}
	return err
}

// level is a level of assurance, or a dash.
func level(n uint32) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// mostToken is more than an ID token may have.
const mostToken = 64 << 10

// readToken reads a token from a file, without what an editor leaves at its end.
func (a *app) readToken(name string) (string, error) {
	in, _, closing, err := a.readFrom(name)
	if err != nil {
		return "", err
	}
	defer closing()
	text, err := io.ReadAll(io.LimitReader(in, mostToken+1))
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(text) > mostToken {
		return "", usageError{errors.New("--id-token-file holds no token")}
	}
	return token, nil
}

func (a *app) requestExplain() *cobra.Command {
	return &cobra.Command{
		Use: "explain REQUEST", Short: "say who must act next, on what, since when; and how it came to this", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.requests(func(s fulfilmentv1.RequestServiceClient) error {
				e, err := s.ExplainRequest(c.Context(), &fulfilmentv1.ExplainRequestRequest{Request: args[0]})
				if err != nil {
					return err
				}
				q := e.GetRequest()
				next := []string{
					"REQUEST\tSTATE\tNEXT\tAWAITED\tSYSTEM\tREASON\tSINCE\tOVERDUE\tNEXT TRY",
					cells(q.GetRequest(), requestState(q.GetState()), dash(e.GetNextActor()+named(e.GetOwner()+e.GetController())), dash(e.GetAwaited()), dash(e.GetSystem()),
						dash(e.GetReason()+named(e.GetCategory())), day(e.GetSince()), day(e.GetOverdueAt()), day(e.GetNextTryAt())),
				}
				if b := e.GetBehind(); b != nil {
					next = append(next, cells(b.GetRequest(), "goes first", dash(b.GetNextActor()+named(b.GetOwner())), dash(b.GetAwaited()), dash(b.GetSystem()),
						dash(b.GetReason()+named(b.GetCategory())), day(b.GetSince()), day(b.GetOverdueAt()), day(b.GetNextTryAt())))
				}
				return a.show(e, append([][]string{next}, append(assurance(e), history(e), traces(e))...)...)
			})
		},
	}
}

// assurance is a table of how well it has to be proven who asks, and how it can be.
func assurance(e *fulfilmentv1.ExplainRequestResponse) [][]string {
	if e.GetNeededLevel() == 0 {
		return nil
	}
	tables := [][]string{{
		"LEVEL NEEDED\tREACHED\tWOULD DO",
		cells(level(e.GetNeededLevel()), level(e.GetAssuranceLevel()), dash(strings.Join(e.GetSuffices(), ", "))),
	}}
	if in := e.GetSignIn(); in != nil {
		tables = append(tables, []string{
			"SIGN IN AT\tCLIENT\tNONCE\tUNTIL", cells(in.GetIssuer(), in.GetClientId(), in.GetNonce(), day(in.GetExpiresAt())),
		})
	}
	if len(e.GetTold()) > 0 {
		rows := []string{"CHANNEL\tTOLD\tHELD UNTIL"}
		for _, t := range e.GetTold() {
			rows = append(rows, cells(t.GetKind(), t.GetState(), day(e.GetHeldUntil())))
		}
		tables = append(tables, rows)
	}
	return tables
}
