package chaos_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
)

// acknowledged is which commits were acknowledged when.
type acknowledged struct {
	mu   sync.Mutex
	seqs []uint64
	at   []time.Time
}

func (a *acknowledged) note(seq uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seqs, a.at = append(a.seqs, seq), append(a.at, time.Now())
}

// before is the highest commit that was acknowledged before a moment.
func (a *acknowledged) before(moment time.Time) (highest uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, seq := range a.seqs {
		if a.at[i].Before(moment) {
			highest = max(highest, seq)
		}
	}
	return highest
}

// provers ask, on a frozen node, how far the stream reaches, each time with a
// question that is new. A proof that lacks what was acknowledged before it
// would let a withdrawal be overlooked.
func (p *parlour) provers(ctx context.Context, logs []*jetstream.Log, clients *sync.WaitGroup) {
	for _, log := range logs {
		prover := log.Prover(domain)
		clients.Go(func() { p.whole(prover.Run(ctx)) })
		clients.Go(func() {
			for ctx.Err() == nil {
				p.prove(ctx, prover)
			}
		})
	}
}

func (p *parlour) prove(ctx context.Context, prover es.Prover) {
	ctx, cancel := context.WithTimeout(ctx, 2500*time.Millisecond)
	defer cancel()
	called := time.Now()
	known := p.acks.before(called)
	proof, err := prover.Since(ctx, stream, called)
	if err != nil {
		return
	}
	p.proofs.Add(1)
	if proof.Seq < known {
		p.fail(fmt.Errorf("proof %d lacks commit %d, acknowledged before it was asked for", proof.Seq, known))
	}
	if known := p.acks.before(proof.At); proof.Seq < known {
		p.fail(fmt.Errorf("proof %d lacks commit %d, acknowledged before it claims", proof.Seq, known))
	}
}
