package rpc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/identity/internal/ages"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/personal"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"

	"google.golang.org/protobuf/proto"
)

// Ages implements AgeService.
type Ages struct {
	identityv1.UnimplementedAgeServiceServer
	Desk     ages.Desk
	Registry *registry.Registry
	Now      func() time.Time
}

// asks is what every request about a person's age has.
type asks interface {
	proto.Message
	GetRequestId() string
	GetSubjectRef() string
}

// record runs a command and returns the policies that do not serve the person.
func (s *Ages) record(ctx context.Context, r asks, data func(at time.Time) subject.Command) (blocked []string, did done, err error) {
	cmd, err := command[subject.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, done{}, err
	}
	cmd.Data = data(cmd.At)
	who, res, err := s.Desk.Record(ctx, tenantOf(ctx), r.GetSubjectRef(), cmd)
	if err != nil {
		return nil, done{}, err
	}
	for policy := range who.Blocks {
		blocked = append(blocked, policy)
	}
	slices.Sort(blocked)
	return blocked, done{token: res.Token().Encode(), changed: len(res.Events) > 0}, nil
}

// errNotVerifier refuses a document that was shown to somebody who cannot tell
// whether it is one.
var errNotVerifier = errors.New("a document is seen by a verifier")

// word is the code of an enumeration's value.
func word(name, prefix string) string { return strings.ToLower(strings.TrimPrefix(name, prefix)) }

// RecordAge records how old somebody is.
func (s *Ages) RecordAge(ctx context.Context, r *identityv1.RecordAgeRequest) (*identityv1.RecordAgeResponse, error) {
	source := subject.AgeSource(word(r.GetSource().String(), "AGE_SOURCE_"))
	if (source == subject.AgeAlleged) != (r.GetBirthDate() == "") {
		return nil, fault.FieldErrors{{Field: "birth_date", Rule: "OF_SOURCE", Text: "comes with everything but an allegation"}}
	}
	if source == subject.AgeDocumented && !kit.PrincipalFrom(ctx).Roles.Has(optionsv1.Role_ROLE_VERIFIER) {
		return nil, errNotVerifier
	}
	if source != subject.AgeAlleged {
		day, err := s.Desk.Today(ctx, tenantOf(ctx))
		if err != nil {
			return nil, err
		}
		if _, err := ages.Born(r.GetBirthDate(), day); err != nil {
			return nil, err
		}
	}
	blocked, did, err := s.record(ctx, r, func(at time.Time) subject.Command {
		return subject.StateAge{Age: subject.Age{Source: source, Birth: personal.Clear(r.GetBirthDate())}, Evidence: r.GetEvidence(), At: at}
	})
	return &identityv1.RecordAgeResponse{Blocked: blocked, ConsistencyToken: did.token}, err
}

func mandateOf(m *identityv1.Mandate) subject.Shown {
	if m == nil {
		return subject.Shown{}
	}
	return subject.Shown{How: word(m.GetKind().String(), "MANDATE_KIND_"), Evidence: m.GetEvidence()}
}

func parental(c *identityv1.ParentalConsent) subject.Shown {
	if c == nil {
		return subject.Shown{}
	}
	return subject.Shown{How: word(c.GetMethod().String(), "CONSENT_METHOD_"), Evidence: c.GetEvidence()}
}

// RecordMandate records that somebody may act for a person.
func (s *Ages) RecordMandate(ctx context.Context, r *identityv1.RecordMandateRequest) (*identityv1.RecordMandateResponse, error) {
	blocked, did, err := s.record(ctx, r, func(at time.Time) subject.Command {
		return subject.GiveMandate{Mandate: mandateOf(r.GetMandate()), At: at}
	})
	return &identityv1.RecordMandateResponse{Blocked: blocked, ConsistencyToken: did.token}, err
}

// EndMandate records that nobody may any more.
func (s *Ages) EndMandate(ctx context.Context, r *identityv1.EndMandateRequest) (*identityv1.EndMandateResponse, error) {
	blocked, did, err := s.record(ctx, r, func(at time.Time) subject.Command { return subject.EndMandate{At: at} })
	return &identityv1.EndMandateResponse{Blocked: blocked, ConsistencyToken: did.token, Ended: did.changed}, err
}

// RecordParentalConsent records that a parent agrees.
func (s *Ages) RecordParentalConsent(ctx context.Context, r *identityv1.RecordParentalConsentRequest) (*identityv1.RecordParentalConsentResponse, error) {
	blocked, did, err := s.record(ctx, r, func(at time.Time) subject.Command {
		return subject.AgreeAsParent{Consent: parental(r.GetConsent()), At: at}
	})
	return &identityv1.RecordParentalConsentResponse{Blocked: blocked, ConsistencyToken: did.token}, err
}

// WithdrawParentalConsent records that a parent agrees no more.
func (s *Ages) WithdrawParentalConsent(ctx context.Context, r *identityv1.WithdrawParentalConsentRequest) (*identityv1.WithdrawParentalConsentResponse, error) {
	blocked, did, err := s.record(ctx, r, func(at time.Time) subject.Command { return subject.WithdrawAsParent{At: at} })
	return &identityv1.WithdrawParentalConsentResponse{Blocked: blocked, ConsistencyToken: did.token, Ended: did.changed}, err
}

// GetAgeStatus returns the facts that stand.
func (s *Ages) GetAgeStatus(ctx context.Context, r *identityv1.GetAgeStatusRequest) (*identityv1.GetAgeStatusResponse, error) {
	who, err := s.Registry.Load(ctx, tenantOf(ctx), r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	out := &identityv1.GetAgeStatusResponse{
		Source: identityv1.AgeSource(identityv1.AgeSource_value["AGE_SOURCE_"+strings.ToUpper(string(who.Age.Source))]),
	}
	if m := who.Mandate; m.Stands() {
		out.Mandate = &identityv1.Mandate{Kind: identityv1.MandateKind(identityv1.MandateKind_value["MANDATE_KIND_"+strings.ToUpper(m.How)]), Evidence: m.Evidence}
	}
	if c := who.Parental; c.Stands() {
		method := identityv1.ConsentMethod(identityv1.ConsentMethod_value["CONSENT_METHOD_"+strings.ToUpper(c.How)])
		out.Consent = &identityv1.ParentalConsent{Method: method, Evidence: c.Evidence}
	}
	rules, err := s.Desk.Rules(ctx, tenantOf(ctx))
	if err != nil {
		rules = nil // what would lift a block is not known now; that it stands is
	}
	for policy, b := range who.Blocks {
		m := &identityv1.Block{Policy: policy, Since: stamp(b.Since), Request: b.Request}
		if r, known := rules[policy]; known {
			m.LiftedBy, m.MinimumAge = who.Lifts(r), uint32(max(r.Minimum, 0)) //nolint:gosec // an age in years
		}
		out.Blocks = append(out.Blocks, m)
	}
	slices.SortFunc(out.Blocks, func(a, b *identityv1.Block) int { return strings.Compare(a.GetPolicy(), b.GetPolicy()) })
	return out, nil
}
