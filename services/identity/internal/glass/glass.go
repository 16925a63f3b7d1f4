// Package glass runs break-glass grants, and asks those whose data staff want to
// see for their consent where the tenant's policy says so.
//
// What a caller may rely on:
//
//   - Which ground is one, and whether consent is needed, the policies in force
//     say. Where nobody can read them, the answer is no.
//   - Where a tenant has policies that bind staff to consent, the grounds of the
//     other ones count for nothing: nobody picks the laxer.
//   - A use is on record before the look is permitted.
//   - Who asked and who granted owe a review from the grant on, and are told of
//     in their own aggregates; what is overdue follows from the time alone.
package glass

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/breakglass"
	"habeas.internal/services/identity/internal/inforce"
	"habeas.internal/services/identity/staff"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/calendar"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/seal/rows"
)

// Context is the context that grants and staff live in.
const Context = "identity"

// Grants runs the commands of grants.
type Grants = es.Handler[breakglass.Grant, breakglass.Command, breakglass.Event]

// Staff runs the commands of staff.
type Staff = es.Handler[staff.Staff, staff.Command, staff.Event]

// Command is one of a grant's.
type Command = es.Command[breakglass.Command]

// Result is what became of a command.
type Result = es.Result[breakglass.Grant, breakglass.Event]

// Desk runs grants. It may be used by several goroutines and processes. Consent
// may be nil, where consent is not connected; all other fields are required.
type Desk struct {
	Grants   Grants
	Staff    Staff
	Policies *inforce.Reader
	Consent  consentv1.ConsentServiceClient
	Tenant   func(ctx context.Context, id string) (tenant.Tenant, error)
	// Registered is the policy that a person is registered under; "" where that
	// is not known, or is not the only one.
	Registered func(ctx context.Context, tenant, ref string) (string, error)
	Rows       rows.Store
	Random     io.Reader
	Now        func() time.Time
}

// Aggregate is that of a grant.
func Aggregate(tenant, id string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: breakglass.AggregateType, ID: id}
}

// Member is the aggregate of a member of staff, by the id of the read log.
func Member(tenant, actor string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: tenant, Type: staff.AggregateType, ID: actor}
}

// Load returns a grant as it is now.
func (d *Desk) Load(ctx context.Context, tenant, id string) (breakglass.Grant, error) {
	g, _, err := d.Grants.Load(ctx, Aggregate(tenant, id), es.Leader)
	if err == nil && g.Phase == breakglass.None {
		err = breakglass.ErrNotFound
	}
	return g, err
}

// Ask asks for a grant; a repeat returns the first one's id.
func (d *Desk) Ask(ctx context.Context, tenant string, cmd Command, asked breakglass.Asked) (id string, res Result, err error) {
	rule, err := d.rule(ctx, tenant, asked.Policy, asked.Ground)
	if err != nil {
		return "", res, err
	}
	if rule.Allowed {
		if err := d.known(ctx, tenant, asked.Policy, asked.Categories); err != nil {
			return "", res, err
		}
	}
	who, _, err := d.Staff.Load(ctx, Member(tenant, asked.By), es.Leader)
	if err != nil {
		return "", res, fmt.Errorf("load staff: %w", err)
	}
	id = es.DeriveID(tenant, identityv1.BreakGlassService_AskBreakGlass_FullMethodName, cmd.ID)
	if err := d.note(ctx, tenant, id); err != nil {
		return "", res, err
	}
	cmd.Data = breakglass.Ask{Request: asked, Rule: rule, Bound: cmd.At.Before(who.BoundUntil), Overdue: who.Overdue(cmd.At)}
	res, err = d.Grants.Handle(ctx, Aggregate(tenant, id), cmd)
	return id, res, err
}

// rule is a ground, as the policies in force know it.
func (d *Desk) rule(ctx context.Context, tenant, policy, ground string) (breakglass.Ground, error) {
	docs, err := d.Policies.In(ctx, tenant)
	if err != nil {
		return breakglass.Ground{}, err
	}
	if strict := binding(docs); len(strict) > 0 {
		docs = strict
	}
	for _, doc := range docs {
		for _, g := range doc.Grounds {
			if doc.Policy == policy && g.ID == ground && g.Opens() {
				return breakglass.Ground{
					ID: g.ID, Allowed: true, Document: g.Needs("document"), Imminent: g.Needs("imminent"), Categories: g.Needs("categories"),
				}, nil
			}
		}
	}
	return breakglass.Ground{ID: ground}, nil
}

// known refuses categories that the policy does not have: a grant for them would
// be agreed to and bound nothing.
func (d *Desk) known(ctx context.Context, tenant, policy string, categories []string) error {
	docs, err := d.Policies.In(ctx, tenant)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(docs, func(doc policydoc.Document) bool { return doc.Policy == policy })
	if i < 0 {
		return nil // its grounds are none, either
	}
	for _, id := range categories {
		if !slices.ContainsFunc(docs[i].Categories, func(c policydoc.Category) bool { return c.ID == id }) {
			return fault.FieldErrors{{Field: "categories", Rule: "CATEGORY_UNKNOWN", Text: "the policy has no such category"}}
		}
	}
	return nil
}

// binding are the policies under which staff need consent.
func binding(docs []policydoc.Document) []policydoc.Document {
	return slices.DeleteFunc(slices.Clone(docs), func(doc policydoc.Document) bool { return doc.Consent.Staff == nil })
}

// Permit grants what was asked for.
func (d *Desk) Permit(ctx context.Context, tenant, id string, cmd Command, by string, period time.Duration) (Result, error) {
	g, err := d.Load(ctx, tenant, id)
	if err != nil {
		return Result{}, err
	}
	asker, _, err := d.Staff.Load(ctx, Member(tenant, g.Request.By), es.Leader)
	if err != nil {
		return Result{}, fmt.Errorf("load staff: %w", err)
	}
	granter, _, err := d.Staff.Load(ctx, Member(tenant, by), es.Leader)
	if err != nil {
		return Result{}, fmt.Errorf("load staff: %w", err)
	}
	due := period
	if due == 0 {
		due = g.Request.For
	}
	reviewBy, err := d.reviewBy(ctx, tenant, cmd.At.Add(due))
	if err != nil {
		return Result{}, err
	}
	cmd.Data = breakglass.Permit{
		By: by, For: period, ReviewBy: reviewBy, AskerOverdue: asker.Overdue(cmd.At), GranterOverdue: granter.Overdue(cmd.At), At: cmd.At,
	}
	return d.Grants.Handle(ctx, Aggregate(tenant, id), cmd)
}

// reviewBy is the end of the last working day, in the tenant's zone and by its
// calendar, in which a grant that ends then is to be reviewed. Where the
// calendar is none that is known, only weekends are not worked.
func (d *Desk) reviewBy(ctx context.Context, tenant string, end time.Time) (time.Time, error) {
	t, err := d.Tenant(ctx, tenant)
	if err != nil {
		return time.Time{}, err
	}
	zone, err := time.LoadLocation(t.TimeZone)
	if err != nil {
		return time.Time{}, fmt.Errorf("load zone of tenant: %w", err)
	}
	days, _ := calendar.Of(t.Calendar)
	return days.After(calendar.DateOf(end, zone), breakglass.ReviewDays).End(zone), nil
}

// Do runs any other command.
func (d *Desk) Do(ctx context.Context, tenant, id string, cmd Command) (Result, error) {
	return d.Grants.Handle(ctx, Aggregate(tenant, id), cmd)
}

// Opened returns a grant by which somebody may look. It records nothing.
func (d *Desk) Opened(ctx context.Context, tenant, id, actor, of string) (breakglass.Grant, error) {
	g, err := d.Load(ctx, tenant, id)
	if errors.Is(err, breakglass.ErrNotFound) || err == nil && !g.Opens(actor, of, d.Now()) {
		return g, breakglass.ErrClosed
	}
	return g, err
}

// Use records that somebody looks by a grant, and returns it. After
// breakglass.ErrClosed, and any other error, nothing may be shown.
func (d *Desk) Use(ctx context.Context, tenant, id, actor, of, method string) (breakglass.Grant, error) {
	g, err := d.Opened(ctx, tenant, id, actor, of)
	if err != nil {
		return g, err
	}
	step, err := es.NewID(d.Random)
	if err != nil {
		return g, err
	}
	now := d.Now()
	res, err := d.Do(ctx, tenant, id, Command{ID: step, At: now, Data: breakglass.Use{By: actor, Method: method, At: now}})
	return res.State, err
}

// React tells those who asked and granted that a review is owed, and that it is
// settled. It is part of a process on the log; other commits are passed over.
func (d *Desk) React(ctx context.Context, r es.Recorded) error {
	if r.Aggregate.Type != breakglass.AggregateType {
		return nil
	}
	for _, ev := range r.Events {
		if ev.Type != "breakglass.granted" && ev.Type != "breakglass.reviewed" {
			continue
		}
		g, err := d.Load(ctx, r.Aggregate.Tenant, r.Aggregate.ID)
		if err != nil {
			return err
		}
		for _, who := range []string{g.Request.By, g.Granter} {
			cmd := staff.Command(staff.Settle{Grant: r.Aggregate.ID})
			if ev.Type == "breakglass.granted" {
				cmd = staff.Owe{Owed: staff.Owed{Grant: r.Aggregate.ID, Due: g.ReviewBy}}
			}
			_, err := d.Staff.Handle(ctx, Member(r.Aggregate.Tenant, who), es.Command[staff.Command]{
				ID: es.StepID(r.Aggregate, ev.Type+"/"+who, 1), At: d.Now(), Data: cmd,
				Meta: es.Meta{Correlation: r.Meta.Correlation, Causation: es.EventID(r.ID, 0)},
			})
			if err != nil {
				return fmt.Errorf("note review: %w", err)
			}
		}
	}
	return nil
}
