package rpctest

import (
	"context"
	"slices"
	"sync"

	"habeas.internal/services/internal/rpc"
)

// Reads is a read log in memory. The zero value takes everything.
type Reads struct {
	mu   sync.Mutex
	all  []rpc.Read
	fail error
}

// Record keeps a reading, or fails as Fail has asked.
func (r *Reads) Record(_ context.Context, read rpc.Read) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail == nil {
		r.all = append(r.all, read)
	}
	return r.fail
}

// Fail makes what follows fail with err; nil ends that.
func (r *Reads) Fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

// All is what was recorded, in order.
func (r *Reads) All() []rpc.Read {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}
