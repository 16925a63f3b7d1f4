package rpc

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"time"
)

// Even is for methods whose time must not tell what they have found: their
// answers, good or bad, leave at whole multiples of a floor after the call came
// in, and a random moment later. Work that takes longer than the floor, as under
// load, shows in steps of the floor alone.
type Even struct {
	// Floor is the least time of an answer; zero evens nothing out.
	Floor time.Duration
	// Methods are full names of unary methods.
	Methods []string
}

// spread is the part of the floor that the random moment is of.
const spread = 4

// mark notes which methods are evened out.
func (e Even) mark(methods methodSet) error {
	for _, name := range e.Methods {
		m := methods[name]
		if m == nil {
			return fmt.Errorf("even out %s: is not served", name)
		}
		m.even = e.Floor > 0
	}
	return nil
}

// AtOnce lets the answer of an even method leave when it is there: the handler
// has found that there is nothing to hide from who calls.
func AtOnce(ctx context.Context) {
	if c := callFrom(ctx); c != nil {
		c.atOnce = true
	}
}

// rest waits until the answer may leave, or until nobody waits for it.
func (e Even) rest(ctx context.Context, c *call) {
	if !c.method.even || c.atOnce {
		return
	}
	later, err := rand.Int(rand.Reader, big.NewInt(int64(e.Floor/spread)+1))
	if err != nil {
		later = new(big.Int)
	}
	timer := time.NewTimer(untilStep(e.Floor, time.Since(c.began)) + time.Duration(later.Int64()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// untilStep is how long it is to the next whole multiple of a floor.
func untilStep(floor, passed time.Duration) time.Duration {
	return floor - passed%floor
}
