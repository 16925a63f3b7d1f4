package servers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"habeas.internal/services/internal/natsd"

	"github.com/nats-io/nats.go"
)

// ServeNATSCommand is the first argument with which this program starts
// itself as an event log's server; the second is the server's folder.
const ServeNATSCommand = "serve-nats"

const (
	natsUser    = "bench"
	addressFile = "address"
)

// NATS is an event log's server: natsd as `habeas up` runs it, one replica,
// every message synced, in a process of its own.
type NATS struct {
	*Process
	url  string
	seed string
}

// StartNATS starts the server in a folder that is empty or holds an earlier
// run's streams. self is this program.
func StartNATS(ctx context.Context, self, dir string) (*NATS, error) {
	key, err := makeNATSFolder(dir)
	if err != nil {
		return nil, err
	}
	p, err := start(command{name: "nats", path: self, args: []string{ServeNATSCommand, dir}, dir: dir, goodbye: syscall.SIGTERM})
	if err != nil {
		return nil, err
	}
	n := &NATS{Process: p, seed: key.SeedFile}
	err = p.await(ctx, func(context.Context) error {
		text, err := os.ReadFile(filepath.Join(dir, addressFile))
		n.url = string(text)
		return err
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

func makeNATSFolder(dir string) (natsd.UserKey, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return natsd.UserKey{}, fmt.Errorf("make folder of nats: %w", err)
	}
	if err := os.Remove(filepath.Join(dir, addressFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return natsd.UserKey{}, fmt.Errorf("remove address of the server before: %w", err)
	}
	return natsd.OpenUserKey(filepath.Join(dir, "users"), natsUser)
}

// Connect opens a connection of its own.
func (n *NATS) Connect() (*nats.Conn, error) {
	seed, err := nats.NkeyOptionFromSeed(n.seed)
	if err != nil {
		return nil, fmt.Errorf("read nkey: %w", err)
	}
	nc, err := nats.Connect(n.url, seed)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	return nc, nil
}

// ServeNATS is the other side of StartNATS: it serves until ctx ends.
func ServeNATS(ctx context.Context, dir string) error {
	key, err := natsd.OpenUserKey(filepath.Join(dir, "users"), natsUser)
	if err != nil {
		return fmt.Errorf("open nkey: %w", err)
	}
	s, err := natsd.Start(ctx, natsd.Config{
		Dir:    filepath.Join(dir, "data"),
		Users:  []natsd.User{{PublicKey: key.PublicKey, Unrestricted: true}},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return fmt.Errorf("start nats: %w", err)
	}
	defer s.Shutdown()
	if err := announce(filepath.Join(dir, addressFile), s.ClientURL()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// announce writes the file and moves it into its place, so that nobody reads
// half an address.
func announce(path, text string) error {
	if err := os.WriteFile(path+".part", []byte(text), 0o600); err != nil {
		return fmt.Errorf("write address: %w", err)
	}
	if err := os.Rename(path+".part", path); err != nil {
		return fmt.Errorf("write address: %w", err)
	}
	return nil
}
