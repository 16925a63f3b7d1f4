package testserver

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"habeas.internal/services/internal/testserver/child"
)

// redisReady is what Redis prints when it serves.
const redisReady = "Ready to accept connections"

// RedisServer is a Redis server in a process of its own: Start, Stop, Kill,
// Pause and Resume act on that process.
type RedisServer struct {
	*child.Server
	port   int
	socket string
}

// Redis starts a Redis server that keeps nothing on disk, so that a restart is
// a flush. Settings are added to its command line, for example "--appendonly",
// "yes". It ends with the test.
func Redis(t testing.TB, settings ...string) *RedisServer {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is not installed: run `tools/setup redis-server`")
	}
	var r *RedisServer
	onFreePorts(t, func() (err error) {
		if r, err = newRedis(t, path, settings); err != nil {
			return err
		}
		return r.Start()
	})
	return r
}

func newRedis(t testing.TB, path string, settings []string) (*RedisServer, error) {
	t.Helper()
	port, err := child.FreePort()
	if err != nil {
		return nil, err
	}
	socketDir, err := shortDir(t)
	if err != nil {
		return nil, err
	}
	dir := t.TempDir()
	r := &RedisServer{port: port, socket: filepath.Join(socketDir, "redis.sock")}
	command := child.Command{Name: "redis-server", Path: path, Dir: dir, LogDir: dir, Args: append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(port),
		"--unixsocket", r.socket, "--unixsocketperm", "700",
		"--dir", dir, "--save", "", "--appendonly", "no", "--daemonize", "no",
	}, settings...)}
	r.Server = child.NewServer(t, command, redisReady)
	return r, nil
}

// shortDir is for sockets: the system allows their paths about 100 bytes,
// which the folder of a test with a long name exceeds.
func shortDir(t testing.TB) (string, error) {
	dir, err := os.MkdirTemp("", "habeas")
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir, nil
}

// Addr is the server's TCP address; it stays the same over restarts.
func (r *RedisServer) Addr() string { return child.Loopback(r.port) }

// URL is the address as REDIS_URL takes it.
func (r *RedisServer) URL() string { return "redis://" + r.Addr() + "/0" }

// Socket is the path of the server's unix socket.
func (r *RedisServer) Socket() string { return r.socket }
