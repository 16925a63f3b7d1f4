package clocks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/person"

	"golang.org/x/sync/errgroup"
)

// Announcer announces what has to go.
type Announcer struct {
	Book    *Book
	Persons rpc.Persons
	Now     func() time.Time
	Every   time.Duration // how often it looks
	Log     *slog.Logger
}

// Run looks again and again until ctx ends. What fails is tried again the next time;
// several instances announce an end once, because the person's own state decides.
func (a Announcer) Run(ctx context.Context) error {
	tick := time.NewTicker(a.Every)
	defer tick.Stop()
	for {
		if err := a.Announce(ctx); err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "ends of clocks were not announced", slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// atOnce is how many people are announced at a time: the log makes one write of what
// comes together.
const atOnce = 64

// Announce announces what has ended by now. Of one person it is one commit a policy.
func (a Announcer) Announce(ctx context.Context) error {
	now := a.Now()
	people := a.Book.Ended(now)
	failed := make([]error, len(people))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, who := range people {
		g.Go(func() error {
			failed[i] = a.one(ctx, who, now)
			return nil
		})
	}
	_ = g.Wait()
	return errors.Join(failed...)
}

func (a Announcer) one(ctx context.Context, who es.Aggregate, now time.Time) error {
	s, _, err := a.Persons.Load(ctx, who, es.AnyReplica) // the command is decided on what the leader has
	if err != nil {
		return fmt.Errorf("load person: %w", err)
	}
	for i, policy := range s.Due(now) {
		// The number is part of the id: what counts anew after an erasure is another one.
		number := s.Announcements + i + 1
		id := es.DeriveID(who.Tenant, "storage-limit/"+who.ID, strconv.Itoa(number))
		cmd := es.Command[person.Command]{
			ID: es.StepID(who, "due/"+policy, number), At: now, Meta: es.Meta{Correlation: id},
			Data: person.AnnounceErasure{Policy: policy, Request: id, At: now},
		}
		if _, err := a.Persons.Handle(ctx, who, cmd); err != nil {
			return fmt.Errorf("announce end: %w", err)
		}
	}
	return nil
}
