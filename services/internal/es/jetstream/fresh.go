package jetstream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"habeas.internal/services/internal/es"

	"golang.org/x/sync/errgroup"
)

// ProveEvery is how often a prover asks when nobody waits for it.
const ProveEvery = 250 * time.Millisecond

// proveAgain is the pause after a question that brought no proof.
const proveAgain = 50 * time.Millisecond

// Prover asks the leaders of a context's streams, again and again, how far they
// reach. All who wait for a proof share one question.
type Prover struct {
	log     *Log
	streams map[string]*proving
}

var _ es.Prover = (*Prover)(nil)

// proving is one stream's part.
type proving struct {
	sh   *shard
	kick chan struct{}

	mu      sync.Mutex
	latest  es.Proof
	renewed chan struct{} // closed by the next proof
}

// Prover makes the prover of a context. It knows nothing until Run runs.
func (l *Log) Prover(domain string) *Prover {
	p := &Prover{log: l, streams: map[string]*proving{}}
	for _, sh := range l.shards[domain] {
		p.streams[sh.name] = &proving{sh: sh, kick: make(chan struct{}, 1), renewed: make(chan struct{})}
	}
	return p
}

// Run asks until ctx ends. A question that is not answered is asked again; only
// a stream that has lost something ends it otherwise, with what it lost.
func (p *Prover) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, one := range p.streams {
		g.Go(func() error { return one.run(ctx, p.log) })
	}
	return g.Wait()
}

func (p *proving) run(ctx context.Context, l *Log) error {
	tick := time.NewTicker(ProveEvery)
	defer tick.Stop()
	for {
		again, err := p.ask(ctx, l)
		if err != nil {
			return err
		}
		pause := tick.C
		if again {
			pause = time.After(proveAgain)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pause:
		case <-p.kicked(again):
		}
	}
}

// kicked is nil, which never comes, while a failed question waits to be asked
// again.
func (p *proving) kicked(failed bool) <-chan struct{} {
	if failed {
		return nil
	}
	return p.kick
}

// ask asks once, and files what it learns. It fails only to halt.
func (p *proving) ask(ctx context.Context, l *Log) (again bool, err error) {
	select {
	case <-p.kick: // those who wait now are served by this question
	default:
	}
	if err := l.sound(ctx, p.sh); err != nil {
		if _, halt := es.HaltReason(err); halt {
			return false, err
		}
		return true, nil
	}
	asked := time.Now()
	a, err := l.conn.askInfo(ctx, p.sh.name, "")
	if err != nil || a.Error != nil || !a.majority() || !a.whole() ||
		!l.conn.runs.settled(p.sh.name, a.Cluster, asked, time.Now()) {
		return true, nil //nolint:nilerr // no proof this time
	}
	p.file(es.Proof{Position: p.sh.position(a.State.LastSeq), At: asked.Add(-a.Cluster.heard()), Asked: asked})
	return false, nil
}

func (p *proving) file(proof es.Proof) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if proof.At.Before(p.latest.At) { // the newer question was answered by one who had heard less
		proof.At = p.latest.At
	}
	proof.Seq = max(proof.Seq, p.latest.Seq)
	p.latest = proof
	close(p.renewed)
	p.renewed = make(chan struct{})
}

func (p *proving) look() (es.Proof, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest, p.renewed
}

// heard is how long before a question its answer may be of. A leader that lost a
// majority since it last heard from one may answer from before. It lost none if it
// has heard from all lately: a replica calls an election when it has heard nothing
// for four seconds. Where nothing is written, replicas speak once a second.
func (c clusterAnswer) heard() time.Duration {
	var active []time.Duration
	for _, r := range c.Replicas {
		if !r.Offline && r.Active > 0 {
			active = append(active, r.Active)
		}
	}
	others := (1 + len(c.Replicas)) / 2 // that make a majority with the leader
	if others == 0 || len(active) < others {
		return 0
	}
	slices.Sort(active)
	if len(active) == len(c.Replicas) && active[len(active)-1] < holdTime {
		return 0
	}
	return active[others-1]
}

// Latest is the last proof of a stream.
func (p *Prover) Latest(stream string) es.Proof {
	one, ok := p.streams[stream]
	if !ok {
		return es.Proof{}
	}
	latest, _ := one.look()
	return latest
}

// Since waits for a proof that was asked for at or after a moment.
func (p *Prover) Since(ctx context.Context, stream string, moment time.Time) (es.Proof, error) {
	one, ok := p.streams[stream]
	if !ok {
		return es.Proof{}, fmt.Errorf("%s: %w", stream, es.ErrMissingStream)
	}
	for {
		latest, renewed := one.look()
		if !latest.Asked.Before(moment) {
			return latest, nil
		}
		select {
		case one.kick <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			return es.Proof{}, fmt.Errorf("prove %s: %w: %w", stream, es.ErrUnavailable, context.Cause(ctx))
		case <-renewed:
		}
	}
}

// Ends are where the streams of a context stand, with the commits that stand
// there, as leaders say that can prove that they lead.
func (l *Log) Ends(ctx context.Context, domain string) (map[string]es.Checkpoint, error) {
	ends, err := l.ends(ctx, domain, nil)
	if err != nil {
		return nil, err
	}
	out := map[string]es.Checkpoint{}
	for i, sh := range l.shards[domain] {
		m, err := l.readable(ctx, sh.name, ends[i])
		if err != nil {
			return nil, err
		}
		r, err := sh.decode(m)
		if err != nil {
			return nil, err
		}
		out[sh.name] = es.CheckpointAt(r)
	}
	return out, nil
}
