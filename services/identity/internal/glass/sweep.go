package glass

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"habeas.internal/services/identity/breakglass"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/rows"

	"go.opentelemetry.io/otel/metric"
)

// noteKind is the kind of the rows by which the grants of a tenant are found. A
// row holds nothing but when it was written.
const noteKind = "breakglass"

// The places in a row's subject.
const (
	tenantToken = 4
	idToken     = 5
)

// Kept is how long a grant that is over is listed.
const Kept = 30 * 24 * time.Hour

// unasked is how long a row may be there without its grant: the ask was refused,
// or is under way.
const unasked = time.Hour

func (d *Desk) note(ctx context.Context, tenant, id string) error {
	value := binary.BigEndian.AppendUint64(nil, uint64(d.Now().Unix()))
	_, err := d.Rows.Put(ctx, rows.VaultSubject(es.Partition(tenant, id), noteKind, tenant, id), value, 0)
	if err != nil && !errors.Is(err, rows.ErrConflict) {
		return fmt.Errorf("note grant: %w", err)
	}
	return nil
}

func noted(row rows.Row) time.Time {
	if len(row.Value) < 8 {
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint64(row.Value)), 0)
}

// Item is a grant with its id.
type Item struct {
	ID    string
	Grant breakglass.Grant
}

// MaxListed is how many grants a list holds.
const MaxListed = 500

// List returns the grants of a tenant, the newest first, and whether there are
// more.
func (d *Desk) List(ctx context.Context, tenant string) (items []Item, more bool, err error) {
	for row, err := range d.Rows.List(ctx, rows.VaultSubject("*", noteKind, tenant, "*"), 0) {
		if err != nil {
			return nil, false, fmt.Errorf("list grants: %w", err)
		}
		if len(items) == MaxListed {
			more = true
			break
		}
		id := rows.Tokens(row.Subject)[idToken]
		g, err := d.Load(ctx, tenant, id)
		if errors.Is(err, breakglass.ErrNotFound) || slices.ContainsFunc(items, func(i Item) bool { return i.ID == id }) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		items = append(items, Item{id, g})
	}
	slices.SortFunc(items, func(a, b Item) int { return b.Grant.Request.At.Compare(a.Grant.Request.At) })
	return items, more, nil
}

// Sweep ends what has run out and notes which reviews are overdue, in all
// tenants, and returns how many are. One grant that fails does not keep the
// others from it.
func (d *Desk) Sweep(ctx context.Context) (overdue int64, err error) {
	var all []rows.Row
	for row, err := range d.Rows.List(ctx, rows.VaultSubject("*", noteKind, "*", "*"), 0) {
		if err != nil {
			return 0, fmt.Errorf("list grants: %w", err)
		}
		all = append(all, row)
	}
	var failed []error
	for _, row := range all {
		g, err := d.settle(ctx, row)
		if err != nil {
			failed = append(failed, fmt.Errorf("settle grant: %w", err))
		}
		if g.Overdue {
			overdue++
		}
	}
	return overdue, errors.Join(failed...)
}

// LookAfter returns a function that sweeps and exposes how many reviews are
// overdue: what an alarm is set on.
func (d *Desk) LookAfter(meters metric.MeterProvider) (func(ctx context.Context) error, error) {
	overdue, err := meters.Meter("habeas.internal/services/identity").Int64Gauge("habeas.breakglass.reviews.overdue",
		metric.WithDescription("Break-glass grants that nobody has reviewed in time."))
	if err != nil {
		return nil, fmt.Errorf("make gauge: %w", err)
	}
	return func(ctx context.Context) error {
		n, err := d.Sweep(ctx)
		if err == nil { // else it stays as it was: an alarm is not put off by a failure
			overdue.Record(ctx, n)
		}
		return err
	}, nil
}

// settle takes one grant as far as it can go now.
func (d *Desk) settle(ctx context.Context, row rows.Row) (breakglass.Grant, error) {
	tokens, now := rows.Tokens(row.Subject), d.Now()
	tenant, id := tokens[tenantToken], tokens[idToken]
	g, _, err := d.Grants.Load(ctx, Aggregate(tenant, id), es.Leader)
	if err != nil {
		return g, err
	}
	switch g.Phase {
	case breakglass.None:
		if now.Sub(noted(row)) > unasked {
			return g, d.Rows.Delete(ctx, row.Subject, row.Rev)
		}
		return g, nil
	case breakglass.Declined, breakglass.Reviewed:
		if last := later(g.Ended, g.Looked); now.Sub(last) > Kept {
			return g, d.Rows.Delete(ctx, row.Subject, row.Rev)
		}
		return g, nil
	case breakglass.Waiting, breakglass.Open:
		if g, err = d.step(ctx, tenant, id, "lapse", g, breakglass.Lapse{At: now}); err != nil {
			return g, err
		}
	case breakglass.Ended:
	}
	return d.step(ctx, tenant, id, "warn", g, breakglass.Warn{At: now})
}

// step runs a command that the time has called for, if it has.
func (d *Desk) step(ctx context.Context, tenant, id, name string, g breakglass.Grant, data breakglass.Command) (breakglass.Grant, error) {
	if events, err := breakglass.Decide(g, data); err != nil || len(events) == 0 {
		return g, err
	}
	agg := Aggregate(tenant, id)
	res, err := d.Grants.Handle(ctx, agg, Command{ID: es.StepID(agg, name, 1), At: d.Now(), Data: data})
	return res.State, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
