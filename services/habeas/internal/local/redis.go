package local

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// store is where read models and limits are kept while the process lives.
type store struct {
	server *miniredis.Miniredis
	url    string
	end    context.CancelFunc
	done   chan struct{}
}

// startStore runs the store behind a password of this run.
func (in *Installation) startStore(ctx context.Context) error {
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // never fails
	password := hex.EncodeToString(raw)
	server := miniredis.NewMiniRedis()
	server.RequireAuth(password)
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return fmt.Errorf("start read model store: %w", err)
	}
	address := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: server.Addr(), Path: "/0"}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	in.redis = &store{server: server, url: address.String(), end: end, done: make(chan struct{})}
	go in.redis.age(ctx)
	return nil
}

// age lets keys expire: the store's own clock stands still unless told.
func (s *store) age(ctx context.Context) {
	defer close(s.done)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.server.FastForward(time.Second)
		}
	}
}

func (s *store) close() {
	s.end()
	<-s.done
	s.server.Close()
}
