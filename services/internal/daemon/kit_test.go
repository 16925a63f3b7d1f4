package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	samplev1 "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/daemon/health"
	"habeas.internal/services/internal/localca"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/testwait"
)

// output collects log lines.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// bookdConfig is the configuration of a daemon with a setting of its own.
type bookdConfig struct {
	daemon.Common
	Pages int `env:"PAGES" default:"100" min:"1" help:"pages of a book"`
}

// environment sets what is required to files that exist.
func environment(t *testing.T, issuer *rpctest.Issuer, more ...string) []string {
	t.Helper()
	dir := t.TempDir()
	ca, err := localca.Open(dir, "habeas.test")
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue(localca.Request{Name: "bookd", ID: "spiffe://habeas.test/ns/habeas/sa/bookd"})
	if err != nil {
		t.Fatal(err)
	}
	seed := filepath.Join(dir, "seed")
	if err := os.WriteFile(seed, []byte("SU"), 0o600); err != nil {
		t.Fatal(err)
	}
	return append([]string{
		"HABEAS_TLS_CERT=" + id.CertFile, "HABEAS_TLS_KEY=" + id.KeyFile, "HABEAS_TLS_CA=" + id.CAFile,
		"HABEAS_TLS_TRUST_DOMAIN=habeas.test", "HABEAS_TOKEN_ISSUER=" + rpctest.TokenIssuer, "HABEAS_TOKEN_KEYS=" + issuer.Path,
		"HABEAS_NATS_URL=tls://127.0.0.1:4222", "HABEAS_NATS_SEED=" + seed, "HABEAS_INSTANCE=bookd-0",
	}, more...)
}

// book signs every guest in.
type book struct {
	samplev1.UnimplementedBookServiceServer
}

func (book) Sign(context.Context, *samplev1.SignRequest) (*samplev1.SignResponse, error) {
	return &samplev1.SignResponse{Entry: 1}, nil
}

// running is a daemon under test.
type running struct {
	kit    *daemon.Kit
	addr   string
	out    *output
	cancel context.CancelFunc
	done   chan error
}

// everybody may see everything.
type everybody struct{}

func (everybody) Check(context.Context, rpc.Look) (rpc.Permission, error) {
	return rpc.Permission{}, nil
}

func (everybody) Agreed(context.Context, rpc.Look, rpc.Shown) (string, error) { return "", nil }

// start runs a whole daemon: configuration from an environment, server, parts.
func start(t *testing.T, environ []string, parts ...daemon.Part) *running {
	t.Helper()
	var cfg bookdConfig
	if err := env.Load(environ, &cfg); err != nil {
		t.Fatal(err)
	}
	r := &running{out: &output{}, done: make(chan error, 1)}
	var err error
	r.kit, err = daemon.Start(t.Context(), daemon.Config{
		Service: "bookd", Version: "test", Common: cfg.Common, Out: r.out, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.kit.Close)
	serving := r.kit.RPC()
	serving.Reads, serving.Staff = &rpctest.Reads{}, everybody{}
	serving.Services = []rpc.Service{{Desc: &samplev1.BookService_ServiceDesc, Impl: book{}}}
	serving.Callers = map[string][]string{"habeas.sample.v1.BookService": {"bookd"}}
	server, err := rpc.NewServer(serving)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := r.kit.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.addr = lis.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.done <- r.kit.Run(ctx, append(parts, daemon.ServeGRPC(server, lis))...) }()
	t.Cleanup(cancel)
	return r
}

// get asks the ops listener.
func (r *running) get(t *testing.T, path string) (code int, body string) {
	t.Helper()
	answer, err := http.Get("http://" + r.kit.OpsAddr + path)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(text)
}

func (r *running) waitFor(t *testing.T, path string, code int, body string) {
	t.Helper()
	testwait.For(t, 10*time.Second, func() error {
		if got, text := r.get(t, path); got != code || !strings.Contains(text, body) {
			return fmt.Errorf("%s: got %d %s, want %d %s", path, got, text, code, body)
		}
		return nil
	})
}

func TestADaemonLivesFromItsEnvironmentToAGracefulEnd(t *testing.T) {
	issuer := rpctest.NewIssuer(t)
	r := start(t, environment(t, issuer, "HABEAS_OTLP_RATIO=1"))
	r.waitFor(t, "/readyz", 200, "{}")
	conn, err := client.Dial(client.Config{
		Target: r.addr, Server: "bookd", TLS: r.kit.TLS, Services: []string{"habeas.sample.v1.BookService"},
		Token:   func(context.Context) (string, error) { return issuer.Sign(rpctest.Claims(time.Now(), "product")), nil },
		Tracers: r.kit.Telemetry.Tracers, Meters: r.kit.Telemetry.Meters, Propagator: r.kit.Telemetry.Propagator,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	answer, err := samplev1.NewBookServiceClient(conn).Sign(t.Context(), &samplev1.SignRequest{
		RequestId: "0b7e4a52-6a0c-4c0f-9d2c-3f0f5c1d2e3f", Book: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Name: "Jane",
	})
	if err != nil || answer.GetEntry() != 1 {
		t.Fatalf("got %v", err)
	}
	r.waitFor(t, "/livez", 200, "{}")
	for _, want := range []string{
		`rpc_server_call_duration_seconds_count`, `habeas_ready{check="daemon"} 1`, `habeas_log_dropped_total 0`,
		`service_name="bookd"`, `service_instance_id="bookd-0"`, `rpc_client_call_duration_seconds_count`,
	} {
		r.waitFor(t, "/metrics", 200, want)
	}
	r.cancel()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	for _, want := range []string{`"msg":"started"`, `"msg":"stopping"`, `"msg":"stopped"`, `"service":"bookd"`, `"instance":"bookd-0"`} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("no %s in %s", want, r.out)
		}
	}
}

func TestADaemonIsNotReadyBeforeItStops(t *testing.T) {
	stopping, goOn := make(chan struct{}), make(chan struct{})
	slow := daemon.Part{
		Name: "slow",
		Run: func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		},
		Stop: func(context.Context) error {
			close(stopping)
			<-goOn
			return nil
		},
	}
	r := start(t, environment(t, rpctest.NewIssuer(t)), slow)
	r.waitFor(t, "/readyz", 200, "{}")
	r.cancel()
	<-stopping
	r.waitFor(t, "/readyz", 503, "SHUTTING_DOWN")
	r.waitFor(t, "/livez", 200, "{}")
	close(goOn)
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

func TestAHaltEndsTheDaemonWithAnErrorOfItsOwn(t *testing.T) {
	broken := make(chan struct{})
	r := start(t, environment(t, rpctest.NewIssuer(t)), daemon.Part{Name: "projector", Run: func(ctx context.Context) error {
		select {
		case <-broken:
			return daemon.Halt("SEQUENCE_GAP", errBroken)
		case <-ctx.Done():
			return nil
		}
	}})
	r.waitFor(t, "/readyz", 200, "{}")
	close(broken)
	err := <-r.done
	if daemon.ExitCode(err) != daemon.ExitHalted || !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(r.out.String(), `"reason":"SEQUENCE_GAP"`) {
		t.Errorf("the reason was not logged: %s", r.out)
	}
}

func TestAPartThatIsNotReadyMakesTheDaemonNotReady(t *testing.T) {
	r := start(t, environment(t, rpctest.NewIssuer(t)), daemon.Part{
		Name: "log", Ready: func(context.Context) error { return health.NotReady("LOG_AWAY", errBroken) },
	})
	r.waitFor(t, "/readyz", 503, `"log":"LOG_AWAY"`)
	r.cancel()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

func TestTwoDaemonsLiveInOneProcess(t *testing.T) {
	one := start(t, environment(t, rpctest.NewIssuer(t)))
	two := start(t, environment(t, rpctest.NewIssuer(t)))
	one.waitFor(t, "/readyz", 200, "{}")
	two.waitFor(t, "/readyz", 200, "{}")
	one.cancel()
	if err := <-one.done; err != nil {
		t.Error(err)
	}
	two.waitFor(t, "/readyz", 200, "{}")
	two.cancel()
	if err := <-two.done; err != nil {
		t.Error(err)
	}
}

func TestWhatIsBrokenStopsTheStart(t *testing.T) {
	good := environment(t, rpctest.NewIssuer(t))
	taken := start(t, good)
	taken.waitFor(t, "/readyz", 200, "{}")
	for name, more := range map[string]string{
		"an address in use":         "HABEAS_OPS_LISTEN=" + taken.kit.OpsAddr,
		"a key set that is none":    "HABEAS_TOKEN_KEYS=" + filepath.Join(filepath.Dir(path(good, "HABEAS_NATS_SEED")), "seed"),
		"a key of nobody":           "HABEAS_TLS_KEY=" + path(good, "HABEAS_NATS_SEED"),
		"a span file without place": "HABEAS_OTLP_FILE=/nowhere/spans",
	} {
		var cfg bookdConfig
		if err := env.Load(append(good, more), &cfg); err != nil {
			t.Fatal(err)
		}
		kit, err := daemon.Start(t.Context(), daemon.Config{Service: "bookd", Common: cfg.Common, Out: io.Discard, Now: time.Now})
		if err == nil {
			kit.Close()
			t.Errorf("%s: started", name)
		}
	}
	taken.cancel()
	if err := <-taken.done; err != nil {
		t.Error(err)
	}
}

func path(environ []string, name string) string {
	for _, pair := range environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

func TestTheEnvironmentIsDocumented(t *testing.T) {
	var text strings.Builder
	if err := env.Usage(&text, &bookdConfig{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"HABEAS_NATS_URL", "HABEAS_PAGES", "HABEAS_SHUTDOWN_GRACE", "(required)"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %s in\n%s", want, text.String())
		}
	}
	if err := env.Load(nil, &bookdConfig{}); daemon.ExitCode(err) != daemon.ExitConfig {
		t.Errorf("an empty environment gives %v", err)
	}
}

// A server that stops answers what it has begun; a client that comes later is
// told to come back.
func TestCallsAfterTheEndAreUnavailable(t *testing.T) {
	r := start(t, environment(t, rpctest.NewIssuer(t)))
	r.waitFor(t, "/readyz", 200, "{}")
	off := r.kit.Telemetry
	conn, err := client.Dial(client.Config{
		Target: r.addr, Server: "bookd", TLS: r.kit.TLS, Tracers: off.Tracers, Meters: off.Meters, Propagator: off.Propagator,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r.cancel()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	_, err = samplev1.NewBookServiceClient(conn).Sign(t.Context(), &samplev1.SignRequest{})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want Unavailable", err)
	}
}
