package otp

import (
	"sync"
	"time"
)

// Pace bounds how many codes one person is sent, so that nobody can be buried
// in mail by somebody who starts verifications in their name. It counts in this
// process alone: it is a limit and decides nothing else. The zero value is not
// ready; make one with NewPace.
type Pace struct {
	most   int
	within time.Duration

	mu    sync.Mutex
	sent  map[string][]time.Time // by tenant and subject
	swept time.Time
}

// NewPace allows most codes for one subject within a time.
func NewPace(most int, within time.Duration) *Pace {
	return &Pace{most: most, within: within, sent: map[string][]time.Time{}}
}

// Allow counts one more code for a subject, or says that it is one too many.
func (p *Pace) Allow(tenant, ref string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep(now)
	key := tenant + "/" + ref
	recent := p.recent(p.sent[key], now)
	if len(recent) >= p.most {
		p.sent[key] = recent
		return false
	}
	p.sent[key] = append(recent, now)
	return true
}

func (p *Pace) recent(all []time.Time, now time.Time) []time.Time {
	for len(all) > 0 && now.Sub(all[0]) >= p.within {
		all = all[1:]
	}
	return all
}

// sweep forgets, once in a while, those who were sent nothing lately.
func (p *Pace) sweep(now time.Time) {
	if now.Sub(p.swept) < p.within {
		return
	}
	p.swept = now
	for key, all := range p.sent {
		if len(p.recent(all, now)) == 0 {
			delete(p.sent, key)
		}
	}
}
