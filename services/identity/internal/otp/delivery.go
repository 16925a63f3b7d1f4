package otp

import (
	"context"
	"errors"
	"fmt"

	"habeas.internal/services/identity/internal/mail"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/rpc/limit"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/smssend"
)

// Delivery sends codes: it is a process on the verifications' own events.
// First it is recorded to which identifier the code goes, then the mail is
// sent, then that it was. A crash in between sends the same mail again.
type Delivery struct {
	Desk     *Desk
	Registry *registry.Registry
	Mail     *mail.Sender    // nil: no mail service
	Texts    *smssend.Sender // nil: no gateway of text messages
	Limiter  Limiter
	Page     Page
	// Tenant describes a tenant: what it calls itself and where it is reached, for
	// the message, and how long it wants a channel to be known.
	Tenant func(ctx context.Context, id string) (tenant.Tenant, error)
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
	if d.Mail == nil && d.Texts == nil {
		return d.record(ctx, r, "withhold", verification.Withhold{Reason: verification.ReasonNoMail})
	}
	to, err := d.channel(ctx, r.Aggregate.Tenant, s.Subject)
	if err != nil {
		return s, err
	}
	if to.why != "" {
		return d.record(ctx, r, "withhold", verification.Withhold{Reason: to.why})
	}
	switch err := d.Limiter.Allow(ctx, r.Aggregate.Tenant, Sendings(s.Subject)...); {
	case errors.As(err, new(*limit.ExceededError)):
		return d.record(ctx, r, "withhold", verification.Withhold{Reason: verification.ReasonTooMany})
	case err != nil:
		return s, fmt.Errorf("count codes: %w", err) // nobody knows how many: it is tried again
	}
	return d.record(ctx, r, "dispatch", verification.Send{
		Identifier: to.number, Settled: to.settled, Telephone: to.telephone, At: d.Desk.Now(),
	})
}

func (d Delivery) send(ctx context.Context, r es.Recorded, s verification.Verification) error {
	if s.PhaseAt(d.Desk.Now()) != verification.Open {
		_, err := d.record(ctx, r, "withhold", verification.Withhold{Reason: verification.ReasonTooLate})
		return err
	}
	if s.Telephone {
		return d.text(ctx, r, s)
	}
	return d.mail(ctx, r, s)
}

func (d Delivery) mail(ctx context.Context, r es.Recorded, s verification.Verification) error {
	to, err := d.letter(ctx, r.Aggregate, s)
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
		link = fmt.Sprintf(linkText, link)
	}
	err = d.Mail.Send(ctx, mail.Message{
		To: to.address, Subject: "Your code for " + to.name, Text: fmt.Sprintf(mailText, to.name, to.code, to.until, link, to.contact),
	})
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

const mailText = `Somebody, perhaps you, has asked %s about personal data in your name.

To confirm that it was you, give this code: %s

It can be used once, until %s.
If it was not you, do nothing: without the code nothing happens.
%s
%s
`

// linkText follows the code. Opening the page confirms nothing yet.
const linkText = `
Or open this page and confirm there:
%s
`

// letter is what a message with a code says, and to whom.
type letter struct{ address, code, name, until, contact string }

func (d Delivery) letter(ctx context.Context, agg es.Aggregate, s verification.Verification) (letter, error) {
	who, err := d.Registry.Load(ctx, agg.Tenant, s.Subject)
	if err != nil {
		return letter{}, fmt.Errorf("load subject: %w", err)
	}
	identifier, held := who.Find(s.Channel)
	if !held {
		return letter{}, errGone
	}
	address, err := d.Registry.Open(ctx, purposeVerify, agg.Tenant, s.Subject, identifier)
	if errors.Is(err, seal.ErrErased) {
		return letter{}, errGone
	}
	if err != nil {
		return letter{}, fmt.Errorf("open address: %w", err)
	}
	code, err := eventpb.Open(ctx, d.Desk.Opener, purposeVerify, agg, s.Code)
	if errors.Is(err, seal.ErrErased) {
		return letter{}, errGone
	}
	if err != nil {
		return letter{}, fmt.Errorf("open code: %w", err)
	}
	t, err := d.Tenant(ctx, agg.Tenant)
	if err != nil {
		return letter{}, fmt.Errorf("read tenant: %w", err)
	}
	out := letter{
		address: address.Text, code: code, name: t.DisplayName, until: s.ExpiresAt.UTC().Format("15:04 MST on 2 January 2006"),
		contact: "If you have a question, answer this message.",
	}
	if t.Contact != "" {
		out.contact = "If you have a question, you reach " + t.DisplayName + " here: " + t.Contact
	}
	return out, nil
}
