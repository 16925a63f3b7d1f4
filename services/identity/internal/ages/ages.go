// Package ages keeps what policies say about somebody's age: it tells consent
// before identity records that a policy does not serve a person, and has the
// system ask for the erasure of whom it may not serve.
//
// An allegation blocks and erases nothing: it asks to be looked into, and the
// next age that is known takes its place.
package ages

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/identity/internal/facts"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/personal"
)

// ErrBirthDate says that a date is none, or lies ahead.
var ErrBirthDate = errors.New("date of birth is none")

// Desk keeps ages. It may be used by several goroutines and processes.
type Desk struct {
	Subjects registry.Subjects
	Registry *registry.Registry
	Facts    facts.Teller
	Policies consentv1.PolicyServiceClient
	Requests fulfilmentv1.RequestServiceClient
	// Zone is the time zone of a tenant, in which a birthday begins.
	Zone   func(ctx context.Context, tenant string) (string, error)
	Opener eventpb.Opener
	Now    func() time.Time
}

// connected refuses what could be recorded and not be carried out.
func (d Desk) connected() error {
	if d.Facts.Consent == nil || d.Policies == nil || d.Requests == nil {
		return facts.ErrNotConnected
	}
	return nil
}

// purposeAge is why a date of birth is opened.
const purposeAge = "age"

// layout is how a date of birth is written.
const layout = "2006-01-02"

// Born reads a date of birth, which must not lie ahead of a day.
func Born(text string, day time.Time) (time.Time, error) {
	born, err := time.Parse(layout, text)
	if err != nil || born.After(day) {
		return time.Time{}, ErrBirthDate
	}
	return born, nil
}

// Today is the day that it is for a tenant.
func (d Desk) Today(ctx context.Context, tenant string) (time.Time, error) {
	name, err := d.Zone(ctx, tenant)
	if err != nil {
		return time.Time{}, err
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.Time{}, fmt.Errorf("load zone of tenant: %w", err)
	}
	y, m, day := d.Now().In(zone).Date()
	return time.Date(y, m, day, 0, 0, 0, 0, time.UTC), nil
}

// Known is what a registration says about somebody's age.
type Known struct {
	Birth             string
	Policy            string // under which they register; empty for all
	Mandate, Parental subject.Shown
}

// Admit refuses whom a policy does not serve, and leaves no trace. What it returns
// makes, for the reference that they get, the commands that record what is known;
// consent is told before.
func (d Desk) Admit(ctx context.Context, tenant string, k Known) (func(ctx context.Context, ref string) ([]subject.Command, error), error) {
	if err := d.connected(); err != nil {
		return nil, err
	}
	day, err := d.Today(ctx, tenant)
	if err != nil {
		return nil, err
	}
	born, err := Born(k.Birth, day)
	if err != nil {
		return nil, err
	}
	rules, err := d.rules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if k.Policy != "" && r.Policy != k.Policy {
			continue
		}
		if why := r.Admits(subject.Years(born, day), k.Mandate.Stands()); why != "" {
			return nil, why
		}
	}
	return func(ctx context.Context, ref string) ([]subject.Command, error) {
		return d.first(ctx, tenant, ref, k, rules, day)
	}, nil
}

// first is what is recorded with a registration.
func (d Desk) first(ctx context.Context, tenant, ref string, k Known, rules []subject.Rule, day time.Time) ([]subject.Command, error) {
	at := d.Now()
	out := []subject.Command{subject.StateAge{Age: subject.Age{Source: subject.AgeStatedBy, Birth: personal.Clear(k.Birth)}, At: at}}
	if k.Mandate.Stands() {
		out = append(out, subject.GiveMandate{Mandate: k.Mandate, At: at})
	}
	if k.Parental.Stands() {
		out = append(out, subject.AgreeAsParent{Consent: k.Parental, At: at})
	}
	born, err := Born(k.Birth, day)
	if err != nil {
		return nil, err
	}
	cause := es.DeriveID(tenant, "age", ref+"/"+fmt.Sprint(at.UnixMicro()))
	for _, r := range rules {
		if r.Serves(subject.Years(born, day), k.Mandate.Stands(), k.Parental.Stands()) {
			continue
		}
		if err := d.Facts.Minor(ctx, tenant, ref, r.Policy, cause, true); err != nil {
			return nil, err
		}
		out = append(out, subject.BlockMinor{Policy: r.Policy, Request: requestOf(tenant, ref, r.Policy, at), At: at})
	}
	return out, nil
}

// Record runs a command about somebody's age, and does what follows: whom it
// blocks, consent knows first.
func (d Desk) Record(ctx context.Context, tenant, ref string, cmd registry.Command) (subject.Subject, registry.Result, error) {
	s, err := d.Registry.Load(ctx, tenant, ref)
	if err == nil {
		err = d.connected()
	}
	if err != nil {
		return s, registry.Result{}, err
	}
	cause := es.DeriveID(tenant, "age", ref+"/"+cmd.ID)
	if events, err := subject.Decide(s, cmd.Data); err == nil {
		for _, ev := range events {
			s = subject.Evolve(s, ev)
		}
		if err := d.tell(ctx, tenant, ref, s, cause, true); err != nil {
			return s, registry.Result{}, err
		}
	}
	res, err := d.Subjects.Handle(ctx, registry.Aggregate(tenant, ref), cmd)
	if err != nil {
		return res.State, res, err
	}
	s, err = d.settle(ctx, tenant, ref, res.State, cause)
	return s, res, err
}

// tell tells consent of the policies that do not serve a person, or of those that
// do and did not.
func (d Desk) tell(ctx context.Context, tenant, ref string, s subject.Subject, cause string, minor bool) error {
	verdicts, err := d.verdicts(ctx, tenant, ref, s)
	if err != nil {
		return err
	}
	for policy, served := range verdicts {
		if _, blocked := s.Blocks[policy]; served == minor || blocked == minor {
			continue
		}
		if err := d.Facts.Minor(ctx, tenant, ref, policy, cause, minor); err != nil {
			return err
		}
	}
	return nil
}

// settle records the verdicts on a person; who is served again, consent learns
// last.
func (d Desk) settle(ctx context.Context, tenant, ref string, s subject.Subject, cause string) (subject.Subject, error) {
	verdicts, err := d.verdicts(ctx, tenant, ref, s)
	if err != nil {
		return s, err
	}
	for _, policy := range slices.Sorted(maps.Keys(verdicts)) {
		cmd, fact := d.verdict(tenant, ref, policy, s, verdicts[policy])
		if cmd == nil {
			continue
		}
		if fact {
			if err := d.Facts.Minor(ctx, tenant, ref, policy, cause, true); err != nil {
				return s, err
			}
		}
		res, err := d.Subjects.Handle(ctx, registry.Aggregate(tenant, ref), registry.Command{
			ID: es.DeriveID(tenant, "settle-age/"+policy, cause), At: d.Now(), Data: cmd,
		})
		if err != nil {
			return s, err
		}
		s = res.State
		if !fact {
			if err := d.Facts.Minor(ctx, tenant, ref, policy, cause, false); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// verdict is the command that a verdict on a policy makes, if it is news, and
// whether it blocks.
func (d Desk) verdict(tenant, ref, policy string, s subject.Subject, served bool) (subject.Command, bool) {
	have, blocked := s.Blocks[policy]
	alleged := s.Age.Source == subject.AgeAlleged
	at := d.Now()
	switch {
	case served && blocked:
		return subject.UnblockMinor{Policy: policy, At: at}, false
	case !served && alleged && !blocked:
		return subject.BlockMinor{Policy: policy, At: at}, true
	case !served && !alleged && have.Request == "":
		return subject.BlockMinor{Policy: policy, Request: requestOf(tenant, ref, policy, at), At: at}, true
	}
	return nil, false
}

// verdicts says of every policy whether it serves a person.
func (d Desk) verdicts(ctx context.Context, tenant, ref string, s subject.Subject) (map[string]bool, error) {
	if s.Phase != subject.Active {
		return nil, nil
	}
	day, err := d.Today(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var born time.Time
	if s.Age.Source != "" && s.Age.Source != subject.AgeAlleged {
		text, err := eventpb.Open(ctx, d.Opener, purposeAge, registry.Aggregate(tenant, ref), s.Age.Birth)
		if err != nil {
			return nil, fmt.Errorf("open date of birth: %w", err)
		}
		if born, err = Born(text, day); err != nil {
			return nil, err
		}
	}
	rules, err := d.rules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, r := range rules {
		out[r.Policy] = s.Served(r, born, day)
	}
	return out, nil
}
