package daemon

import (
	"net/url"
	"time"

	"habeas.internal/services/internal/daemon/env"
)

// Common is the part of the configuration that all daemons share. A daemon's
// own Config embeds it. All variables start with HABEAS_; Load documents and
// checks them.
type Common struct {
	Instance  string    `env:"INSTANCE" default:"" help:"name of this replica; the host's name if empty"`
	GRPC      GRPC      `env:"GRPC"`
	Ops       Ops       `env:"OPS"`
	TLS       TLS       `env:"TLS"`
	Token     Token     `env:"TOKEN"`
	NATS      NATS      `env:"NATS"`
	Redis     Redis     `env:"REDIS"`
	Log       Log       `env:"LOG"`
	Telemetry Telemetry `env:"OTLP"`
	Shutdown  Shutdown  `env:"SHUTDOWN"`
}

// GRPC is where the daemon answers.
type GRPC struct {
	Listen     string `env:"LISTEN" default:"127.0.0.1:0" help:"address for gRPC; port 0 takes a free one"`
	Reflection bool   `env:"REFLECTION" default:"false" help:"let anyone list the methods; for development only"`
}

// Ops is where the platform looks.
type Ops struct {
	Listen string `env:"LISTEN" default:"127.0.0.1:0" help:"address for /livez, /readyz and /metrics, in plain HTTP"`
}

// TLS is who the daemon is, and whose certificates count.
type TLS struct {
	Cert        env.File `env:"CERT" help:"certificate chain, PEM; renewed files are taken up while running"`
	Key         env.File `env:"KEY" help:"private key of the certificate, PEM"`
	CA          env.File `env:"CA" help:"authorities that services' certificates are verified against, PEM"`
	TrustDomain string   `env:"TRUST_DOMAIN" help:"SPIFFE trust domain of all services"`
	Namespace   string   `env:"NAMESPACE" default:"habeas" help:"namespace in the services' SPIFFE ids"`
}

// Token says whose tokens count.
type Token struct {
	Issuer   string   `env:"ISSUER" help:"what a token's iss must be"`
	Audience string   `env:"AUDIENCE" default:"habeas" help:"what a token's aud must contain"`
	Keys     env.File `env:"KEYS" help:"the issuer's key set, a JWKS file; changes are taken up while running"`
	StepUp   []string `env:"STEP_UP" default:"" help:"values of acr that prove a stronger authentication"`
}

// NATS is where the event log is.
type NATS struct {
	URL  string   `env:"URL" help:"servers of the event log, comma separated: tls://host:4222"`
	Seed env.File `env:"SEED" help:"nkey seed of this service's user"`
	CA   env.File `env:"CA" default:"" help:"authorities for the servers' certificates, PEM; those of TLS if empty"`
}

// Redis is where read models are kept.
type Redis struct {
	URL env.Secret `env:"URL" default:"" help:"where read models are kept: rediss://user:password@host:6379/0"`
}

// Log says what is written and how.
type Log struct {
	Level  string `env:"LEVEL" default:"info" oneof:"debug,info,warn,error" help:"least level that is written"`
	Format string `env:"FORMAT" default:"json" oneof:"json,text" help:"form of a line"`
}

// Telemetry says where traces and metrics go.
type Telemetry struct {
	Endpoint *url.URL `env:"ENDPOINT" default:"" help:"OTLP/gRPC collector: http://host:4317, or https; none if empty"`
	Ratio    float64  `env:"RATIO" default:"0.01" min:"0" max:"1" help:"share of new traces that are recorded"`
	File     string   `env:"FILE" default:"" help:"file that takes finished spans, one OTLP/JSON line a batch; none if empty"`
}

// Shutdown says how patiently a daemon ends.
type Shutdown struct {
	Drain time.Duration `env:"DRAIN" default:"0s" min:"0s" help:"pause between not ready and stopping, for balancers to notice"`
	Grace time.Duration `env:"GRACE" default:"20s" min:"1s" help:"time for all parts to stop; then they are cut off"`
}
