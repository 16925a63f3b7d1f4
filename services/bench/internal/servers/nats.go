package servers

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/natsd"

	"github.com/nats-io/nats.go"
)

// ServeNATSCommand is the first argument with which this program starts
// itself as an event log's server; the second is the server's folder.
const ServeNATSCommand = "serve-nats"

const (
	natsUser = "bench"
	// serviceUser is the other user: a service with an account of its own.
	serviceUser = "bench-service"
)

// Grant is what the service's user may do, on streams of so many shards.
func Grant() (g jetstream.Grant, shards int) {
	return jetstream.Grant{Name: "bench", Owns: []string{"consent"}, Logs: true}, 4
}

// NATS is an event log's server: natsd as `habeas up` runs it, one replica,
// every message synced, in a process of its own.
type NATS struct {
	*Process
	url  string
	seed string
	// service is the seed of the service's user.
	service string
}

// StartNATS starts the server in a folder that is empty or holds an earlier
// run's streams. self is this program.
func StartNATS(ctx context.Context, self, dir string) (*NATS, error) {
	key, service, err := makeNATSFolder(dir)
	if err != nil {
		return nil, err
	}
	own, err := StartOwn(ctx, self, ServeNATSCommand, dir)
	if err != nil {
		return nil, err
	}
	return &NATS{Process: own.Process, url: own.Addr, seed: key.SeedFile, service: service.SeedFile}, nil
}

func makeNATSFolder(dir string) (all, service natsd.UserKey, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return all, service, fmt.Errorf("make folder of nats: %w", err)
	}
	return userKeys(dir)
}

func userKeys(dir string) (all, service natsd.UserKey, err error) {
	if all, err = natsd.OpenUserKey(filepath.Join(dir, "users"), natsUser); err != nil {
		return all, service, fmt.Errorf("open nkey: %w", err)
	}
	if service, err = natsd.OpenUserKey(filepath.Join(dir, "users"), serviceUser); err != nil {
		return all, service, fmt.Errorf("open nkey: %w", err)
	}
	return all, service, nil
}

// URL is where the server answers.
func (n *NATS) URL() string { return n.url }

// Seed is the file of the user in the account of the streams.
func (n *NATS) Seed() string { return n.seed }

// Connect opens a connection of its own, in the account of the streams.
func (n *NATS) Connect() (*nats.Conn, error) { return n.connect(n.seed) }

// ConnectService opens a connection of a service, in an account of its own.
func (n *NATS) ConnectService() (*nats.Conn, error) {
	g, _ := Grant()
	return n.connect(n.service, nats.CustomInboxPrefix(jetstream.InboxPrefix(g.Name)))
}

func (n *NATS) connect(file string, options ...nats.Option) (*nats.Conn, error) {
	seed, err := nats.NkeyOptionFromSeed(file)
	if err != nil {
		return nil, fmt.Errorf("read nkey: %w", err)
	}
	nc, err := nats.Connect(n.url, append(options, seed)...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	return nc, nil
}

// ServeNATS is the other side of StartNATS: it serves until ctx ends.
func ServeNATS(ctx context.Context, dir string) error {
	key, service, err := userKeys(dir)
	if err != nil {
		return err
	}
	g, shards := Grant()
	rights := jetstream.RightsOf(jetstream.Topology{Contexts: jetstream.Contexts(), Shards: shards, Replicas: 1}, g)
	s, err := natsd.Start(ctx, natsd.Config{
		Dir: filepath.Join(dir, "data"),
		Users: []natsd.User{
			{PublicKey: key.PublicKey, Unrestricted: true},
			{Name: g.Name, PublicKey: service.PublicKey, Publish: rights.Publish, Subscribe: rights.Subscribe},
		},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return fmt.Errorf("start nats: %w", err)
	}
	defer s.Shutdown()
	if err := Announce(dir, s.ClientURL()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
