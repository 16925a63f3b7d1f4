// Package waiting looks after settings that wait because they would lower a
// safeguard: it tells the tenant's officers by mail, and puts the settings in
// force when they have waited long enough.
package waiting

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"habeas.internal/services/identity/internal/mail"
	"habeas.internal/services/identity/internal/tenants"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal/rows"
)

// Desk looks after them. Its methods may be called from several goroutines and
// processes.
type Desk struct {
	Directory *tenants.Directory
	Rows      rows.Store
	Mail      *mail.Sender // nil: no mail service, and nobody is told by mail
	Now       func() time.Time
	Wait      time.Duration // for a second person, or else until they are in force
}

const noteKind = "settings"

// tenantToken is the place of the tenant in a row's subject.
const tenantToken = 4

// Note writes the row by which every later run finds the tenant. It stays; where
// no settings wait it means nothing.
func (d *Desk) Note(ctx context.Context, id string) error {
	_, err := d.Rows.Put(ctx, rows.VaultSubject(es.Partition(id, noteKind), noteKind, id, "note"), []byte{1}, 0)
	if err != nil && !errors.Is(err, rows.ErrConflict) {
		return fmt.Errorf("note settings: %w", err)
	}
	return nil
}

// Run puts the settings of all tenants in force that have waited long enough. A
// tenant whose settings fail does not keep the others from it.
func (d *Desk) Run(ctx context.Context) error {
	var failed []error
	for row, err := range d.Rows.List(ctx, rows.VaultSubject("*", noteKind, "*", "note"), 0) {
		if err != nil {
			return errors.Join(append(failed, fmt.Errorf("list settings: %w", err))...)
		}
		id := rows.Tokens(row.Subject)[tenantToken]
		if err := d.ripen(ctx, id); err != nil {
			failed = append(failed, fmt.Errorf("settings of %s: %w", id, err))
		}
	}
	return errors.Join(failed...)
}

func (d *Desk) ripen(ctx context.Context, id string) error {
	t, _, err := d.Directory.Handler.Load(ctx, tenants.Aggregate(id), es.Leader)
	if err != nil || !t.Pending.Waits() || d.Now().Before(t.Pending.DueAt) {
		return err
	}
	_, err = d.Directory.Handler.Handle(ctx, tenants.Aggregate(id), es.Command[tenant.Command]{
		ID: es.StepID(tenants.Aggregate(id), "ripen", int(t.Pending.Number)), At: d.Now(), Data: tenant.Ripen{At: d.Now()},
	})
	d.Directory.Forget(id)
	return err
}

// React tells the officers of settings that wait, at the address that is in force.
// It is part of a process on the log; other commits are passed over. A crash may
// tell them twice.
func (d *Desk) React(ctx context.Context, r es.Recorded) error {
	if r.Aggregate.Type != tenant.AggregateType || d.Mail == nil {
		return nil
	}
	for _, ev := range r.Events {
		if ev.Type != "tenant.settings_held" {
			continue
		}
		t, _, err := d.Directory.Handler.Load(ctx, r.Aggregate, es.Leader)
		if err != nil {
			return fmt.Errorf("load tenant: %w", err)
		}
		if !t.Pending.Waits() || t.Officers == "" {
			return nil
		}
		if err := d.Mail.Send(ctx, Notice(t)); err != nil && !errors.Is(err, mail.ErrRefused) {
			return fmt.Errorf("tell officers: %w", err)
		}
	}
	return nil
}

// words are the safeguards, for people.
func words(guard string) string {
	switch guard {
	case tenant.GuardApproval:
		return "erasures are approved by a second person"
	case tenant.GuardDelay:
		return "how long a request is held while the person is told"
	case tenant.GuardChannelAge:
		return "how long a channel has to be known"
	case tenant.GuardProvider:
		return "where people sign in, and what that proves"
	case tenant.GuardAssurance:
		return "how well people have to prove who they are"
	case tenant.GuardOfficers:
		return "the address to which this mail goes"
	case tenant.GuardContact:
		return "where people who are told of a request reach you"
	}
	return guard
}

// Notice is the mail of settings that wait.
func Notice(t tenant.Tenant) mail.Message {
	var list strings.Builder
	for _, guard := range t.Pending.Lowers {
		list.WriteString("- " + words(guard) + "\n")
	}
	return mail.Message{
		To:      t.Officers,
		Subject: t.DisplayName + ": a safeguard is to be lowered",
		Text: "Somebody has asked for settings of " + t.DisplayName + " that would lower what protects people:\n\n" + list.String() +
			fmt.Sprintf("\nThey are number %d, and asked for by %s. ", t.Pending.Number, t.Pending.By) +
			"They will be in force at " + t.Pending.DueAt.UTC().Format("15:04 MST on 2 January 2006") + ",\n" +
			fmt.Sprintf("or as soon as a second person confirms them:\n\n    habeas settings confirm %d\n\n", t.Pending.Number) +
			"Until then anyone of the officers, the approvers and the administrators can withdraw them:\n\n" +
			"    habeas settings withdraw\n\n`habeas settings show` shows what is wanted.\n",
	}
}
