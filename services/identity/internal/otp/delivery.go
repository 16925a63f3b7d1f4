package otp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"habeas.internal/services/identity/internal/mail"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/rpc/limit"
	"habeas.internal/services/internal/seal"
)

// Delivery sends codes: it is a process on the verifications' own events.
// First it is recorded to which identifier the code goes, then the mail is
// sent, then that it was. A crash in between sends the same mail again.
type Delivery struct {
	Desk     *Desk
	Registry *registry.Registry
	Mail     *mail.Sender // nil: no mail service, and every code is withheld
	Limiter  Limiter
	Page     Page
	// ChannelAge is how long a tenant wants a channel to be known before a proof
	// by it is enough for what can't be undone.
	ChannelAge func(ctx context.Context, tenant string) (time.Duration, error)
	// Name is what a tenant calls itself, for the mail's text.
	Name func(ctx context.Context, tenant string) (string, error)
}

// React takes a verification's code one step further. It is part of a process
// on the log; commits of other aggregates are passed over.
func (d Delivery) React(ctx context.Context, r es.Recorded) error {
	if r.Aggregate.Type != verification.AggregateType {
		return nil
	}
	s, _, err := d.Desk.Verifications.Load(ctx, r.Aggregate, es.Leader)
	if err != nil {
		return fmt.Errorf("load verification: %w", err)
	}
	if s.Dispatch == verification.Waiting {
		if s, err = d.dispatch(ctx, r, s); err != nil {
			return err
		}
	}
	if s.Dispatch != verification.UnderWay {
		return nil
	}
	return d.send(ctx, r, s)
}

// record appends a step of the code's way.
func (d Delivery) record(ctx context.Context, r es.Recorded, step string, data verification.Command) (verification.Verification, error) {
	res, err := d.Desk.Verifications.Handle(ctx, r.Aggregate, Command{
		ID: es.StepID(r.Aggregate, step, 1), At: d.Desk.Now(), Data: data,
		Meta: es.Meta{Correlation: r.Meta.Correlation, Causation: es.EventID(r.ID, 0)},
	})
	if err != nil {
		return res.State, fmt.Errorf("record %s: %w", step, err)
	}
	return res.State, nil
}

// dispatch decides where the code goes, if anywhere.
func (d Delivery) dispatch(ctx context.Context, r es.Recorded, s verification.Verification) (verification.Verification, error) {
	if d.Mail == nil {
		return d.record(ctx, r, "withhold", verification.Withhold{Reason: verification.ReasonNoMail})
	}
	number, settled, err := d.channel(ctx, r.Aggregate.Tenant, s.Subject)
	if err != nil {
		return s, err
	}
	if number == 0 {
		return d.record(ctx, r, "withhold", verification.Withhold{Reason: verification.ReasonNoChannel})
	}
	switch err := d.Limiter.Allow(ctx, r.Aggregate.Tenant, Sendings(s.Subject)...); {
	case errors.As(err, new(*limit.ExceededError)):
		return d.record(ctx, r, "withhold", verification.Withhold{Reason: verification.ReasonTooMany})
	case err != nil:
		return s, fmt.Errorf("count codes: %w", err) // nobody knows how many: it is tried again
	}
	return d.record(ctx, r, "dispatch", verification.Send{Identifier: number, Settled: settled, At: d.Desk.Now()})
}

// kindEmail is the kind of identifier that a code can be sent to.
const kindEmail = "email"

// channel is the subject's first e-mail address, by its number, and whether they
// have held it for long; zero if there is none.
func (d Delivery) channel(ctx context.Context, tenant, ref string) (number uint32, settled bool, err error) {
	if ref == "" {
		return 0, false, nil
	}
	age, err := d.ChannelAge(ctx, tenant)
	if err != nil {
		return 0, false, fmt.Errorf("read safeguards: %w", err)
	}
	s, err := d.Registry.Load(ctx, tenant, ref)
	if errors.Is(err, subject.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("load subject: %w", err)
	}
	for _, i := range s.Held {
		if i.Kind == kindEmail {
			return i.Number, s.Settled(i.Number, age, d.Desk.Now()), nil
		}
	}
	return 0, false, nil
}

func (d Delivery) send(ctx context.Context, r es.Recorded, s verification.Verification) error {
	if s.PhaseAt(d.Desk.Now()) != verification.Open {
		_, err := d.record(ctx, r, "withhold", verification.Withhold{Reason: verification.ReasonTooLate})
		return err
	}
	message, err := d.message(ctx, r.Aggregate, s)
	if errors.Is(err, errGone) {
		_, err = d.record(ctx, r, "withhold", verification.Withhold{Reason: verification.ReasonNoChannel})
		return err
	}
	if err != nil {
		return err
	}
	link, err := d.issue(ctx, r, s)
	if err != nil {
		return err
	}
	if link != "" {
		message.Text += fmt.Sprintf(linkText, link)
	}
	err = d.Mail.Send(ctx, message)
	if errors.Is(err, mail.ErrRefused) {
		_, err = d.record(ctx, r, "withhold", verification.Withhold{Reason: verification.ReasonUndelivered})
		return err
	}
	if err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	_, err = d.record(ctx, r, "deliver", verification.Deliver{})
	return err
}

// errGone says that the address or the code was erased meanwhile.
var errGone = errors.New("nothing is left to send")

const text = `Somebody, perhaps you, has asked %s about personal data in your name.

To confirm that it was you, give this code: %s

It can be used once, until %s.
If it was not you, do nothing: without the code nothing happens.
`

// linkText follows the code. Opening the page confirms nothing yet.
const linkText = `
Or open this page and confirm there:
%s
`

func (d Delivery) message(ctx context.Context, agg es.Aggregate, s verification.Verification) (mail.Message, error) {
	who, err := d.Registry.Load(ctx, agg.Tenant, s.Subject)
	if err != nil {
		return mail.Message{}, fmt.Errorf("load subject: %w", err)
	}
	identifier, held := who.Find(s.Channel)
	if !held {
		return mail.Message{}, errGone
	}
	address, err := d.Registry.Open(ctx, purposeVerify, agg.Tenant, s.Subject, identifier)
	if errors.Is(err, seal.ErrErased) {
		return mail.Message{}, errGone
	}
	if err != nil {
		return mail.Message{}, fmt.Errorf("open address: %w", err)
	}
	code, err := eventpb.Open(ctx, d.Desk.Opener, purposeVerify, agg, s.Code)
	if errors.Is(err, seal.ErrErased) {
		return mail.Message{}, errGone
	}
	if err != nil {
		return mail.Message{}, fmt.Errorf("open code: %w", err)
	}
	name, err := d.Name(ctx, agg.Tenant)
	if err != nil {
		return mail.Message{}, err
	}
	return mail.Message{
		To: address.Text, Subject: "Your code for " + name,
		Text: fmt.Sprintf(text, name, code, s.ExpiresAt.UTC().Format("15:04 MST on 2 January 2006")),
	}, nil
}
