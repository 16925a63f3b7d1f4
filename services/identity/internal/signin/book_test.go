package signin_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"habeas.internal/services/identity/internal/signin"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/rpc/rpctest"
)

// clock is a test's.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

func newBook(t *testing.T, cfg signin.Config) (*signin.Book, *clock) {
	t.Helper()
	client, err := cfg.Client()
	if err != nil {
		t.Fatal(err)
	}
	c := new(clock)
	c.at.Store(time.Now().UnixNano())
	return signin.NewBook(client, c.now, func(error) {}), c
}

func TestAProviderThatIsAwayIsAskedAgainAndForgottenAfterAnHour(t *testing.T) {
	p := rpctest.NewProvider(t)
	p.Down.Store(true)
	b, c := newBook(t, signin.Config{CA: env.File(p.CA), Loopback: true})
	known := func() error {
		keys, err := b.Keys(t.Context(), p.Server.URL)
		if err == nil && keys("k1") == nil {
			return errors.New("its key is not known")
		}
		return err
	}
	expect := func(what string, want error) {
		t.Helper()
		if err := known(); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	for range 5 {
		expect("before it was ever reached", signin.ErrAway)
	}
	if n := p.Fetches.Load(); n != 1 {
		t.Errorf("asked %d times within ten seconds, want once", n)
	}
	p.Down.Store(false)
	expect("within the same ten seconds", signin.ErrAway)
	c.pass(11 * time.Second)
	expect("when it is back", nil)
	p.Down.Store(true)
	c.pass(59 * time.Minute)
	expect("while it is away for less than an hour", nil)
	c.pass(2 * time.Minute)
	expect("after an hour", signin.ErrAway)
	p.Down.Store(false)
	c.pass(11 * time.Second)
	expect("when it is back again", nil)
}

func TestAProviderOnThisMachineIsAskedInDevelopmentAlone(t *testing.T) {
	p := rpctest.NewProvider(t)
	b, _ := newBook(t, signin.Config{CA: env.File(p.CA)})
	if _, err := b.Keys(t.Context(), p.Server.URL); !errors.Is(err, signin.ErrAway) || p.Fetches.Load() != 0 {
		t.Errorf("%v, asked %d times", err, p.Fetches.Load())
	}
	stranger, _ := newBook(t, signin.Config{Loopback: true}) // whose authority is not known
	if _, err := stranger.Keys(t.Context(), p.Server.URL); !errors.Is(err, signin.ErrAway) || p.Fetches.Load() != 0 {
		t.Errorf("without its authority: %v, asked %d times", err, p.Fetches.Load())
	}
}
