package chaos_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
)

const (
	seedVariable    = "HABEAS_CHAOS_SEED"
	secondsVariable = "HABEAS_CHAOS_SECONDS"

	domain   = "identity"
	tenant   = "t1"
	stream   = "HABEAS_IDENTITY_00"
	writers  = 32
	counters = 8
)

// campaign is one run of faults: what happens when follows from its seed.
type campaign struct {
	seed uint64
	// length is how long faults are made; what follows them takes longer.
	length time.Duration
	rng    *rand.Rand // of the test's own goroutine
}

// begin starts a campaign of the given length. The seed is printed, and can be
// set from outside.
func begin(t *testing.T, length time.Duration) *campaign {
	t.Helper()
	c := &campaign{seed: fromEnv(t, seedVariable, rand.Uint64N(1<<32)), length: length}
	c.rng = c.fork(0)
	t.Logf("%s=%d, faults for %s", seedVariable, c.seed, c.length)
	return c
}

func fromEnv(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// fork is the chance of one more goroutine.
func (c *campaign) fork(n uint64) *rand.Rand { return rand.New(rand.NewPCG(c.seed, n)) }

// between draws a duration.
func (c *campaign) between(least, most time.Duration) time.Duration {
	return least + time.Duration(c.rng.Int64N(int64(most-least)))
}

// pass lets time go by.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// counterAt is the k-th counter of a round. A round has counters of its own, so
// that none grows so long that loading it is all that a campaign does.
func counterAt(seed uint64, round, k int) es.Aggregate {
	text := strconv.FormatUint(seed, 10) + "/" + strconv.Itoa(round) + "/" + strconv.Itoa(k)
	return es.Aggregate{Context: domain, Tenant: tenant, Type: "counter", ID: es.DeriveID(tenant, "chaos", text)}
}
