// Package places holds the stores of the installation against what every
// tenant's posted policies promise about where data is kept.
package places

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"habeas.internal/services/consent/policy"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/stores"
)

// ErrForbidden says that a store is where a policy forbids it, or that nobody
// has said where it is.
var ErrForbidden = errors.New("STORE_REGION_NOT_ALLOWED")

// Promises are the regions that policies allow. It is a sink of consent's own
// events; its methods may be called from several goroutines.
type Promises struct {
	registry es.Registry[policy.Event]

	mu      sync.Mutex
	read    map[place]es.Checkpoint
	allowed map[version][]string
	posted  []version
}

type place struct{ stream, epoch string }

type version struct {
	policy es.Aggregate
	number uint32
}

// New makes an empty list.
func New(registry es.Registry[policy.Event]) *Promises {
	return &Promises{registry: registry, read: map[place]es.Checkpoint{}, allowed: map[version][]string{}}
}

// Projection keeps the list up to date.
func (p *Promises) Projection(domain string) jetstream.Projection {
	return jetstream.Projection{Name: "regions", Context: domain, Sink: p}
}

// Checkpoint is part of es.Sink.
func (p *Promises) Checkpoint(_ context.Context, stream, epoch string) (es.Checkpoint, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.read[place{stream, epoch}]; ok {
		return at, nil
	}
	return es.Checkpoint{Position: es.Position{Stream: stream, Epoch: epoch}}, nil
}

// Apply is part of es.Sink. What can't be read changes nothing.
func (p *Promises) Apply(_ context.Context, from es.Checkpoint, batch []es.Recorded) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := es.CheckpointAt(batch[len(batch)-1])
	at := place{last.Stream, last.Epoch}
	if p.read[at].Seq != from.Seq {
		return es.ErrMoved
	}
	for _, r := range batch {
		if r.Aggregate.Type != policy.AggregateType || r.Aggregate.Tenant == es.LogTenant {
			continue
		}
		events, err := p.registry.DecodeAll(r.Commit)
		if err != nil {
			return fmt.Errorf("%w: %w", es.ErrUnprojectable, err)
		}
		for _, ev := range events {
			if err := p.note(r.Aggregate, ev); err != nil {
				return fmt.Errorf("%w: %w", es.ErrUnprojectable, err)
			}
		}
	}
	p.read[at] = last
	return nil
}

// note keeps what a version allows, and that it was posted. Each posted version
// counts for ever: it judges what was collected while it was in force.
func (p *Promises) note(agg es.Aggregate, ev policy.Event) error {
	switch e := ev.(type) {
	case policy.Published:
		doc, err := policydoc.Read(e.Document)
		if err != nil {
			return err
		}
		if len(doc.Regions.Allowed) > 0 {
			p.allowed[version{agg, e.Version}] = doc.Regions.Allowed
		}
	case policy.Posted:
		if v := (version{agg, e.Version}); p.allowed[v] != nil {
			p.posted = append(p.posted, v)
		}
	case policy.PublishingRefused, policy.PostingRefused:
	}
	return nil
}

// lookAgain is how often Hold looks whether the list has caught up.
const lookAgain = 10 * time.Millisecond

// Hold holds the stores against every policy that was posted, once the list has
// reached these ends: ErrForbidden names store, region and policy.
func (p *Promises) Hold(ctx context.Context, regions stores.Regions, ends map[string]es.Checkpoint) error {
	for {
		if ok, err := p.hold(regions, ends); ok {
			return err
		}
		select {
		case <-ctx.Done():
			return es.ErrBehind
		case <-time.After(lookAgain):
		}
	}
}

func (p *Promises) hold(regions stores.Regions, ends map[string]es.Checkpoint) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, end := range ends {
		if p.read[place{end.Stream, end.Epoch}].Seq < end.Seq {
			return false, nil
		}
	}
	for _, v := range p.posted {
		store, in := regions.Outside(p.allowed[v])
		if store == "" {
			continue
		}
		if in == "" {
			in = "a region that HABEAS_REGIONS does not say"
		}
		return true, fmt.Errorf("%w: %s is in %s, which version %d of policy %s of tenant %s does not allow",
			ErrForbidden, store, in, v.number, v.policy.ID, v.policy.Tenant)
	}
	return true, nil
}
