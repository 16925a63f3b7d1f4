// Package local runs a whole installation in one process: the event log's
// server, a Redis-compatible store, an authority for certificates, an issuer of
// tokens, a mail sink and the four services, each configured by the variables
// that it reads in production.
//
// Everything that must survive lies in one data folder. The folder belongs to
// one process at a time. Read models live in memory and are rebuilt from the
// log at each start.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"time"

	"habeas.internal/services/habeas/internal/devissuer"
	"habeas.internal/services/internal/devmail"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/keyfile"
	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/natsd"
	"habeas.internal/services/internal/wholefile"

	"go.yaml.in/yaml/v3"
)

// What every identity of the installation shares.
const (
	TrustDomain = "habeas.localhost"
	Namespace   = "habeas"
	// Shards is how many shards each context has.
	Shards = 4
)

// Users of the log that are no service.
const (
	adminUser = "admin"
	auditUser = "audit"
)

// Config says where an installation lives and who is told.
type Config struct {
	// Dir is the data folder.
	Dir string
	// Tenant is the one that the developer's token is for.
	Tenant string
	// Region is where the machine is; "us" if empty.
	Region string
	// Connections are the data systems that fulfilment reaches: connection
	// strings by tenant/name.
	Connections map[string]string
	// Verbose, when set, gets the services' log lines besides the log file.
	Verbose io.Writer
	// ShowMail, when set, is given each mail that the services send.
	ShowMail func(devmail.Message)
	// Progress is told what is being started; nil is quiet.
	Progress func(what string)
	// Version is the build's.
	Version string
}

// Installation is a running one.
type Installation struct {
	cfg    Config
	places places
	lock   *os.File
	logs   *logFile
	nats   *natsd.Server
	rights map[string]natsd.UserKey
	redis  *store
	ca     *localca.CA
	tokens *devissuer.Signer
	mail   *devmail.Sink
	logKey string
	client Client
	run    []*service
	failed chan error
	stop   context.CancelFunc
}

// Start makes the folder an installation, or takes up the one that it holds,
// and returns when every service answers. After an error nothing runs.
func Start(ctx context.Context, cfg Config) (*Installation, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("find data folder: %w", err)
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	in := &Installation{cfg: cfg, places: places{dir}, failed: make(chan error, 8), stop: func() {}}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"data folder", in.claim},
		{"authority and tokens", in.startIdentity},
		{"event log", in.startLog},
		{"streams", in.provision},
		{"read models", in.startStore},
		{"mail sink", in.startMail},
		{"", in.startServices},
		{"", in.describe},
	} {
		if step.what != "" {
			cfg.Progress(step.what)
		}
		if err := step.do(ctx); err != nil {
			return nil, errors.Join(err, in.Stop())
		}
	}
	return in, nil
}

// Client says how the installation is reached.
func (in *Installation) Client() Client { return in.client }

// Mail is where the services' mail arrives.
func (in *Installation) Mail() *devmail.Sink { return in.mail }

// Failed receives the error of a service that ended by itself. The others go
// on; the caller stops them.
func (in *Installation) Failed() <-chan error { return in.failed }

// Stop ends the services from the last to the first, then what they stand on,
// and lets go of the folder.
func (in *Installation) Stop() error {
	var wrong []error
	in.stop()
	for i := len(in.run) - 1; i >= 0; i-- {
		in.cfg.Progress("stopping " + in.run[i].name)
		wrong = append(wrong, in.run[i].end())
	}
	if in.mail != nil {
		in.mail.Close()
	}
	if in.redis != nil {
		in.redis.close()
	}
	if in.nats != nil {
		in.nats.Shutdown()
	}
	if in.logs != nil {
		wrong = append(wrong, in.logs.Close())
	}
	if in.lock != nil {
		wrong = append(wrong, in.lock.Close())
	}
	in.run, in.mail, in.redis, in.nats, in.logs, in.lock = nil, nil, nil, nil, nil, nil
	return errors.Join(wrong...)
}

func (in *Installation) claim(context.Context) (err error) {
	if in.lock, err = claim(in.places.dir); err != nil {
		return err
	}
	if err := in.places.make(); err != nil {
		return err
	}
	if in.logs, err = openLog(in.places.log(), in.cfg.Verbose); err != nil {
		return err
	}
	return in.connect()
}

// connect writes down the data systems that fulfilment may reach, unless the
// owner of the folder has done so.
func (in *Installation) connect() error {
	known := map[string]string{}
	text, err := wholefile.Read(in.places.connections(), wholefile.Usual)
	if err == nil {
		err = yaml.Unmarshal(text, &known)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read connections: %w", err)
	}
	maps.Copy(known, in.cfg.Connections)
	if text, err = yaml.Marshal(known); err != nil {
		return fmt.Errorf("write connections: %w", err)
	}
	return writeSecret(in.places.connections(), text)
}

func (in *Installation) startIdentity(context.Context) (err error) {
	if in.ca, err = localca.Open(in.places.ca(), TrustDomain); err != nil {
		return err
	}
	in.tokens, err = devissuer.Open(in.places.tokens())
	return err
}

// identity is a fresh certificate for a service.
func (in *Installation) identity(name string) (*localca.Identity, error) {
	return in.ca.Issue(localca.Request{
		Name: name, Hosts: []string{"127.0.0.1", "localhost"},
		ID: "spiffe://" + TrustDomain + "/ns/" + Namespace + "/sa/" + name,
	})
}

func (in *Installation) startMail(context.Context) (err error) {
	in.mail, err = devmail.Start(in.cfg.ShowMail)
	return err
}

// startLimit bounds the start of one service.
const startLimit = time.Minute

func (in *Installation) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(in.logs, &slog.HandlerOptions{Level: slog.LevelInfo})).With(slog.String("service", "nats"))
}

// provision makes the streams and keys of the installation, or finds them, and
// looks whether the vault's rows can be opened.
func (in *Installation) provision(ctx context.Context) error {
	access, err := in.access(adminUser)
	if err != nil {
		return err
	}
	nc, err := jetstream.Connect(access)
	if err != nil {
		return err
	}
	defer nc.Close()
	keys, err := in.keys()
	if err != nil {
		return err
	}
	in.logKey = keyfile.FormatPublic(keys.LogSigner.Public())
	cfg := jetstream.Config{Conn: nc, Topology: topology(), Logger: access.Logger, Tracer: noTraces(), Meter: noMetrics()}
	log, err := jetstream.Provision(ctx, cfg, keys)
	if err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	log.Close()
	return in.checkKeys(ctx, cfg)
}
