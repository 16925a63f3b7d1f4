package limit_test

import (
	"context"
	"testing"
	"time"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/rpc/limit"
	"habeas.internal/services/internal/testserver"
)

// BenchmarkAdmit is what a call pays for being counted: in Redis, by five keys,
// and in the process.
func BenchmarkAdmit(b *testing.B) {
	l := newLimiter(b, testserver.Redis(b).Addr(), time.Now)
	wide := limit.Settings{Caller: 100_000, Person: 1, Reads: 100_000, Open: 1, Tenant: 100_000, Network: 100_000, Process: 100_000, Refusals: 1}
	g, err := limit.NewGuard(l, wide, func(error) {})
	if err != nil {
		b.Fatal(err)
	}
	counted := person("a", optionsv1.Role_ROLE_DPO)
	counted.Reads = optionsv1.DataClass_DATA_CLASS_PERSONAL
	frequent := counted
	frequent.Rate = optionsv1.Rate_RATE_FREQUENT
	b.Run("redis", func(b *testing.B) {
		for b.Loop() {
			if _, err := g.Admit(context.Background(), counted); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("process", func(b *testing.B) {
		for b.Loop() {
			_, _ = g.Admit(context.Background(), frequent) // refused or not, it costs the same
		}
	})
}
