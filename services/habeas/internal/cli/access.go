package cli

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/keyfile"
	"habeas.internal/services/internal/wholefile"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// user names the administrator's connection.
const user = "admin"

// logName is the name of the log key's files.
const logName = "log"

// config connects and describes the log; close ends the connection. The log
// key is filled in by those who know it.
func (a *app) config() (cfg jetstream.Config, closing func(), err error) {
	top, err := a.set.topology()
	if err != nil {
		return cfg, nil, err
	}
	access, err := a.access(a.set.NATS.Seed)
	if err != nil {
		return cfg, nil, err
	}
	nc, err := jetstream.Connect(access)
	if err != nil {
		return cfg, nil, fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	}
	return jetstream.Config{
		Conn: nc, Topology: top, Logger: access.Logger,
		Tracer: tracenoop.NewTracerProvider().Tracer(""), Meter: metricnoop.NewMeterProvider().Meter(""),
	}, nc.Close, nil
}

func (a *app) access(seed string) (jetstream.Access, error) {
	if seed == "" {
		return jetstream.Access{}, usageError{errors.New("--nats-seed or HABEAS_NATS_SEED must name the file of a user's seed")}
	}
	if _, err := os.Stat(seed); err != nil {
		return jetstream.Access{}, usageError{fmt.Errorf("read seed: %w", err)}
	}
	secure, err := a.tls()
	if err != nil {
		return jetstream.Access{}, usageError{err}
	}
	logger := slog.New(slog.NewTextHandler(a.Err, &slog.HandlerOptions{Level: slog.LevelError}))
	return jetstream.Access{URL: a.set.NATS.URL, User: user, Seed: seed, TLS: secure, Logger: logger}, nil
}

// tls is nil unless authorities or a certificate are named.
func (a *app) tls() (*tls.Config, error) {
	set := a.set
	if set.NATS.CA == "" && set.TLS.Cert == "" {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS13}
	if set.NATS.CA != "" {
		bundle, err := wholefile.Read(set.NATS.CA, wholefile.Usual)
		if err != nil {
			return nil, fmt.Errorf("read authorities: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(bundle) {
			return nil, fmt.Errorf("read authorities: no certificate in %s", set.NATS.CA)
		}
	}
	if set.TLS.Cert != "" {
		own, err := certificate(set.TLS.Cert, set.TLS.Key)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{own}
	}
	return cfg, nil
}

func certificate(cert, key string) (tls.Certificate, error) {
	public, err := wholefile.Read(cert, wholefile.Usual)
	if err != nil {
		return tls.Certificate{}, err
	}
	private, err := wholefile.Read(key, wholefile.Usual)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(public, private)
}

// logKey is the public key of the log that this command trusts.
func (a *app) logKey() (ed25519.PublicKey, error) {
	switch {
	case a.set.EventLog.Key != "":
		return publicKey(a.set.EventLog.Key)
	case a.set.Keys != "":
		return publicKey(filepath.Join(a.set.Keys, logName+keyfile.Public))
	}
	return nil, usageError{errors.New("the log's public key is needed: --log-key, HABEAS_EVENTLOG_KEY, or a folder of keys")}
}

// publicKey reads a key from its text, or from the file that the text names.
func publicKey(text string) (ed25519.PublicKey, error) {
	if key, err := keyfile.ParsePublic(text); err == nil {
		return key, nil
	}
	key, err := keyfile.ReadPublic(text)
	if err != nil {
		return nil, usageError{err}
	}
	return key, nil
}

// open opens the log for reading.
func (a *app) open(ctx context.Context) (log *jetstream.Log, closing func(), err error) {
	key, err := a.logKey()
	if err != nil {
		return nil, nil, err
	}
	cfg, disconnect, err := a.config()
	if err != nil {
		return nil, nil, err
	}
	cfg.LogKey = key
	if log, err = jetstream.Open(ctx, cfg); err != nil {
		disconnect()
		return nil, nil, err
	}
	return log, func() { log.Close(); disconnect() }, nil
}
