package local

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/keyfile"
	"habeas.internal/services/internal/natsd"
	"habeas.internal/services/internal/wholefile"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

func noTraces() trace.Tracer  { return tracenoop.NewTracerProvider().Tracer("") }
func noMetrics() metric.Meter { return metricnoop.NewMeterProvider().Meter("") }

func topology() jetstream.Topology {
	return jetstream.Topology{Contexts: jetstream.Contexts(), Shards: Shards, Replicas: 1}
}

// startLog runs the log's server as production does: TLS, a user for each
// service with its own rights, every message synced.
func (in *Installation) startLog(ctx context.Context) error {
	id, err := in.identity("nats")
	if err != nil {
		return err
	}
	in.rights = map[string]natsd.UserKey{}
	var users []natsd.User
	for _, g := range append([]jetstream.Grant{{Name: adminUser}}, jetstream.Grants()...) {
		key, err := natsd.OpenUserKey(in.places.users(), g.Name)
		if err != nil {
			return err
		}
		in.rights[g.Name] = key
		r := jetstream.RightsOf(topology(), g)
		user := natsd.User{Name: g.Name, PublicKey: key.PublicKey, Publish: r.Publish, Subscribe: r.Subscribe}
		if g.Name == adminUser {
			user = natsd.User{PublicKey: key.PublicKey, Unrestricted: true}
		}
		users = append(users, user)
	}
	in.nats, err = natsd.Start(ctx, natsd.Config{
		Dir: in.places.nats(), Users: users, Logger: in.logger(),
		TLS: &natsd.TLSFiles{CertFile: id.CertFile, KeyFile: id.KeyFile, CAFile: id.CAFile},
	})
	return err
}

// natsURL is the server's address, in the form that asks for TLS.
func (in *Installation) natsURL() string {
	_, address, _ := strings.Cut(in.nats.ClientURL(), "://")
	return "tls://" + address
}

func (in *Installation) access(user string) (jetstream.Access, error) {
	pool := x509.NewCertPool()
	bundle, err := wholefile.Read(in.ca.CertFile(), wholefile.Usual)
	if err != nil {
		return jetstream.Access{}, fmt.Errorf("read authority: %w", err)
	}
	pool.AppendCertsFromPEM(bundle)
	return jetstream.Access{
		URL: in.natsURL(), User: user, Seed: in.rights[user].SeedFile, Logger: in.logger(),
		TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13},
	}, nil
}

// keys reads the log's key and the services', or makes them in a folder whose
// log has not begun.
func (in *Installation) keys() (jetstream.Installation, error) {
	out := jetstream.Installation{Random: rand.Reader, Now: time.Now().UTC()}
	folder := in.places.keys()
	_, err := os.Stat(filepath.Join(folder, "log"+keyfile.Private))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(in.places.client()); err == nil {
			return out, fmt.Errorf("%s held an installation, and its log key is gone: %w", in.places.dir, es.ErrUntrusted)
		}
	}
	if out.LogSigner, _, err = keyfile.Open(folder, "log"); err != nil {
		return out, err
	}
	out.Services = jetstream.ServiceKeys(topology().Contexts)
	for i, s := range out.Services {
		key, _, err := keyfile.Open(folder, s.Service)
		if err != nil {
			return out, err
		}
		out.Services[i].Public = key.Public()
	}
	return out, nil
}
