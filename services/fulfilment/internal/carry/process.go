package carry

import (
	"context"
	"errors"
	"fmt"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/catalogue"
	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/notice"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/rpc/client"
)

// codeVersion is noted on commits that are parked.
const codeVersion = "1"

// ackWait is how long a request stands still when the process that carried it
// was killed. Work that goes on is renewed, however long it takes.
const ackWait = 5 * time.Second

// Process reacts to the commits of this service.
func (c *Carrier) Process() jetstream.Process {
	return jetstream.Process{
		Name: "carry", Context: Context, CodeVersion: codeVersion, Workers: 8, AckWait: ackWait, React: c.React,
	}
}

// React does what a commit of this service asks for.
func (c *Carrier) React(ctx context.Context, r es.Recorded) error {
	switch r.Aggregate.Type {
	case request.AggregateType:
		return c.Carry(ctx, r.Aggregate)
	case docket.AggregateType:
		return c.docketed(ctx, r)
	case notice.AggregateType:
		return c.Deliver(ctx, r.Aggregate)
	case system.AggregateType:
		return c.list(ctx, r.Aggregate)
	}
	return nil
}

// Alarm wakes requests and notices.
func (c *Carrier) Alarm() jetstream.Alarm {
	return jetstream.Alarm{Name: "carry", Context: Context, Due: func(ctx context.Context, t jetstream.Timer) error {
		return c.Resume(ctx, t.Aggregate)
	}}
}

// Resume goes on with a request or a notice, wherever it stands.
func (c *Carrier) Resume(ctx context.Context, agg es.Aggregate) error {
	switch agg.Type {
	case notice.AggregateType:
		return c.Deliver(ctx, agg)
	case request.AggregateType:
	default:
		return nil
	}
	if err := c.Carry(ctx, agg); err != nil {
		return err
	}
	s, _, err := c.cfg.Requests.Load(ctx, agg, es.Leader)
	if err != nil {
		return fmt.Errorf("load request: %w", err)
	}
	for _, n := range s.Notices {
		if n.Ended {
			continue
		}
		if err := c.Deliver(ctx, es.Aggregate{Context: Context, Tenant: agg.Tenant, Type: notice.AggregateType, ID: n.ID}); err != nil {
			return err
		}
	}
	return nil
}

// list shows a system's version in the catalogue. Who registered it does so as
// well; this is for one whose process died in between.
func (c *Carrier) list(ctx context.Context, agg es.Aggregate) error {
	s, _, err := c.cfg.Systems.Load(ctx, agg, es.Leader)
	if err != nil {
		return fmt.Errorf("load system: %w", err)
	}
	v, ok := s.Latest()
	if !ok {
		return nil
	}
	return c.List(ctx, agg.Tenant, v, s.Retired)
}

// List shows a version of a system in the tenant's catalogue, or takes the
// system off.
func (c *Carrier) List(ctx context.Context, tenant string, v system.Version, retired bool) error {
	agg := CatalogueOf(tenant)
	var cmd catalogue.Command = catalogue.List{
		System: v.System, Version: v.Number, Connector: v.Connector, Region: v.Region, Collections: v.Collections,
	}
	if retired {
		cmd = catalogue.Delist{System: v.System}
	}
	_, err := c.cfg.Catalogues.Handle(ctx, agg, es.Command[catalogue.Command]{
		ID: es.StepID(SystemOf(tenant, v.System), fmt.Sprintf("list/%t", retired), int(v.Number)), At: c.cfg.Now(), Data: cmd,
	})
	if err != nil {
		return fmt.Errorf("list system: %w", err)
	}
	return nil
}

const (
	retentionContext = "retention"
	personType       = "person"
	holdReleased     = "person.hold_released"
)

// Holds resumes what waited for a hold that retention has released, and takes in the
// erasures that retention announces.
func (c *Carrier) Holds() jetstream.Process {
	return jetstream.Process{Name: "fulfilment-holds", Context: retentionContext, CodeVersion: codeVersion, React: c.released}
}

func (c *Carrier) released(ctx context.Context, r es.Recorded) error {
	if r.Aggregate.Type != personType {
		return nil
	}
	for i, ev := range r.Events {
		if ev.Type == erasureDue {
			if err := c.due(ctx, r, i); err != nil {
				return err
			}
		}
		if ev.Type != holdReleased {
			continue
		}
		if err := c.resume(ctx, r, i); err != nil {
			return err
		}
	}
	return nil
}

// resume wakes what waits under any reference of the person: a hold that lay with
// one of them kept all.
func (c *Carrier) resume(ctx context.Context, r es.Recorded, i int) error {
	refs, err := c.References(client.WithTenant(ctx, r.Aggregate.Tenant), r.Aggregate.ID)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if err := c.resumeUnder(ctx, r, i, ref); err != nil {
			return err
		}
	}
	return nil
}

// References are all of a person's, as identity knows them now. ctx must name the
// tenant for calls to other services.
func (c *Carrier) References(ctx context.Context, ref string) ([]string, error) {
	who, err := c.cfg.Peers.Subjects.GetSubject(ctx, &identityv1.GetSubjectRequest{SubjectRef: ref})
	if gone(err) {
		return []string{ref}, nil
	}
	refs := []string{ref}
	if root := who.GetMergedInto(); err == nil && root != "" {
		refs = append(refs, root)
		who, err = c.cfg.Peers.Subjects.GetSubject(ctx, &identityv1.GetSubjectRequest{SubjectRef: root})
	}
	if err != nil {
		return nil, fmt.Errorf("get subject: %w", err)
	}
	for _, other := range who.GetMergedRefs() {
		if other != ref {
			refs = append(refs, other)
		}
	}
	return refs, nil
}

func (c *Carrier) resumeUnder(ctx context.Context, r es.Recorded, i int, ref string) error {
	d, _, err := c.cfg.Dockets.Load(ctx, DocketOf(r.Aggregate.Tenant, ref), es.Leader)
	if err != nil {
		return fmt.Errorf("load docket: %w", err)
	}
	current := d.Current()
	if current == "" {
		return nil
	}
	agg := RequestOf(r.Aggregate.Tenant, current)
	at := c.cfg.Now().Truncate(time.Microsecond)
	_, err = c.cfg.Requests.Handle(ctx, agg, es.Command[request.Command]{
		ID: es.StepID(agg, "released/"+r.ID, i), At: at, Data: request.Resume{Cause: "hold_released", At: at},
		Meta: es.Meta{Correlation: current, Causation: es.EventID(r.ID, i)},
	})
	if err != nil && !errors.Is(err, request.ErrOutOfStep) && !errors.Is(err, request.ErrNoRequest) {
		return fmt.Errorf("resume request: %w", err)
	}
	return nil // its own commit makes it go on
}
