// Package fence makes sure that a destroyed key is used by nobody: it waits
// until every process that may hold the key has dropped it, or until the
// longest lease under which the key can have been handed out has ended.
//
// Two kinds of holders exist. A member has joined the registry, is told to
// drop, and answers when it has. Everyone else, holders from before a restart
// and holders that another replica knows included, is waited out.
package fence

import (
	"context"
	"errors"
	"sync"
	"time"

	"habeas.internal/services/internal/seal"
)

// Member is a holder of keys that can be told to drop one.
type Member interface {
	// Drop returns nil when the member holds the key no more and will not use
	// it again, whatever answers are still on their way to it.
	Drop(ctx context.Context, id seal.KeyID) error
}

// Config is what a Registry needs.
type Config struct {
	// Lease is how long a key may be used after it was asked for.
	Lease time.Duration
	// Before is the longest lease under which a key may have been handed out
	// before this registry was made, by whomever; zero is Lease.
	Before time.Duration
	// Slack is added to every wait, for clocks of other machines that run
	// slower.
	Slack time.Duration
	// Alone says that no other process hands out keys of this vault. Only then
	// can the answers of members end a fence early.
	Alone bool
	// Now is the clock; time.Now, whose readings are monotonic.
	Now func() time.Time
}

// Registry knows the holders. Its methods may be called from several
// goroutines.
type Registry struct {
	cfg Config

	mu        sync.Mutex
	members   map[string]Member
	strangers time.Time // the last moment at which a non-member may hold a key
}

// New makes a registry without members. Leases that were given before it
// existed are waited out.
func New(cfg Config) (*Registry, error) {
	if cfg.Lease <= 0 || cfg.Slack < 0 || cfg.Now == nil {
		return nil, errors.New("fence: configuration is incomplete")
	}
	return &Registry{cfg: cfg, members: map[string]Member{}, strangers: cfg.Now().Add(max(cfg.Lease, cfg.Before))}, nil
}

// Lease is how long a key may be used after it was asked for.
func (r *Registry) Lease() time.Duration { return r.cfg.Lease }

// Join adds a member under a name that is its own. The function that it
// returns takes the member out again; a member that leaves without having
// dropped all keys is a stranger for one more lease.
func (r *Registry) Join(name string, m Member) (leave func(dropped bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[name] = m
	return func(dropped bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.members, name)
		if !dropped {
			r.strange()
		}
	}
}

// Leased notes that name is about to get keys. Call it before reading the
// keys' rows: a fence that begins after the rows were read must know of it.
func (r *Registry) Leased(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.members[name] == nil {
		r.strange()
	}
}

func (r *Registry) strange() {
	if until := r.cfg.Now().Add(r.cfg.Lease); until.After(r.strangers) {
		r.strangers = until
	}
}

// Report says how a fence was reached.
type Report struct {
	Acked   int // members that confirmed
	Expired int // members, and strangers counted as one, that were waited out
	Took    time.Duration
}

// Fence returns when nobody can use the key any more. Call it after the vault
// has stopped handing the key out. Only the end of ctx is an error.
func (r *Registry) Fence(ctx context.Context, id seal.KeyID) (Report, error) {
	began := r.cfg.Now()
	bound := began.Add(r.cfg.Lease + r.cfg.Slack)
	members, strangers := r.holders()
	if end := began.Add(r.cfg.Lease); !r.cfg.Alone && end.After(strangers) {
		strangers = end
	}
	var report Report
	report.Acked = r.tell(ctx, bound, id, members)
	report.Expired = len(members) - report.Acked
	until := began
	if report.Expired > 0 {
		until = bound
	}
	if end := strangers.Add(r.cfg.Slack); end.After(began) {
		report.Expired++
		if end.After(until) {
			until = end
		}
	}
	err := r.wait(ctx, until)
	report.Took = r.cfg.Now().Sub(began)
	return report, err
}

func (r *Registry) holders() (members []Member, strangers time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		members = append(members, m)
	}
	return members, r.strangers
}

// tell asks all members at once and counts those that answered in time.
func (r *Registry) tell(ctx context.Context, bound time.Time, id seal.KeyID, members []Member) (acked int) {
	ctx, cancel := context.WithTimeout(ctx, bound.Sub(r.cfg.Now()))
	defer cancel()
	answers := make(chan error, len(members))
	for _, m := range members {
		go func() { answers <- m.Drop(ctx, id) }()
	}
	for range members {
		select {
		case err := <-answers:
			if err == nil {
				acked++
			}
		case <-ctx.Done():
			return acked
		}
	}
	return acked
}

func (r *Registry) wait(ctx context.Context, until time.Time) error {
	left := until.Sub(r.cfg.Now())
	if left <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
