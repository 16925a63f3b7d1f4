package consent

import (
	"math"
	"sync"
	"time"
)

// parts is how many parts memory has, each with its own lock.
const parts = 64

// never is the end of what does not end by itself.
const never = time.Duration(math.MaxInt64)

// kept is an answer in memory.
type kept struct {
	answer Answer
	until  time.Duration
}

// part is memory of some people.
type part struct {
	most int

	mu     sync.RWMutex
	people map[string]map[string]kept // by reference, then by question
	size   int
	moved  uint64 // how often anything of this part has changed
}

func (p *part) find(subject string, key []byte, now time.Duration) (Answer, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	k, ok := p.people[subject][string(key)]
	if !ok || now >= k.until {
		return Answer{}, false
	}
	return k.answer, true
}

// changes is how often the part has changed, for keep.
func (p *part) changes() uint64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.moved
}

// keep puts an answer into memory, if the part has not changed since the service
// was asked: else the answer may be from before the change. If memory is full,
// somebody leaves: whom the map names first.
func (p *part) keep(before uint64, subject, key string, k kept) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.moved != before {
		return
	}
	for other, answers := range p.people {
		if p.size < p.most {
			break
		}
		p.size -= len(answers)
		delete(p.people, other)
	}
	if p.people == nil {
		p.people = map[string]map[string]kept{}
	}
	if p.people[subject] == nil {
		p.people[subject] = map[string]kept{}
	}
	p.size -= len(p.people[subject])
	p.people[subject][key] = k
	p.size += len(p.people[subject])
}

// drop forgets a person.
func (p *part) drop(subject string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved++
	p.size -= len(p.people[subject])
	delete(p.people, subject)
}

// clear forgets everybody.
func (p *part) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved++
	p.people, p.size = nil, 0
}
