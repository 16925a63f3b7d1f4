//go:build long

package consistency_test

import (
	"testing"
	"time"
)

// TestChaosConsent makes faults of all kinds, as many of each, for a minute or as
// many seconds as are asked for, and prints the table of docs/operations.md.
func TestChaosConsent(t *testing.T) {
	c := begin(t)
	length := time.Duration(fromEnv(t, secondsVariable, 60)) * time.Second
	c.run(func() {
		c.rest(0, 5*time.Second)
		for end := time.Now().Add(length); time.Now().Before(end); {
			for _, i := range c.rng.Perm(len(kinds())) {
				if !time.Now().Before(end) {
					break
				}
				c.suffer(c.fault(kinds()[i]), c.between(500*time.Millisecond, 8*time.Second))
				c.rest(2*time.Second, c.between(2*time.Second, 5*time.Second))
			}
		}
	})
	t.Log(c.report())
}
