package rpc

import (
	"context"
	"errors"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/check"
	"habeas.internal/services/consent/internal/compile"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/recipient"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"

	"google.golang.org/protobuf/proto"
)

// RecipientServer implements RecipientService.
type RecipientServer struct {
	consentv1.UnimplementedRecipientServiceServer
	log *log
}

// do runs a command on a recipient.
func (s *RecipientServer) do(ctx context.Context, id, request string, body proto.Message, data func(at time.Time) recipient.Command) (es.Result[recipient.Recipient, recipient.Event], error) {
	now := s.log.Now()
	cmd, err := command(request, body, now, data(now))
	if err != nil {
		return es.Result[recipient.Recipient, recipient.Event]{}, err
	}
	res, err := s.log.recipients.Handle(ctx, recipientAggregate(ctx, id), cmd)
	switch {
	case errors.Is(err, recipient.ErrInFuture):
		return res, inFuture("confirmed_at")
	case errors.Is(err, recipient.ErrPeriod):
		return res, badPeriod("agreement.until")
	}
	return res, err
}

// PutRecipient says who a recipient is.
func (s *RecipientServer) PutRecipient(ctx context.Context, r *consentv1.PutRecipientRequest) (*consentv1.PutRecipientResponse, error) {
	p := r.GetProfile()
	res, err := s.do(ctx, r.GetRecipient(), r.GetRequestId(), r, func(at time.Time) recipient.Command {
		return recipient.Register{At: at, Profile: recipient.Profile{
			Kind: p.GetKind(), Title: p.GetTitle(), Contact: p.GetContact(), Region: p.GetRegion(), OwnUse: p.GetOwnUse(), Hosting: p.GetHosting(),
		}}
	})
	if err != nil {
		return nil, err
	}
	return &consentv1.PutRecipientResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// RecordAgreement records an agreement.
func (s *RecipientServer) RecordAgreement(ctx context.Context, r *consentv1.RecordAgreementRequest) (*consentv1.RecordAgreementResponse, error) {
	a := r.GetAgreement()
	res, err := s.do(ctx, r.GetRecipient(), r.GetRequestId(), r, func(at time.Time) recipient.Command {
		return recipient.Agree{At: at, Agreement: recipient.Agreement{
			Undertakings: a.GetUndertakings(), Categories: a.GetCategories(), Purposes: a.GetPurposes(),
			Consideration: wire.Consideration(a.GetConsideration()), Associate: a.GetBusinessAssociate(),
			From: eventpb.Moment(a.GetFrom()), Until: eventpb.Moment(a.GetUntil()), ConfirmedAt: eventpb.Moment(a.GetConfirmedAt()),
			Mechanism: recipient.Mechanism{
				Kind: a.GetMechanism().GetKind(), Origins: a.GetMechanism().GetOrigins(), Until: eventpb.Moment(a.GetMechanism().GetUntil()),
			},
			Document: a.GetDocument(),
		}}
	})
	if err != nil {
		return nil, err
	}
	return &consentv1.RecordAgreementResponse{Number: res.State.Agreement.Number, ConsistencyToken: res.Token().Encode()}, nil
}

// ConfirmPractices records when a recipient's practices were seen.
func (s *RecipientServer) ConfirmPractices(ctx context.Context, r *consentv1.ConfirmPracticesRequest) (*consentv1.ConfirmPracticesResponse, error) {
	res, err := s.do(ctx, r.GetRecipient(), r.GetRequestId(), r, func(at time.Time) recipient.Command {
		return recipient.Confirm{ConfirmedAt: r.GetConfirmedAt().AsTime(), At: at}
	})
	if err != nil {
		return nil, err
	}
	return &consentv1.ConfirmPracticesResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// EndAgreement ends the agreement.
func (s *RecipientServer) EndAgreement(ctx context.Context, r *consentv1.EndAgreementRequest) (*consentv1.EndAgreementResponse, error) {
	res, err := s.do(ctx, r.GetRecipient(), r.GetRequestId(), r, func(at time.Time) recipient.Command {
		return recipient.End{Reason: r.GetReason(), At: at}
	})
	if err != nil {
		return nil, err
	}
	return &consentv1.EndAgreementResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// RecordSuccession records who will be the controller.
func (s *RecipientServer) RecordSuccession(ctx context.Context, r *consentv1.RecordSuccessionRequest) (*consentv1.RecordSuccessionResponse, error) {
	res, err := s.do(ctx, r.GetRecipient(), r.GetRequestId(), r, func(at time.Time) recipient.Command {
		return recipient.Succeed{Succession: recipient.Succession{Event: r.GetEvent(), From: r.GetFrom().AsTime()}, At: at}
	})
	if err != nil {
		return nil, err
	}
	return &consentv1.RecordSuccessionResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// GetRecipient returns a recipient.
func (s *RecipientServer) GetRecipient(ctx context.Context, r *consentv1.GetRecipientRequest) (*consentv1.GetRecipientResponse, error) {
	agg := recipientAggregate(ctx, r.GetRecipient())
	if err := s.log.sameToken(ctx, agg); err != nil {
		return nil, err
	}
	read, _, err := s.log.recipientAt(ctx, agg, time.Time{})
	if err != nil {
		return nil, err
	}
	state := read.state
	if state.Profile.Kind == "" {
		return nil, recipient.ErrUnknown
	}
	p, a := state.Profile, state.Agreement
	out := &consentv1.GetRecipientResponse{
		Profile: &consentv1.RecipientProfile{
			Kind: p.Kind, Title: p.Title, Contact: p.Contact, Region: p.Region, OwnUse: p.OwnUse, Hosting: p.Hosting,
		},
		Succession: state.Succession.Event, SuccessionFrom: eventpb.Stamp(state.Succession.From),
	}
	if a.Number > 0 {
		out.Agreement = &consentv1.Agreement{
			Number: a.Number, Undertakings: a.Undertakings, Categories: a.Categories, Purposes: a.Purposes,
			Consideration: wire.Given(a.Consideration), BusinessAssociate: a.Associate, From: eventpb.Stamp(a.From),
			Until: eventpb.Stamp(a.Until), ConfirmedAt: eventpb.Stamp(a.ConfirmedAt), Document: a.Document,
		}
	}
	if m := a.Mechanism; m.Kind != "" {
		out.Agreement.Mechanism = &consentv1.TransferMechanism{Kind: m.Kind, Origins: m.Origins, Until: eventpb.Stamp(m.Until)}
	}
	return out, nil
}

// recipientAt is a recipient as it was known at a moment; zero: as it stands.
func (l *log) recipientAt(ctx context.Context, agg es.Aggregate, at time.Time) (out keptRecipient, token es.Token, err error) {
	token, err = l.proven(ctx, agg, func() (es.Head, error) {
		var err error
		out = keptRecipient{}
		out.head, err = es.Fold(ctx, l.Verifier, es.Head{}, l.Store.Load(ctx, agg, 0, es.Leader), func(r es.Recorded) error {
			if !at.IsZero() && r.Time.After(at) {
				return nil
			}
			events, err := l.recipients.Registry.DecodeAll(r.Commit)
			for _, ev := range events {
				out.state = recipient.Evolve(out.state, ev)
			}
			return err
		})
		return out.head, err
	})
	return out, token, err
}

// recipient is the one that a question names, if it names any. As it stands it
// is kept, as policies are, until the copy says that it has changed.
func (r *round) recipient(ctx context.Context, q *consentv1.Question, at time.Time) (recipient.Recipient, error) {
	if q.GetRecipient() == "" {
		return recipient.Recipient{}, nil
	}
	agg := recipientAggregate(ctx, q.GetRecipient())
	if err := r.log.sameHistory(agg, r.want); err != nil {
		return recipient.Recipient{}, err
	}
	if q.GetAt() == nil {
		at = time.Time{}
		k := r.log.knownRecipients.get(agg)
		if ok, err := r.unchanged(ctx, agg, k.head); ok || err != nil {
			return k.state, err
		}
	}
	read, token, err := r.log.recipientAt(ctx, agg, at)
	if err != nil {
		return recipient.Recipient{}, err
	}
	if r.seen = r.seen.Merge(token); q.GetAt() == nil {
		r.log.knownRecipients.put(agg, read)
	}
	return read.state, nil
}

// known is a recipient in the words of check.
func known(s recipient.Recipient) check.Recipient {
	a := s.Agreement
	return check.Recipient{
		Kind: s.Profile.Kind, Region: s.Profile.Region, OwnUse: s.Profile.OwnUse, Hosting: s.Profile.Hosting,
		Succession: s.Succession.From, Agreement: check.Agreement{
			From: a.From, Until: a.Until, Undertakings: compile.Set[string](a.Undertakings), Categories: compile.Set[string](a.Categories), Purposes: compile.Set[string](a.Purposes),
			Value:     a.Number > 0 && a.Consideration != recipient.Nothing,
			Confirmed: a.ConfirmedAt, Associate: a.Associate, Mechanism: compile.Set[string](a.Mechanism.Origins), MechanismKind: a.Mechanism.Kind, MechanismUntil: a.Mechanism.Until,
		},
	}
}
