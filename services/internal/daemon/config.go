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
	Limit     Limit     `env:"LIMIT"`
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
	WorkloadAPI *url.URL `env:"WORKLOAD_API" default:"" help:"SPIFFE Workload API, what SPIFFE_ENDPOINT_SOCKET names: unix:///run/agent.sock; gives and renews what CERT, KEY and CA are otherwise"`
	Cert        env.File `env:"CERT" default:"" help:"certificate chain, PEM; renewed files are taken up while running; needed without WORKLOAD_API"`
	Key         env.File `env:"KEY" default:"" help:"private key of the certificate, PEM; needed without WORKLOAD_API"`
	CA          env.File `env:"CA" default:"" help:"authorities that services' certificates are verified against, PEM; needed without WORKLOAD_API"`
	TrustDomain string   `env:"TRUST_DOMAIN" help:"SPIFFE trust domain of all services"`
	Namespace   string   `env:"NAMESPACE" default:"habeas" help:"namespace in the services' SPIFFE ids"`
}

// Token says whose tokens count.
type Token struct {
	Issuer   string        `env:"ISSUER" help:"what a token's iss must be; without KEYS, the https address of an OpenID provider"`
	Audience string        `env:"AUDIENCE" default:"habeas" help:"what a token's aud must contain"`
	Keys     env.File      `env:"KEYS" default:"" help:"the issuer's key set, a JWKS file; changes are taken up while running; without it the issuer is asked"`
	CA       env.File      `env:"CA" default:"" help:"authorities for the issuer's certificate, PEM; the system's if empty"`
	StepUp   []string      `env:"STEP_UP" default:"" help:"values of acr that prove a stronger authentication"`
	StepUpBy []string      `env:"STEP_UP_BY" default:"" help:"values of amr that prove a stronger authentication, any one of them"`
	Clients  []string      `env:"CLIENTS" default:"" help:"clients that tokens may have been issued to (azp); any, or none named, if empty"`
	MaxLife  time.Duration `env:"MAX_LIFE" default:"0s" min:"0s" max:"24h" help:"longest life of a token from its iat; 0 means ten minutes, or no bound with KEYS"`
	Keep     time.Duration `env:"KEEP" default:"1h" min:"1m" max:"24h" help:"how long the issuer's last good keys count while it is not reached"`
}

// NATS is where the event log is.
type NATS struct {
	URL  string   `env:"URL" help:"servers of the event log, comma separated: tls://host:4222"`
	Seed env.File `env:"SEED" help:"nkey seed of this service's user"`
	CA   env.File `env:"CA" default:"" help:"authorities for the servers' certificates, PEM; those of TLS if empty"`
}

// Redis is where read models are kept, and limits of rate are counted.
type Redis struct {
	URL env.Secret `env:"URL" default:"" help:"where read models and limits are kept: rediss://user:password@host:6379/0; without it limits count in the process"`
}

// Limit says how many calls a second each may make; five times as many at once.
type Limit struct {
	Caller   int           `env:"CALLER" default:"1000" min:"1" max:"100000" help:"calls a second of one caller"`
	Person   int           `env:"PERSON" default:"10" min:"1" max:"100000" help:"calls a second of a caller who is a subject and nothing else"`
	Reads    int           `env:"READS" default:"50" min:"1" max:"100000" help:"calls a second of one caller that answer with personal data"`
	Open     int           `env:"OPEN" default:"1000" min:"1" max:"100000" help:"calls a second of one caller that must never be withheld, as a withdrawal of consent"`
	Tenant   int           `env:"TENANT" default:"5000" min:"1" max:"100000" help:"calls a second of a tenant"`
	Network  int           `env:"NETWORK" default:"5000" min:"1" max:"100000" help:"calls a second, in a tenant, from one address, or /64 of IPv6"`
	Patience time.Duration `env:"PATIENCE" default:"250ms" min:"10ms" max:"10s" help:"how long a call waits for its count in Redis; one that is not counted in time is refused, or counted in the process where it must not be"`
	Process  int           `env:"PROCESS" default:"50000" min:"1" max:"100000" help:"calls a second of one caller in one process that are not counted in Redis: checks, and services for themselves"`
	Refusals int           `env:"REFUSALS" default:"60" min:"1" max:"100000" help:"calls a minute of one caller that a rule refuses"`
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
