package local

import (
	"context"
	"errors"
	"path/filepath"

	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/keyfile"
)

// Offline is the event log of a data folder on which no installation runs.
type Offline struct {
	in *Installation
}

// OpenOffline runs the log's server, and nothing else, on a data folder. It
// fails with ErrInUse when an installation runs there.
func OpenOffline(ctx context.Context, dir string) (*Offline, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	in := &Installation{cfg: Config{Dir: dir, Progress: func(string) {}}, places: places{dir}, stop: func() {}}
	for _, step := range []func(context.Context) error{in.claim, in.startIdentity, in.startLog} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, in.Stop())
		}
	}
	return &Offline{in}, nil
}

// Audit is how the audit user reaches the log.
func (o *Offline) Audit() (jetstream.Access, error) { return o.in.access(auditUser) }

// URL is where the log's server answers.
func (o *Offline) URL() string { return o.in.natsURL() }

// LogKey is the log's public key.
func (o *Offline) LogKey() (string, error) {
	key, err := keyfile.ReadPublic(filepath.Join(o.in.places.keys(), "log"+keyfile.Public))
	if err != nil {
		return "", err
	}
	return keyfile.FormatPublic(key), nil
}

// Close ends the server.
func (o *Offline) Close() error { return o.in.Stop() }
