package cli

import (
	"errors"
	"slices"
	"strings"
	"time"

	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es/jetstream"

	"github.com/spf13/pflag"
)

// settings are the variables that commands read; the daemons read the same
// ones. A flag takes precedence.
type settings struct {
	NATS     natsSettings  `env:"NATS"`
	TLS      tlsSettings   `env:"TLS"`
	EventLog logSettings   `env:"EVENTLOG"`
	Keys     string        `env:"KEYS" default:"" help:"folder of the log's key and the services' keys"`
	Vault    vaultSettings `env:"VAULT"`

	Config string     `env:"CONFIG" default:"" help:"client configuration; default: .habeas/client.yaml"`
	Token  env.Secret `env:"TOKEN" default:"" help:"bearer token, in place of the client configuration's"`

	output  string
	quiet   bool
	timeout time.Duration
}

type natsSettings struct {
	URL        string `env:"URL" default:"nats://127.0.0.1:4222" help:"servers of the event log, comma separated"`
	Seed       string `env:"SEED" default:"" help:"file with the administrator's nkey seed"`
	SystemSeed string `env:"SYSTEM_SEED" default:"" help:"file with the nkey seed of a system account's user; lets doctor ask every replica"`
	CA         string `env:"CA" default:"" help:"authorities for the servers' certificates, PEM"`
}

type vaultSettings struct {
	Keys string `env:"KEYS" default:"" help:"folder of key-encryption keys, for doctor"`
}

type tlsSettings struct {
	Cert string `env:"CERT" default:"" help:"certificate to show to the servers, PEM"`
	Key  string `env:"KEY" default:"" help:"private key of the certificate, PEM"`
}

type logSettings struct {
	Key      string   `env:"KEY" default:"" help:"public key of the log, base64; default: the one in the folder of keys"`
	Contexts []string `env:"CONTEXTS" default:"" help:"contexts of the log, comma separated; default: those of the services"`
	Shards   int      `env:"SHARDS" default:"4" help:"shards of each context"`
	Replicas int      `env:"REPLICAS" default:"1" help:"replicas of each stream"`
}

// settingsFrom reads the variables that commands know. Those of daemons may
// stand beside them.
func settingsFrom(environ []string) (*settings, error) {
	s := new(settings)
	known, err := env.Names(s)
	if err != nil {
		return nil, err
	}
	own := slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return !slices.Contains(known, name)
	})
	if err := env.Load(own, s); err != nil {
		return nil, err
	}
	if len(s.EventLog.Contexts) == 0 {
		s.EventLog.Contexts = jetstream.Contexts()
	}
	return s, nil
}

// common binds the flags of all commands.
func (s *settings) common(f *pflag.FlagSet) {
	f.StringVar(&s.NATS.URL, "nats-url", s.NATS.URL, "servers of the event log, comma separated (HABEAS_NATS_URL)")
	f.StringVar(&s.NATS.Seed, "nats-seed", s.NATS.Seed, "file with the administrator's nkey seed (HABEAS_NATS_SEED)")
	f.StringVar(&s.NATS.CA, "nats-ca", s.NATS.CA, "authorities for the servers' certificates, PEM (HABEAS_NATS_CA)")
	f.StringVar(&s.TLS.Cert, "tls-cert", s.TLS.Cert, "certificate to show to the servers, PEM (HABEAS_TLS_CERT)")
	f.StringVar(&s.TLS.Key, "tls-key", s.TLS.Key, "private key of the certificate, PEM (HABEAS_TLS_KEY)")
	f.StringVar(&s.Keys, "keys", s.Keys, "folder of the log's key and the services' keys (HABEAS_KEYS)")
	f.StringVar(&s.EventLog.Key, "log-key", s.EventLog.Key, "public key of the log, base64 (HABEAS_EVENTLOG_KEY); default: KEYS/log.pub")
	f.StringSliceVar(&s.EventLog.Contexts, "contexts", s.EventLog.Contexts, "contexts of the log (HABEAS_EVENTLOG_CONTEXTS)")
	f.IntVar(&s.EventLog.Shards, "shards", s.EventLog.Shards, "shards of each context (HABEAS_EVENTLOG_SHARDS)")
	f.IntVar(&s.EventLog.Replicas, "replicas", s.EventLog.Replicas, "replicas of each stream (HABEAS_EVENTLOG_REPLICAS)")
	f.StringVar(&s.Config, "config", s.Config, "client configuration (HABEAS_CONFIG); default .habeas/client.yaml")
	f.DurationVar(&s.timeout, "timeout", defaultTimeout, "most that one call to a service may take")
	f.StringVarP(&s.output, "output", "o", outputTable, "table or json")
	f.BoolVarP(&s.quiet, "quiet", "q", false, "no progress on standard error")
}

const defaultTimeout = 10 * time.Second

// Forms of a result.
const (
	outputTable = "table"
	outputJSON  = "json"
)

// check looks at what the flags can't check themselves.
func (s *settings) check() error {
	if s.output != outputTable && s.output != outputJSON {
		return usageError{errors.New("--output is table or json")}
	}
	if s.timeout <= 0 {
		return usageError{errors.New("--timeout is longer than nothing, such as 30s")}
	}
	return nil
}

func (s *settings) topology() (jetstream.Topology, error) {
	t := jetstream.Topology{Contexts: s.EventLog.Contexts, Shards: s.EventLog.Shards, Replicas: s.EventLog.Replicas}
	if err := t.Validate(); err != nil {
		return t, usageError{err}
	}
	return t, nil
}

func (s *settings) needKeys() error {
	if s.Keys == "" {
		return usageError{errors.New("--keys or HABEAS_KEYS must name the folder of keys")}
	}
	return nil
}
