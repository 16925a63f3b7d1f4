package carry

import (
	"context"
	"errors"
	"fmt"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/mail"
	"habeas.internal/services/fulfilment/internal/terms"
	"habeas.internal/services/fulfilment/notice"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/seal"
)

// Deliver sends a notice if it is due, and tells its request when it has ended.
// The attempt is recorded before it is made; one that was cut off is made again
// with the same Message-ID, so that a receiver can tell that it is the same.
func (c *Carrier) Deliver(ctx context.Context, agg es.Aggregate) error {
	ctx = client.WithTenant(ctx, agg.Tenant)
	n, _, err := c.cfg.Notices.Load(ctx, agg, es.Leader)
	if err != nil {
		return fmt.Errorf("load notice: %w", err)
	}
	if n.Due(c.cfg.Now()) {
		if n, err = c.attempt(ctx, agg, n); errors.Is(err, notice.ErrNotDue) {
			return nil // somebody else was faster
		} else if err != nil {
			return err
		}
	}
	switch {
	case n.Ended():
		return c.ended(ctx, agg, n)
	case n.Drafted:
		return c.cfg.Timers.SetTimer(ctx, jetstream.Timer{Aggregate: agg, Name: TimerNotice, At: n.DueAt()})
	}
	return nil
}

func (c *Carrier) attempt(ctx context.Context, agg es.Aggregate, n notice.Notice) (notice.Notice, error) {
	id, err := es.NewID(c.cfg.Random)
	if err != nil {
		return n, err
	}
	n, err = c.noted(ctx, agg, n, "attempt", notice.Attempt{MessageID: id, At: c.cfg.Now()})
	if err != nil {
		return n, err
	}
	reply, err := c.send(ctx, agg, n)
	var failure mail.Failure
	switch {
	case err == nil:
		return c.noted(ctx, agg, n, "sent", notice.NoteSent{Reply: reply.Code, At: c.cfg.Now()})
	case errors.As(err, &failure):
		return c.noted(ctx, agg, n, "failed", notice.NoteFailure{
			Reason: failure.Code, Reply: failure.Reply, Final: failure.Final, At: c.cfg.Now(),
		})
	case errors.Is(err, seal.ErrErased):
		return c.noted(ctx, agg, n, "failed", notice.NoteFailure{Reason: "ADDRESS_GONE", Final: true, At: c.cfg.Now()})
	case errors.Is(err, mail.ErrTemplate):
		return c.noted(ctx, agg, n, "failed", notice.NoteFailure{Reason: "TEMPLATE_UNKNOWN", Final: true, At: c.cfg.Now()})
	case ctx.Err() != nil || isLog(err):
		return n, err
	}
	return c.noted(ctx, agg, n, "failed", notice.NoteFailure{Reason: reasonOf(err), At: c.cfg.Now()})
}

func (c *Carrier) noted(ctx context.Context, agg es.Aggregate, n notice.Notice, step string, cmd notice.Command) (notice.Notice, error) {
	res, err := c.cfg.Notices.Handle(ctx, agg, es.Command[notice.Command]{
		ID: es.StepID(agg, step, int(n.Attempts)*2+int(n.Failures)), At: c.cfg.Now(), Data: cmd, Meta: es.Meta{Correlation: n.Request},
	})
	if err != nil {
		return n, fmt.Errorf("record %s: %w", step, err)
	}
	if _, try := cmd.(notice.Attempt); try && res.Repeated {
		return n, notice.ErrNotDue // the first of two has begun this try and sends it
	}
	return res.State, nil
}

func (c *Carrier) send(ctx context.Context, agg es.Aggregate, n notice.Notice) (mail.Reply, error) {
	s, _, err := c.cfg.Requests.Load(ctx, RequestOf(agg.Tenant, n.Request), es.Leader)
	if err != nil {
		return mail.Reply{}, fmt.Errorf("load request: %w", err)
	}
	f, err := facts(n.Request, s, c.cfg.Now())
	if err != nil {
		return mail.Reply{}, err
	}
	if f.Cancel, err = c.cancelling(ctx, agg.Tenant, n, s); err != nil {
		return mail.Reply{}, err
	}
	if f.Rejected, err = c.rejections(ctx, agg.Tenant, n.Request, s); err != nil {
		return mail.Reply{}, err
	}
	tenant, err := c.cfg.Peers.Tenants.GetTenant(ctx, &identityv1.GetTenantRequest{})
	if err != nil {
		return mail.Reply{}, fmt.Errorf("look up tenant: %w", err)
	}
	f.Organisation, f.Contact, f.Agent = tenant.GetDisplayName(), tenant.GetContact(), s.Agent
	f.Suffices = s.Lacking(terms.Offers(tenant))
	f.CancelLink = c.cfg.CancelPage.Link(n.Request, f.Cancel)
	to, err := eventpb.Open(ctx, c.cfg.Opener, purpose, agg, n.Address)
	if err != nil {
		return mail.Reply{}, fmt.Errorf("open address: %w", err)
	}
	render := mail.Render
	if mail.IsPhone(to) {
		render = mail.RenderText
	}
	m, err := render(n.Template, f)
	if err != nil {
		return mail.Reply{}, err
	}
	m.To, m.MessageID = to, n.MessageID
	return c.cfg.Mailer.Send(ctx, m)
}

// facts are what a notice may say. The zone was known when the terms were pinned;
// without it no day is right, and none is named.
func facts(id string, s request.Request, now time.Time) (mail.Facts, error) {
	zone, err := time.LoadLocation(s.Terms.Zone)
	if err != nil || s.Terms.Zone == "" { // empty would be taken for UTC
		return mail.Facts{}, failZone
	}
	f := mail.Facts{
		Request: id, Zone: zone, Erasure: s.Right == request.Erasure, Right: rightName(s.Right), Year: s.Terms.Year, ReceivedAt: s.ReceivedAt, DueAt: s.Terms.DueAt,
		Late: !now.Before(s.Terms.DueAt), ExpiresAt: s.Package.ExpiresAt, Other: s.DuplicateOf,
		HeldUntil: s.DelayUntil, ProveBy: request.Explain(s).OverdueAt, Age: s.Channel == request.ChannelAge,
		InstructBy: s.Instruction.DueAt, Controller: s.Instruction.Controller,
	}
	if f.Other == "" {
		f.Other = s.After
	}
	for _, l := range s.Leaves {
		why := l.Why()
		part := mail.Kept{
			System: l.System, Collection: l.Collection, Category: l.Category,
			Ground: why.Reason, Authority: why.Authority, Until: why.Until,
		}
		switch l.Outcome { //nolint:exhaustive // nothing stays of the others
		case request.Retained:
			f.Kept = append(f.Kept, part)
		case request.Lost:
			f.Lost = append(f.Lost, part)
		}
	}
	return f, nil
}

// ended tells the request what became of its notice.
func (c *Carrier) ended(ctx context.Context, agg es.Aggregate, n notice.Notice) error {
	req := RequestOf(agg.Tenant, n.Request)
	_, err := c.cfg.Requests.Handle(ctx, req, es.Command[request.Command]{
		ID: es.StepID(agg, "ended", 1), At: c.cfg.Now(), Meta: es.Meta{Correlation: n.Request},
		Data: request.EndNotice{Notice: agg.ID, Sent: n.Sent, Reason: n.Reason},
	})
	if err != nil {
		return fmt.Errorf("tell request: %w", err)
	}
	return nil
}
