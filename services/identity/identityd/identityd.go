// Package identityd wires the identity service by hand: configuration,
// equipment, log, keys, registry, handlers, parts. It keeps no read model: its
// answers come from the log and from the rows beside it.
package identityd

import (
	"context"
	"net"
	"time"
	_ "time/tzdata" // time zones of tenants are checked on machines that have none

	"habeas.internal/services/identity/internal/mail"
	"habeas.internal/services/identity/internal/rpc"
	"habeas.internal/services/identity/internal/signin"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/es/jetstream/member"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/smssend"
)

// Config is the daemon's configuration, from the environment.
type Config struct {
	daemon.Common
	EventLog   member.Config  `env:"EVENTLOG"`
	Vault      Vault          `env:"VAULT"`
	SMTP       mail.Config    `env:"SMTP"`
	SMS        smssend.Config `env:"SMS"`
	Page       string         `env:"LINK_PAGE" default:"" help:"https address of the page on which people confirm by a link; mails have no links without"`
	Consent    Peer           `env:"CONSENT"`
	Fulfilment Peer           `env:"FULFILMENT"`
	Retention  Peer           `env:"RETENTION"`
	Offboard   Offboard       `env:"OFFBOARD"`
	Provider   signin.Config  `env:"PROVIDER"`
	Verify     Verify         `env:"VERIFY"`
	Settings   Settings       `env:"SETTINGS"`
	Sweep      Sweep          `env:"SWEEP"`
	Platform   string         `env:"PLATFORM_TENANT" default:"" help:"the platform's own tenant: a platform_admin of it makes other tenants; without, everybody makes their token's tenant alone"`
}

// Settings says how tenants' settings are changed.
type Settings struct {
	Wait time.Duration `env:"WAIT" default:"24h" min:"1s" help:"how long settings that lower a safeguard wait if no second person confirms them"`
}

// Verify says how people are verified.
type Verify struct {
	Evidence time.Duration `env:"EVIDENCE" default:"720h" min:"1s" max:"720h" help:"how long what shows a check by staff is kept at most; its key is destroyed then"`
}

// Offboard says how tenants end.
type Offboard struct {
	Grace  time.Duration `env:"GRACE" default:"720h" min:"1s" help:"how long the off-boarding of a tenant can be taken back"`
	Memory time.Duration `env:"MEMORY" default:"30s" min:"10ms" help:"how long an instance may go on as if a tenant were as it has read it, and answer for one that is gone"`
	Settle time.Duration `env:"SETTLE" default:"2m" min:"100ms" help:"how long a call from before the destruction may last, beside HABEAS_VAULT_LEASE"`
}

// Peer is a service that identity may do without: what needs it is refused then.
type Peer struct {
	Target string `env:"TARGET" default:"" help:"where the service answers: host:port, or dns:///host:port; what needs it is refused without"`
}

// Vault says where the keys that wrap data keys are, and how keys are lent.
type Vault struct {
	Keys   string        `env:"KEYS" default:"" help:"folder of the key-encryption keys, where KMS is not set"`
	KMS    []string      `env:"KMS" default:"" help:"key store: file:///folder, hcvault://host:port/mount?..., aws-kms://arn?..., gcp-kms://name?...; two for two regions"`
	Former []string      `env:"KMS_FORMER" default:"" help:"root keys of a cloud's key store that may still wrap something"`
	Lease  time.Duration `env:"LEASE" default:"30s" min:"100ms" max:"5m" help:"how long a process may use a key after it asked for it"`
	Before time.Duration `env:"LEASE_BEFORE" default:"5m" max:"5m" help:"longest lease that any process of identity gave before this one started; destructions wait it out once"`
	Alone  bool          `env:"ALONE" default:"false" help:"no other instance of identity runs: destructions need not wait out a lease when every holder answers"`
	Epoch  time.Duration `env:"EPOCH" default:"168h" min:"1m" help:"how long a key-encryption key outlives the first destroyed key under it"`
	Window time.Duration `env:"WINDOW" default:"24h" min:"1s" help:"what re-wrapping and the key store's own delay may add to that"`
	// Roots opens root keys in clouds, by the scheme of the address; a build
	// without them has none.
	Roots map[string]kms.Opener
	Grace time.Duration `env:"CLAIM_GRACE" default:"1m" min:"1s" help:"how long a claimed identifier waits for its event"`
}

// Name is the service's name: in certificates, as user of the log, and in the
// announcements of its keys.
const Name = "identity"

// Context is the context that identity owns.
const Context = "identity"

// Run runs the daemon until ctx ends.
func Run(ctx context.Context, cfg Config, w daemon.World) error {
	k, err := daemon.Start(ctx, daemon.Config{
		Service: Name, Version: version, Common: cfg.Common, Out: w.Out, Now: time.Now,
		LogKeys: []string{"purpose", "reader", "tenant", "count", "task"},
	})
	if err != nil {
		return err
	}
	defer k.Close()
	m, err := member.Join(ctx, cfg.EventLog, k, cfg.Common, Name, Context)
	if err != nil {
		return err
	}
	defer m.Close()
	keys, err := openKeys(ctx, cfg.Vault, k, m)
	if err != nil {
		return err
	}
	defer keys.close()
	peers, err := cfg.dial(k)
	if err != nil {
		return err
	}
	defer peers.close()
	core, err := newCore(cfg, k, m, keys, peers)
	if err != nil {
		return err
	}
	leaving := make(chan struct{})
	reads, err := m.ReadLog(ctx)
	if err != nil {
		return err
	}
	server, lis, err := serve(ctx, k, core.services(keys, leaving), core, reads)
	if err != nil {
		return err
	}
	if w.Started != nil {
		w.Started(daemon.Running{Addr: lis.Addr(), Ops: k.OpsAddr})
	}
	reactions := core.reactions()
	parts := []daemon.Part{
		member.Reader("reactions", func(ctx context.Context) error { return m.Log.RunProcess(ctx, reactions) }),
		{Name: "evidence", Run: func(ctx context.Context) error { return m.Log.RunAlarm(ctx, core.checks.Alarm()) }},
	}
	parts = append(parts, upkeepParts(cfg, k, m, keys, core)...)
	return k.Run(ctx, append(parts, grpcPart(server, lis, leaving))...)
}

// version is the build's, until builds carry one.
const version = "dev"

func serve(ctx context.Context, k *daemon.Kit, s rpc.Services, c *core, reads kit.ReadLog) (*kit.Server, net.Listener, error) {
	cfg := k.RPC()
	cfg.Services, cfg.Callers, cfg.Errors, cfg.Limit = s.Register(), rpc.Callers(), rpc.Errors(), rpc.Admit(c.directory)
	cfg.Reads, cfg.Staff = reads, s.Staff
	server, err := kit.NewServer(cfg)
	if err != nil {
		return nil, nil, err
	}
	lis, err := k.Listen(ctx)
	return server, lis, err
}

// grpcPart sends those who follow drops elsewhere before it waits for calls to
// finish: they would stay as long as they are let.
func grpcPart(server *kit.Server, lis net.Listener, leaving chan struct{}) daemon.Part {
	part := daemon.ServeGRPC(server, lis)
	stop := part.Stop
	part.Stop = func(ctx context.Context) error {
		close(leaving)
		return stop(ctx)
	}
	return part
}
