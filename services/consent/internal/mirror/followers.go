package mirror

import "sync"

// followers are woken when something moves.
type followers struct {
	mu  sync.Mutex
	all map[chan struct{}]bool
}

func (f *followers) add(c chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[chan struct{}]bool{}
	}
	f.all[c] = true
}

func (f *followers) remove(c chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, c)
}

func (f *followers) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.all {
		select {
		case c <- struct{}{}:
		default: // it was woken, and has not looked yet
		}
	}
}
