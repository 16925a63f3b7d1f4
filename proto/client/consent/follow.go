package consent

import (
	"context"
	"sync"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// pingsPerBound is how often in the bound the service is asked how old what
	// it told is.
	pingsPerBound = 4
	// mostPings are remembered while none is answered.
	mostPings = 1000
	// pause is between two tries to follow; it doubles up to the last.
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
)

// Run keeps memory in step with the service until ctx ends. It goes on trying
// while the service is away, and from where it was.
func (c *Client) Run(ctx context.Context) {
	position, pause := "", firstPause
	for ctx.Err() == nil {
		began := c.now()
		last, err := c.follow(ctx, position)
		position = last
		if status.Code(err) == codes.OutOfRange { // what has changed since is not held any more
			position = ""
		}
		if ctx.Err() == nil && c.cfg.Report != nil {
			c.cfg.Report(err)
		}
		if c.now()-began > lastPause {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
	c.fresh.Store(0)
}

// follow follows one watch until it ends, and says how far it got.
func (c *Client) follow(ctx context.Context, position string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.watches.Watch(ctx)
	if err == nil {
		err = stream.Send(&consentv1.WatchRequest{Position: position})
	}
	if err != nil {
		return position, err
	}
	sent, began := &pings{at: map[uint64]time.Duration{}}, position != ""
	go c.ping(ctx, stream, sent)
	for {
		r, err := stream.Recv()
		if err != nil {
			return position, err
		}
		if !began { // what was answered before this may lack what was never told
			c.forget()
			began = true
		}
		c.apply(r.GetChanges())
		position = r.GetPosition()
		if at, ok := sent.answered(r.GetPing()); ok {
			c.extend(at - r.GetAge().AsDuration() + c.cfg.Bound)
		}
	}
}

// extend lets memory be asked until a moment.
func (c *Client) extend(until time.Duration) {
	for {
		old := c.fresh.Load()
		if int64(until) <= old || c.fresh.CompareAndSwap(old, int64(until)) {
			return
		}
	}
}

// apply forgets whoever has changed. A policy is everybody's.
func (c *Client) apply(changes []*consentv1.Change) {
	for _, change := range changes {
		switch change.GetKind() {
		case consentv1.ChangeKind_CHANGE_KIND_PERSON:
			c.part(change.GetId()).drop(change.GetId())
		case consentv1.ChangeKind_CHANGE_KIND_RECIPIENT: // nothing about them is kept
		case consentv1.ChangeKind_CHANGE_KIND_POLICY, consentv1.ChangeKind_CHANGE_KIND_UNSPECIFIED:
			c.forget()
		default: // a kind from a later contract
			c.forget()
		}
	}
}

// forget empties memory.
func (c *Client) forget() {
	for i := range c.parts {
		c.parts[i].clear()
	}
}

// pings are those that were not answered yet, with when they left.
type pings struct {
	mu   sync.Mutex
	last uint64
	at   map[uint64]time.Duration
}

func (p *pings) next(now time.Duration) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	if len(p.at) > mostPings {
		clear(p.at)
	}
	p.at[p.last] = now
	return p.last
}

// answered is when a ping left. All before it need no answer any more.
func (p *pings) answered(n uint64) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.at[n]
	for old := range p.at {
		if old <= n {
			delete(p.at, old)
		}
	}
	return at, ok
}

// ping asks how old the watch is until it ends.
func (c *Client) ping(ctx context.Context, stream consentv1.AnswerService_WatchClient, sent *pings) {
	tick := time.NewTicker(c.cfg.Bound / pingsPerBound)
	defer tick.Stop()
	for {
		if err := stream.Send(&consentv1.WatchRequest{Ping: sent.next(c.now())}); err != nil {
			return // the other side of the stream says why
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
