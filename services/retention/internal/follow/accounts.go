package follow

import (
	"context"
	"fmt"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/retention/account"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/person"
	"habeas.internal/services/retention/schedule"

	"golang.org/x/sync/errgroup"
)

// Own does for each person what retention's own events are about: an account that is
// opened or closed for many, and a policy that has no purpose for a category any more.
type Own struct {
	Clocks
	Accounts  rpc.Accounts
	Schedules rpc.Schedules
	// People lists everybody of a tenant of whom a clock runs, as of now.
	People func(ctx context.Context, tenant string) ([]es.Aggregate, error)
}

// Process follows retention's own events.
func (o Own) Process() jetstream.Process {
	return jetstream.Process{Name: "clocks", Context: rpc.Context, CodeVersion: "1", React: o.React}
}

// React does what a commit asks for; others are passed over.
func (o Own) React(ctx context.Context, r es.Recorded) error {
	switch r.Aggregate.Type {
	case account.AggregateType:
		return o.account(ctx, r)
	case schedule.AggregateType:
		return o.schedule(ctx, r)
	}
	return nil
}

// atOnce is how many people are worked on at a time.
const atOnce = 32

// account tells the people of an account how it stands now, whatever the commit said:
// commits may come in another order.
func (o Own) account(ctx context.Context, r es.Recorded) error {
	events, err := o.Accounts.Registry.DecodeAll(r.Commit)
	if err != nil {
		return err
	}
	a, _, err := o.Accounts.Load(ctx, r.Aggregate, es.Leader)
	if err != nil {
		return fmt.Errorf("load account: %w", err)
	}
	var people []string
	for _, ev := range events {
		switch e := ev.(type) {
		case account.Added:
			people = append(people, e.People...)
		case account.Closed:
			people = append(people, a.People...)
		}
	}
	if a.Open() {
		return o.each(ctx, r, people, "account-opened", func(context.Context, string) (person.Command, error) {
			return person.OpenAccount{Account: a.Name, At: o.Now()}, nil
		})
	}
	limited, err := o.Limits.At(ctx, r.Aggregate.Tenant, o.Now())
	if err != nil {
		return fmt.Errorf("read limits: %w", err)
	}
	var clocks []person.Clock
	for _, l := range limited.Each("", closes) {
		clocks = append(clocks, l.Clock(l.Category, "", a.ClosedAt))
	}
	return o.each(ctx, r, people, "account-closed", func(ctx context.Context, ref string) (person.Command, error) {
		return person.CloseAccount{Account: a.Name, Clocks: clocks, At: a.ClosedAt}, o.close(ctx, r, a.Name, ref)
	})
}

// closes says that a limit counts from the end of an account: what is held for a contract
// or by consent is held for the customer.
func closes(l schedule.Limit) bool {
	return l.StartsOn == person.OnAccountClosed || l.StartsOn == person.OnConsentWithdrawn || l.StartsOn == "contract_ended"
}

// close tells consent of somebody whose last account is closed, before that is recorded:
// no allow outlives it.
func (o Own) close(ctx context.Context, r es.Recorded, name, ref string) error {
	s, _, err := o.Persons.Load(ctx, rpc.PersonOf(r.Aggregate.Tenant, ref), es.Leader)
	if err != nil {
		return fmt.Errorf("load person: %w", err)
	}
	for _, other := range s.Accounts {
		if other != name {
			return nil
		}
	}
	_, err = o.Answers.ApplyFact(client.WithTenant(ctx, r.Aggregate.Tenant), &consentv1.ApplyFactRequest{
		RequestId: es.StepID(r.Aggregate, "closed/"+ref, 1), SubjectRef: ref, Fact: consentv1.Fact_FACT_CLOSED, Cause: r.Aggregate.ID,
	})
	if err != nil {
		return fmt.Errorf("state closing: %w", err)
	}
	return nil
}

// each runs a command on each person.
func (o Own) each(
	ctx context.Context, r es.Recorded, people []string, step string, command func(context.Context, string) (person.Command, error),
) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, ref := range people {
		g.Go(func() error {
			data, err := command(ctx, ref)
			if err != nil {
				return err
			}
			agg := rpc.PersonOf(r.Aggregate.Tenant, ref)
			_, err = o.Persons.Handle(ctx, agg, es.Command[person.Command]{
				ID: es.StepID(r.Aggregate, step+"/"+ref+"/"+r.ID, 1), At: o.Now(), Data: data,
				Meta: es.Meta{Correlation: r.Meta.Correlation, Causation: es.EventID(r.ID, 0)},
			})
			if err != nil {
				return fmt.Errorf("tell person: %w", err)
			}
			return nil
		})
	}
	return g.Wait()
}

// schedule starts the clock of what is held of a category that has no purpose any more,
// for everybody of whom retention was told that it is. Whoever comes later starts it with
// the first event that says so.
func (o Own) schedule(ctx context.Context, r es.Recorded) error {
	events, err := o.Schedules.Registry.DecodeAll(r.Commit)
	if err != nil {
		return err
	}
	for _, ev := range events {
		if e, ok := ev.(schedule.Replaced); ok {
			if err := o.replaced(ctx, r, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o Own) replaced(ctx context.Context, r es.Recorded, e schedule.Replaced) error {
	limited, err := o.Limits.At(ctx, r.Aggregate.Tenant, later(o.Now(), e.From))
	if err != nil {
		return fmt.Errorf("read limits: %w", err)
	}
	over := limited.Each(e.Policy, rpc.Purposeless)
	if len(over) == 0 {
		return nil
	}
	people, err := o.People(ctx, r.Aggregate.Tenant)
	if err != nil {
		return err
	}
	refs := make([]string, len(people))
	for i, agg := range people {
		refs[i] = agg.ID
	}
	return o.each(ctx, r, refs, "purpose-ended", func(ctx context.Context, ref string) (person.Command, error) {
		s, _, err := o.Persons.Load(ctx, rpc.PersonOf(r.Aggregate.Tenant, ref), es.Leader)
		if err != nil {
			return nil, fmt.Errorf("load person: %w", err)
		}
		var start person.StartClocks
		for _, l := range over {
			for _, k := range s.Clocks {
				if k.Policy == e.Policy && k.StartsOn != person.Kept && l.Covers(k.Category) {
					start.Clocks = append(start.Clocks, l.Clock(k.Category, k.System, l.From))
				}
			}
		}
		return start, nil
	})
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
