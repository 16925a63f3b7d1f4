package consistency_test

import (
	"testing"
	"time"
)

func TestAnswersAreLinearizableAndNeverOlderThanTheirBoundUnderFaults(t *testing.T) {
	c := begin(t)
	c.run(func() {
		c.rest(0, time.Second)
		for _, kind := range []string{killConsent, killRedis, emptyRedis, freezeConsent, killLeader, freezeLeader} {
			c.suffer(c.fault(kind), c.between(time.Second, 2*time.Second))
			c.rest(0, 300*time.Millisecond)
		}
	})
	t.Log(c.report())
}
