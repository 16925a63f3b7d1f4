package cli

import (
	"errors"
	"fmt"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/wholefile"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/metadata"
)

// staffCheck is what `habeas request verify --staff-check` says.
type staffCheck struct {
	on                              bool
	method, result, doubt, evidence string
	points                          []string
	declared                        bool
	purpose                         string
}

func (s *staffCheck) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&s.on, "staff-check", false, "record that you have checked the person; no code is handed in")
	f.StringVar(&s.method, "method", "", "how: in-person, video-call, call-back, known-points, document-copy")
	f.StringVar(&s.result, "result", "confirmed", "what you found: begun, confirmed, not-confirmed")
	f.StringSliceVar(&s.points, "points", nil, "what was compared and agreed: name, address, birth-date, email, phone, account, dealing, signature")
	f.BoolVar(&s.declared, "declared", false, "the person has declared that they are who they say")
	f.StringVar(&s.doubt, "doubt", "", "the reasonable doubt for which a copy of a document was asked, a code")
	f.StringVar(&s.evidence, "evidence", "", "file with what shows it, 1 MiB at most; it is sealed, and destroyed after 30 days")
	f.StringVar(&s.purpose, "purpose", "identity-check", "why you need to see it; recorded")
}

// errEvidence says that a file is no evidence.
var errEvidence = errors.New("--evidence: the file holds more than 1 MiB")

// mostEvidence is what the contract allows.
const mostEvidence = 1 << 20

// said is the check as the contract has it.
func (s *staffCheck) said() (*identityv1.Check, error) {
	c := &identityv1.Check{Declared: s.declared, Doubt: s.doubt}
	var err error
	if c.Result, err = enum[identityv1.CheckResult]("--result", s.result, "CHECK_RESULT_", identityv1.CheckResult_value); err != nil {
		return nil, err
	}
	if s.method != "" {
		if c.Method, err = enum[identityv1.CheckMethod]("--method", s.method, "CHECK_METHOD_", identityv1.CheckMethod_value); err != nil {
			return nil, err
		}
	}
	for _, p := range s.points {
		point, err := enum[identityv1.CheckPoint]("--points", p, "CHECK_POINT_", identityv1.CheckPoint_value)
		if err != nil {
			return nil, err
		}
		c.Points = append(c.Points, point)
	}
	if s.evidence == "" {
		return c, nil
	}
	c.Evidence, err = wholefile.Read(s.evidence, mostEvidence)
	if errors.Is(err, wholefile.ErrTooLarge) {
		return nil, usageError{errEvidence}
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("--evidence: %w", err)}
	}
	return c, nil
}

// checkPerson records a check by staff. It exits with 4 unless the person is
// confirmed, or the check has only begun.
func (a *app) checkPerson(c *cobra.Command, r *repeat, s *staffCheck, request string) error {
	check, err := s.said()
	if err != nil {
		return err
	}
	ctx := metadata.AppendToOutgoingContext(c.Context(), "habeas-purpose", s.purpose, "habeas-case", request)
	return a.requests(func(client fulfilmentv1.RequestServiceClient) error {
		resp, err := client.CheckPerson(ctx, &fulfilmentv1.CheckPersonRequest{RequestId: r.id, Request: request, Check: check})
		if err != nil {
			return r.failed(err, false)
		}
		state := short(resp.GetState().String(), "VERIFICATION_STATE_")
		err = a.show(resp, []string{
			"STATE\tLEVEL\tNEEDED\tREASON\tEVIDENCE UNTIL",
			cells(state, resp.GetAssuranceLevel(), resp.GetNeededLevel(), dash(resp.GetReason()), day(resp.GetEvidenceEndsAt())),
		})
		if err == nil && state != "passed" && check.GetResult() != identityv1.CheckResult_CHECK_RESULT_BEGUN {
			err = codedError{errAlreadySaid, ExitRefused}
		}
		return err
	})
}
