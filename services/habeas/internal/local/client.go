package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"habeas.internal/services/habeas/internal/devissuer"
	"habeas.internal/services/habeas/internal/login"
	"habeas.internal/services/internal/wholefile"

	"go.yaml.in/yaml/v3"
)

const (
	issuer   = devissuer.Issuer
	audience = devissuer.Audience
	// ClientFile is the name of the client configuration in a data folder.
	ClientFile = "client.yaml"
	// tokenLife is how long a developer's token is good; each start makes one.
	tokenLife = 7 * 24 * time.Hour
)

// Client is what a command needs to reach an installation, this one or
// another. Its file is for its owner alone: it holds a token.
type Client struct {
	// Tenant is the one that the token is for; it informs and decides nothing.
	Tenant string `yaml:"tenant"`
	// Token is a bearer token, or TokenFile the file that holds one.
	Token     string `yaml:"token,omitempty"`
	TokenFile string `yaml:"token_file,omitempty"`
	// Login is how a person gets a token instead, by `habeas login`.
	Login *login.Config `yaml:"login,omitempty"`
	// CA is the file of the authorities that the services' certificates are
	// verified against.
	CA string `yaml:"ca"`
	// TrustDomain and Namespace, when set, make sure that each endpoint is the
	// service that it should be.
	TrustDomain string `yaml:"trust_domain,omitempty"`
	Namespace   string `yaml:"namespace,omitempty"`
	// Endpoints are the services' gRPC addresses, by name.
	Endpoints map[string]string `yaml:"endpoints"`
	// Log is how audit reads the event log; optional.
	Log ClientLog `yaml:"log,omitempty"`
	// Spans is the file of finished spans; optional.
	Spans string `yaml:"spans,omitempty"`
}

// ClientLog is how audit reads the event log.
type ClientLog struct {
	URL    string `yaml:"url"`
	User   string `yaml:"user"`
	Seed   string `yaml:"seed"`
	CA     string `yaml:"ca"`
	Key    string `yaml:"key"`
	Shards int    `yaml:"shards"`
	// Admin is the file of the administrator's seed, where this machine has it.
	Admin string `yaml:"admin,omitempty"`
	// Data is the data folder of an installation that `habeas up` runs; its log
	// can be read when it does not run.
	Data string `yaml:"data,omitempty"`
}

// ErrNoClient says that a client configuration is not there.
var ErrNoClient = errors.New("no client configuration")

// ReadClient reads a client configuration. One that others may read is
// refused.
func ReadClient(path string) (Client, error) {
	var c Client
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("%s: %w", path, ErrNoClient)
	}
	if err != nil {
		return c, fmt.Errorf("read client configuration: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return c, fmt.Errorf("%s holds a token and may be read by others: chmod 600 it", path)
	}
	text, err := wholefile.Read(path, wholefile.Usual)
	if err != nil {
		return c, fmt.Errorf("read client configuration: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil {
		return c, fmt.Errorf("read client configuration %s: it is malformed", path) // the cause may quote the token
	}
	if c.Login != nil && (c.Token != "" || c.TokenFile != "") {
		return c, fmt.Errorf("client configuration %s: it has a token and a login, and nobody can say which counts", path)
	}
	return c, nil
}

// describe writes down how the installation is reached.
func (in *Installation) describe(context.Context) error {
	now := time.Now()
	token, err := in.Token(now)
	if err != nil {
		return err
	}
	in.client = Client{
		Tenant: in.cfg.Tenant, Token: token, CA: in.ca.CertFile(), TrustDomain: TrustDomain, Namespace: Namespace,
		Endpoints: map[string]string{}, Spans: in.places.spans(),
		Log: ClientLog{
			URL: in.natsURL(), User: auditUser, Seed: in.rights[auditUser].SeedFile, CA: in.ca.CertFile(),
			Key: in.logKey, Shards: Shards, Admin: in.rights[adminUser].SeedFile, Data: in.places.dir,
		},
	}
	ops := map[string]string{}
	for _, s := range in.run {
		in.client.Endpoints[s.name], ops[s.name] = s.addr, s.ops
	}
	text, err := yaml.Marshal(in.client)
	if err != nil {
		return fmt.Errorf("write client configuration: %w", err)
	}
	if err := writeSecret(in.places.client(), text); err != nil {
		return err
	}
	listing, err := json.MarshalIndent(map[string]any{"grpc": in.client.Endpoints, "ops": ops, "nats": in.natsURL()}, "", "  ")
	if err != nil {
		return fmt.Errorf("write endpoints: %w", err)
	}
	return writeSecret(in.places.endpoints(), append(listing, '\n'))
}

// Renew writes a fresh token into the client configuration.
func (in *Installation) Renew(ctx context.Context) error { return in.describe(ctx) }

// Token is a developer's token: every role but those of a person and of a
// service, in the configured tenant.
func (in *Installation) Token(now time.Time) (string, error) {
	return in.tokens.Token(devissuer.Claims{
		Tenant: in.cfg.Tenant, Subject: developer, From: now, Life: tokenLife, Roles: Roles(),
	})
}

// developer is who a developer's tokens speak of.
const developer = "developer"

// Roles are those of a developer's token.
func Roles() []string {
	return []string{
		"product", "holder", "intake", "verifier", "agent", "approver", "dpo", "auditor", "key_admin", "platform_admin", "controller",
	}
}

// TokenOf signs a token with the key of a data folder, whether or not an
// installation runs on it.
func TokenOf(dir string, c devissuer.Claims) (string, error) {
	folder := places{dir}.tokens()
	if _, err := os.Stat(folder); err != nil {
		return "", fmt.Errorf("there is no installation in %s: %w", dir, err)
	}
	s, err := devissuer.Open(folder)
	if err != nil {
		return "", err
	}
	return s.Token(c)
}
