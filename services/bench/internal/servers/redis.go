package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// Redis is a Redis server that appends every write to its file and syncs it
// every second.
type Redis struct {
	*Process
	addr string
}

// StartRedis starts the server in a folder that it makes.
func StartRedis(ctx context.Context, dir string) (*Redis, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("redis-server is not installed (Debian package redis-server): %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder of redis: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p, err := start(command{name: "redis", path: path, dir: dir, goodbye: syscall.SIGTERM, args: []string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--daemonize", "no",
	}})
	if err != nil {
		return nil, err
	}
	r := &Redis{Process: p, addr: loopback(port)}
	client := r.Client()
	defer client.Close() //nolint:errcheck // it was only asked whether anybody answers
	if err := p.await(ctx, func(ctx context.Context) error { return client.Ping(ctx).Err() }); err != nil {
		return nil, err
	}
	return r, nil
}

// Client makes a client, which the caller closes.
func (r *Redis) Client() *redis.Client { return redis.NewClient(&redis.Options{Addr: r.addr}) }

// URL is where the server answers, as a daemon is told.
func (r *Redis) URL() string { return "redis://" + r.addr + "/0" }
