// Package ages keeps what policies say about somebody's age: it tells consent
// before identity records that a policy does not serve a person, and has the
// system ask for the erasure of whom it may not serve.
//
// An allegation blocks and erases nothing: it asks to be looked into, and the
// next age that is known takes its place. An erasure is of everything that is held
// of a person, so it is asked for only where no policy that they are under serves
// them; any other policy that does not, only blocks.
package ages

import (
	"context"
	"errors"
	"fmt"
	"io"
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

var (
	// ErrBirthDate says that a date is none, or lies ahead.
	ErrBirthDate = errors.New("date of birth is none")
	// ErrPolicy says that no such policy is in force: whether it would serve
	// somebody is not known.
	ErrPolicy = errors.New("policy is not in force")
)

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
	Random io.Reader
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
	zone, err := d.zone(ctx, tenant)
	return dayOf(d.Now(), zone), err
}

func (d Desk) zone(ctx context.Context, tenant string) (*time.Location, error) {
	name, err := d.Zone(ctx, tenant)
	if err != nil {
		return time.UTC, err
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC, fmt.Errorf("load zone of tenant: %w", err)
	}
	return zone, nil
}

// dayOf is the day of a moment in a zone.
func dayOf(at time.Time, zone *time.Location) time.Time {
	y, m, day := at.In(zone).Date()
	return time.Date(y, m, day, 0, 0, 0, 0, time.UTC)
}

// Younger says of moments whether a person was younger then than an age. Known is
// whether their age is; otherwise nobody is younger.
func (d Desk) Younger(ctx context.Context, tenant, ref string, s subject.Subject, years int, at []time.Time) (younger []bool, known bool, err error) {
	zone, err := d.zone(ctx, tenant)
	if err != nil {
		return nil, false, err
	}
	born, known, err := d.born(ctx, tenant, ref, s, dayOf(d.Now(), zone))
	if err != nil {
		return nil, false, err
	}
	younger = make([]bool, len(at))
	for i, t := range at {
		younger[i] = known && subject.Years(born, dayOf(t, zone)) < years
	}
	return younger, known, nil
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
	p, err := d.posted(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if k.Policy != "" && !slices.Contains(p.names, k.Policy) {
		return nil, ErrPolicy
	}
	for _, r := range p.rules {
		if k.Policy != "" && r.Policy != k.Policy {
			continue
		}
		if why := r.Admits(subject.Years(born, day), k.Mandate.Stands()); why != "" {
			return nil, why
		}
	}
	return func(ctx context.Context, ref string) ([]subject.Command, error) {
		return d.first(ctx, tenant, ref, k, p, day)
	}, nil
}

// first is what is recorded with a registration.
func (d Desk) first(ctx context.Context, tenant, ref string, k Known, p posted, day time.Time) ([]subject.Command, error) {
	at := d.Now()
	age := subject.StateAge{Age: subject.Age{Source: subject.AgeStatedBy, Birth: personal.Clear(k.Birth)}, At: at}
	out := []subject.Command{age}
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
	who := subject.Subject{Phase: subject.Active, Policy: k.Policy, Age: age.Age, Mandate: k.Mandate, Parental: k.Parental}
	v := p.verdicts(who, born, day)
	due := v.due(who)
	for _, policy := range v.policies() {
		if v.served[policy] {
			continue
		}
		if err := d.minor(ctx, tenant, ref, policy, true); err != nil {
			return nil, err
		}
		block, err := d.block(tenant, policy, policy == due)
		if err != nil {
			return nil, err
		}
		out = append(out, block)
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
	p, err := d.posted(ctx, tenant)
	if err != nil {
		return s, registry.Result{}, err
	}
	told := false
	if events, err := subject.Decide(s, cmd.Data); err == nil {
		for _, ev := range events {
			s = subject.Evolve(s, ev)
		}
		if told, err = d.warn(ctx, tenant, ref, s, p); err != nil {
			return s, registry.Result{}, err
		}
	}
	res, err := d.Subjects.Handle(ctx, registry.Aggregate(tenant, ref), cmd)
	if err != nil {
		if told {
			err = errors.Join(err, d.TakeBack(ctx, tenant, ref))
		}
		return res.State, res, err
	}
	s, err = d.settle(ctx, tenant, ref, res.State, p, es.DeriveID(tenant, "age", ref+"/"+cmd.ID))
	return s, res, err
}

// warn tells consent of the policies that will not serve a person, and reports
// whether there are any.
func (d Desk) warn(ctx context.Context, tenant, ref string, s subject.Subject, p posted) (bool, error) {
	v, err := d.verdicts(ctx, tenant, ref, s, p)
	if err != nil {
		return false, err
	}
	told := false
	for _, policy := range v.policies() {
		if _, blocked := s.Blocks[policy]; v.served[policy] || blocked {
			continue
		}
		told = true
		if err := d.minor(ctx, tenant, ref, policy, true); err != nil {
			return told, err
		}
	}
	return told, nil
}

// minor tells consent whether somebody is a minor to a policy, each time anew: what
// was told before may have been taken back since.
func (d Desk) minor(ctx context.Context, tenant, ref, policy string, minor bool) error {
	cause, err := es.NewID(d.Random)
	if err != nil {
		return err
	}
	return d.Facts.Minor(ctx, tenant, ref, policy, cause, minor)
}

// settle records the verdicts on a person; who is served again, consent learns
// last.
func (d Desk) settle(ctx context.Context, tenant, ref string, s subject.Subject, p posted, cause string) (subject.Subject, error) {
	v, err := d.verdicts(ctx, tenant, ref, s, p)
	if err != nil {
		return s, err
	}
	due := v.due(s)
	for _, policy := range v.policies() {
		cmds, err := d.follow(tenant, policy, s, v.served[policy], due)
		if err != nil {
			return s, err
		}
		for n, cmd := range cmds {
			if _, blocks := cmd.(subject.BlockMinor); blocks {
				if err := d.minor(ctx, tenant, ref, policy, true); err != nil {
					return s, err
				}
			}
			res, err := d.Subjects.Handle(ctx, registry.Aggregate(tenant, ref), registry.Command{
				ID: es.DeriveID(tenant, fmt.Sprintf("settle-age/%s/%d", policy, n), cause), At: d.Now(), Data: cmd,
			})
			if err != nil {
				return s, err
			}
			s = res.State
		}
	}
	return s, d.agree(ctx, tenant, ref, p)
}

// follow are the commands that follow from a verdict on a policy. due is the one by
// which the person's erasure is to be asked for.
func (d Desk) follow(tenant, policy string, s subject.Subject, served bool, due string) ([]subject.Command, error) {
	have, blocked := s.Blocks[policy]
	free := subject.UnblockMinor{Policy: policy, At: d.Now()}
	switch {
	case served && blocked:
		return []subject.Command{free}, nil
	case served:
		return nil, nil
	case policy == due && have.Command == "" && !asked(s):
		block, err := d.block(tenant, policy, true)
		return []subject.Command{block}, err
	case due == "" && have.Request != "" && s.Age.Source != subject.AgeAlleged: // another policy serves the person now
		block, err := d.block(tenant, policy, false)
		return []subject.Command{free, block}, err
	case !blocked:
		block, err := d.block(tenant, policy, false)
		return []subject.Command{block}, err
	}
	return nil, nil
}

// asked reports whether the person's erasure is asked for already.
func asked(s subject.Subject) bool {
	for _, b := range s.Blocks {
		if b.Command != "" {
			return true
		}
	}
	return false
}

// TakeBack has consent know what is recorded of a person's age, after it was told
// what then was not recorded: whoever called may be gone.
func (d Desk) TakeBack(ctx context.Context, tenant, ref string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackFor)
	defer cancel()
	p, err := d.posted(ctx, tenant)
	if err != nil {
		return err
	}
	if err := d.agree(ctx, tenant, ref, p); !errors.Is(err, subject.ErrNotFound) {
		return err
	}
	return nil // nobody is registered: what was told is of nobody
}

// takeBackFor is how long it is tried to take back what consent was told.
const takeBackFor = 5 * time.Second

// agree tells consent what is recorded, and looks again. Whoever records something
// meanwhile tells it after that, or is seen here.
func (d Desk) agree(ctx context.Context, tenant, ref string, p posted) error {
	before := verdicts{}
	for range agreements {
		s, err := d.Registry.Load(ctx, tenant, ref)
		if err != nil {
			return err
		}
		v, err := d.verdicts(ctx, tenant, ref, s, p)
		if err != nil || v.same(before, s) {
			return err
		}
		before = verdicts{served: map[string]bool{}}
		for _, policy := range v.policies() {
			_, blocked := s.Blocks[policy]
			before.served[policy] = v.served[policy] && !blocked
			if err := d.minor(ctx, tenant, ref, policy, !before.served[policy]); err != nil {
				return err
			}
		}
	}
	return es.ErrContended
}

// agreements is how often consent is told anew in a row.
const agreements = 8
