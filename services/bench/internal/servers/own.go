package servers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// addressFile is where a server of this program says where it answers.
const addressFile = "address"

// Own is this program as a server, in a process of its own.
type Own struct {
	*Process
	Addr string
}

// StartOwn starts self with a command, the server's folder, which it makes, and
// further variables of its environment. It has started when it has announced itself.
func StartOwn(ctx context.Context, self, name, dir string, env ...string) (*Own, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder of %s: %w", name, err)
	}
	if err := os.Remove(filepath.Join(dir, addressFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove address of the server before: %w", err)
	}
	p, err := start(command{name: name, path: self, args: []string{name, dir}, env: env, dir: dir, goodbye: syscall.SIGTERM})
	if err != nil {
		return nil, err
	}
	o := &Own{Process: p}
	err = p.await(ctx, func(context.Context) error {
		text, err := os.ReadFile(filepath.Join(dir, addressFile))
		o.Addr = string(text)
		return err
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Announce tells whoever started this server where it answers.
func Announce(dir, addr string) error { return WriteWhole(filepath.Join(dir, addressFile), addr) }

// WriteWhole writes a file and moves it into its place, so that nobody reads half
// of it.
func WriteWhole(path, text string) error {
	if err := os.WriteFile(path+".part", []byte(text), 0o600); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	if err := os.Rename(path+".part", path); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}
