package pepper

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// borrowers are the services that are lent a pepper for digests of their own
// commands.
func borrowers() []string { return []string{"consent", "fulfilment", "retention"} }

// DigestOf is the purpose of the peppers that a service is lent for digests of
// its commands; ok is false for one that is lent none. Each has its own, and
// nobody is lent identity's: a digest of a command that holds little more than
// one value tells that value to whoever has its pepper and can try them all.
func DigestOf(service string) (purpose Purpose, ok bool) {
	return Idempotency + Purpose("-"+service), slices.Contains(borrowers(), service)
}

// Digests are all purposes of digests, identity's own first.
func Digests() []Purpose {
	out := []Purpose{Idempotency}
	for _, service := range borrowers() {
		purpose, _ := DigestOf(service)
		out = append(out, purpose)
	}
	return out
}

// Owned is the peppers of one purpose of one tenant.
type Owned struct {
	Tenant  string
	Purpose Purpose
}

// turning is one that is under way.
type turning struct {
	Owned
	old uint64
}

// Turn puts new peppers in the place of those that no row depends on, and
// destroys the old ones. Wait returns when whoever had a pepper at the call has
// forgotten it; it is asked twice for all together: nobody makes a digest under
// an old pepper any more when it is retired, and nobody has it when that is
// recorded. After a crash or an error the next call goes on where this one was.
// Tenants that are gone are passed over, and one that fails does not keep the
// others from it.
func (k *Keeper) Turn(ctx context.Context, due []Owned, wait func(context.Context) error) error {
	var begun, retired []turning
	var failed []error
	note := func(o Owned, err error) bool {
		if err != nil && !errors.Is(err, ErrEnded) {
			failed = append(failed, fmt.Errorf("turn pepper %s of %s: %w", o.Purpose, o.Tenant, err))
		}
		return err == nil
	}
	for _, o := range due {
		old, err := k.Retired(ctx, o.Tenant, o.Purpose)
		if err == nil && old != 0 {
			retired = append(retired, turning{o, old})
			continue
		}
		var set Set
		if err == nil {
			set, err = k.Begin(ctx, o.Tenant, o.Purpose)
		}
		if note(o, err) {
			begun = append(begun, turning{o, set[0].Epoch})
			set.Clear()
		}
	}
	if len(begun) > 0 {
		if err := wait(ctx); err != nil {
			return errors.Join(append(failed, err)...)
		}
	}
	for _, b := range begun {
		err := k.Retire(ctx, b.Tenant, b.Purpose, b.old, 0)
		if errors.Is(err, ErrNotLive) {
			continue // another process has done it all
		}
		if note(b.Owned, err) {
			retired = append(retired, b)
		}
	}
	if len(retired) > 0 {
		if err := wait(ctx); err != nil {
			return errors.Join(append(failed, err)...)
		}
	}
	for _, r := range retired {
		note(r.Owned, k.Bury(ctx, r.Tenant, r.Purpose, r.old))
	}
	return errors.Join(failed...)
}
