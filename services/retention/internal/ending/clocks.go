// Package ending ends the keys of conversations' periods when they are due. It
// keeps the clocks of live periods in memory, read from the log at each start:
// some 50 bytes each, and some 200 a conversation.
package ending

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/retention/conversation"
	"habeas.internal/services/retention/internal/rpc"
)

// Clocks are when the keys of all conversations go, and who takes part in
// which. It is a sink of retention's own events; its methods may be called from
// several goroutines.
type Clocks struct {
	registry es.Registry[conversation.Event]

	mu    sync.Mutex
	read  map[place]es.Checkpoint
	live  map[talk]map[uint32]clock
	takes map[talk]map[string]bool // a person's; the talk's id is their reference
}

type place struct{ stream, epoch string }

// talk is a conversation, or a person in one place of the maps.
type talk struct{ tenant, id string }

// clock is that of one period.
type clock struct {
	ends, until time.Time
	awaited     bool // a receipt is
}

// New makes an empty list.
func New(registry es.Registry[conversation.Event]) *Clocks {
	return &Clocks{registry: registry, read: map[place]es.Checkpoint{}, live: map[talk]map[uint32]clock{}, takes: map[talk]map[string]bool{}}
}

// Projection keeps the list up to date.
func (c *Clocks) Projection() jetstream.Projection {
	return jetstream.Projection{Name: "conversations", Context: rpc.Context, Sink: c}
}

// Checkpoint is part of es.Sink.
func (c *Clocks) Checkpoint(_ context.Context, stream, epoch string) (es.Checkpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.read[place{stream, epoch}]; ok {
		return at, nil
	}
	return es.Checkpoint{Position: es.Position{Stream: stream, Epoch: epoch}}, nil
}

// Apply is part of es.Sink. What can't be read changes nothing.
func (c *Clocks) Apply(_ context.Context, from es.Checkpoint, batch []es.Recorded) error {
	decoded := make([][]conversation.Event, len(batch))
	for i, r := range batch {
		if r.Aggregate.Type != conversation.AggregateType || r.Aggregate.Tenant == es.LogTenant {
			continue
		}
		events, err := c.registry.DecodeAll(r.Commit)
		if err != nil {
			return fmt.Errorf("%w: %w", es.ErrUnprojectable, err)
		}
		decoded[i] = events
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	last := es.CheckpointAt(batch[len(batch)-1])
	at := place{last.Stream, last.Epoch}
	if c.read[at].Seq != from.Seq {
		return es.ErrMoved
	}
	for i, events := range decoded {
		for _, ev := range events {
			c.note(talk{batch[i].Aggregate.Tenant, batch[i].Aggregate.ID}, ev)
		}
	}
	c.read[at] = last
	return nil
}

func (c *Clocks) note(of talk, ev conversation.Event) {
	switch e := ev.(type) {
	case conversation.Started:
		c.join(of, e.Participants)
	case conversation.Added:
		c.join(of, e.Participants)
	case conversation.PeriodBegun:
		if c.live[of] == nil {
			c.live[of] = map[uint32]clock{}
		}
		c.live[of][e.Number] = clock{ends: e.Ends, until: e.KeepUntil, awaited: e.Archive == conversation.ClientServers}
	case conversation.Closed:
		for n, at := range c.live[of] {
			if e.At.Before(at.ends) {
				at.until = e.KeepUntil
				c.live[of][n] = at
			}
		}
	case conversation.Received:
		if at, ok := c.live[of][e.Period]; ok {
			if at.awaited = false; e.At.After(at.until) {
				at.until = e.At
			}
			c.live[of][e.Period] = at
		}
	case conversation.Ended:
		for _, n := range e.Periods {
			delete(c.live[of], n)
		}
		if len(c.live[of]) == 0 {
			delete(c.live, of)
		}
	case conversation.HandedOver, conversation.Refused, conversation.Deferred, conversation.Begun:
	}
}

func (c *Clocks) join(of talk, refs []string) {
	for _, ref := range refs {
		who := talk{of.tenant, ref}
		if c.takes[who] == nil {
			c.takes[who] = map[string]bool{}
		}
		c.takes[who][of.id] = true
	}
}

// due are the conversations in which a period is due at a moment.
func (c *Clocks) due(at time.Time) []es.Aggregate {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []es.Aggregate
	for of, periods := range c.live {
		for _, clock := range periods {
			if !clock.awaited && !at.Before(clock.until) {
				out = append(out, rpc.ConversationOf(of.tenant, of.id))
				break
			}
		}
	}
	return out
}

// lookAgain is how often TakenPartIn looks whether the list has caught up.
const lookAgain = 10 * time.Millisecond

// TakenPartIn are the conversations in which somebody takes part by any of
// these references, once the list has reached these ends; es.ErrBehind if it
// does not before ctx ends.
func (c *Clocks) TakenPartIn(ctx context.Context, tenant string, refs []string, ends map[string]es.Checkpoint) ([]string, error) {
	for {
		if found, ok := c.takenPartIn(tenant, refs, ends); ok {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return nil, es.ErrBehind
		case <-time.After(lookAgain):
		}
	}
}

func (c *Clocks) takenPartIn(tenant string, refs []string, ends map[string]es.Checkpoint) ([]string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range ends {
		if c.read[place{end.Stream, end.Epoch}].Seq < end.Seq {
			return nil, false
		}
	}
	found := map[string]bool{}
	for _, ref := range refs {
		maps.Copy(found, c.takes[talk{tenant, ref}])
	}
	return slices.Sorted(maps.Keys(found)), true
}
