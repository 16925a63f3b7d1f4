package consistency_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"habeas.internal/services/consent/consentd"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/testserver/child"
	"habeas.internal/services/internal/testwait"
)

// daemonVariable makes the test binary a daemon. It has not the prefix of a
// setting, which the daemon would refuse.
const daemonVariable = "CONSISTENCY_DAEMON"

// TestMain lets the test binary be the daemon that is killed.
func TestMain(m *testing.M) {
	if os.Getenv(daemonVariable) == "" {
		os.Exit(m.Run())
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var cfg consentd.Config
	settings := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, campaignPrefix) })
	if err := env.Load(settings, &cfg); err != nil {
		return err
	}
	return consentd.Run(ctx, cfg, daemon.World{Out: os.Stdout})
}

// daemonReady is what a daemon prints when it can be reached.
const daemonReady = `"started"`

// replica is one consentd.
type replica struct {
	*child.Server
	listen string
}

// replica starts a daemon that reaches the log at an address. It keeps its own
// address over restarts.
func (p *place) replica(t *testing.T, number int, log string) *replica {
	t.Helper()
	port, err := child.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{listen: child.Loopback(port)}
	r.Server = child.NewServer(t, child.Command{
		Name: fmt.Sprintf("consentd-%d", number), Path: self, LogDir: t.TempDir(), Env: append(p.environ(t, number, r.listen), "HABEAS_NATS_URL="+log),
	}, daemonReady)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	r.reached(t)
	return r
}

// reached waits until somebody takes calls there.
func (r *replica) reached(t *testing.T) {
	t.Helper()
	testwait.For(t, 2*time.Minute, func() error {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", r.listen)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// environ is a daemon's environment.
func (p *place) environ(t *testing.T, number int, listen string) []string {
	t.Helper()
	serviceKey := filepath.Join(p.dir, "service.key")
	seed := base64.StdEncoding.EncodeToString(p.in.Service.Private().Seed())
	if err := os.WriteFile(serviceKey, []byte(seed), 0o600); err != nil {
		t.Fatal(err)
	}
	const calls = "100000" // a second: nobody is to be kept out
	return []string{
		daemonVariable + "=1", fmt.Sprintf("HABEAS_INSTANCE=consent-%d", number), "HABEAS_GRPC_LISTEN=" + listen,
		"HABEAS_TLS_CERT=" + p.id.CertFile, "HABEAS_TLS_KEY=" + p.id.KeyFile, "HABEAS_TLS_CA=" + p.id.CAFile,
		"HABEAS_TLS_TRUST_DOMAIN=" + rpctest.TrustDomain, "HABEAS_TLS_NAMESPACE=" + rpctest.Namespace,
		"HABEAS_TOKEN_ISSUER=" + rpctest.TokenIssuer, "HABEAS_TOKEN_AUDIENCE=" + rpctest.TokenAudience, "HABEAS_TOKEN_KEYS=" + p.Issuer.Path,
		"HABEAS_NATS_SEED=" + p.nats.SeedFile(consentd.Name), "HABEAS_REDIS_URL=" + p.redis.URL(),
		"HABEAS_EVENTLOG_KEY=" + base64.StdEncoding.EncodeToString(p.in.LogKey.Public()), "HABEAS_EVENTLOG_SERVICE_KEY=" + serviceKey,
		fmt.Sprintf("HABEAS_EVENTLOG_SHARDS=%d", shards), fmt.Sprintf("HABEAS_EVENTLOG_REPLICAS=%d", replicas),
		"HABEAS_IDENTITY_TARGET=" + p.identity, "HABEAS_LIMIT_CALLER=" + calls, "HABEAS_LIMIT_OPEN=" + calls, "HABEAS_LIMIT_READS=" + calls,
		"HABEAS_LIMIT_TENANT=" + calls, "HABEAS_LIMIT_NETWORK=" + calls, "HABEAS_LIMIT_PROCESS=" + calls,
	}
}
