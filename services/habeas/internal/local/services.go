package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2" //nolint:depguard // a port is no secret, and guessing it harms nobody
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"habeas.internal/services/habeas/internal/devissuer"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es/keyfile"
)

// program is a service as this process starts it.
type program struct {
	name string
	run  func(ctx context.Context, environ []string, w daemon.World) error
	// own are the variables that only this service has.
	own func(in *Installation) []string
	// listen is its address, if another service has to know it before.
	listen string
}

// anywhere lets the system choose an address.
const anywhere = "127.0.0.1:0"

// reserve finds addresses for services that are called by one which starts
// before them.
func reserve(ctx context.Context, names ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, name := range names {
		lis, err := free(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { _ = lis.Close() }() // held until all are found, so that they differ
		out[name] = lis.Addr().String()
	}
	return out, nil
}

// Reserved ports lie below those that systems give to outgoing connections: the
// service that is to listen there starts a moment later.
const (
	firstPort = 15000
	ports     = 17000
	portTries = 100
)

// free listens on a port that nobody has.
func free(ctx context.Context) (lis net.Listener, err error) {
	var config net.ListenConfig
	for range portTries {
		port := firstPort + rand.IntN(ports)
		if lis, err = config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return lis, nil
		}
	}
	return nil, fmt.Errorf("find a free port: %w", err)
}

// configured makes a program's run of a daemon's Run: the configuration goes
// through the same variables as in production.
func configured[C any](run func(context.Context, C, daemon.World) error) func(context.Context, []string, daemon.World) error {
	return func(ctx context.Context, environ []string, w daemon.World) error {
		var cfg C
		if err := env.Load(environ, &cfg); err != nil {
			return err
		}
		return run(ctx, cfg, w)
	}
}

// service is a running one.
type service struct {
	name   string
	addr   string
	ops    string
	cancel context.CancelFunc
	ended  chan error
}

// end stops the service and returns how it ended.
func (s *service) end() error {
	s.cancel()
	return <-s.ended
}

// startServices starts one after the other, so that each finds the ones that
// it calls.
func (in *Installation) startServices(ctx context.Context) error {
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	in.stop = stop
	ahead, err := reserve(ctx, "consent", "retention", "fulfilment")
	if err != nil {
		return fmt.Errorf("reserve addresses: %w", err)
	}
	for _, p := range programs(ahead) {
		in.cfg.Progress(p.name)
		if err := in.start(ctx, watching, p); err != nil {
			return fmt.Errorf("start %s: %w", p.name, err)
		}
	}
	return nil
}

func (in *Installation) start(ctx, watching context.Context, p program) error {
	environ, err := in.environ(p)
	if err != nil {
		return err
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	started, ended := make(chan daemon.Running, 1), make(chan error, 1)
	go func() {
		ended <- p.run(own, environ, daemon.World{Out: in.logs, Started: func(r daemon.Running) { started <- r }})
	}()
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case r := <-started:
		s := &service{name: p.name, addr: r.Addr.String(), ops: r.Ops, cancel: cancel, ended: make(chan error, 1)}
		in.run = append(in.run, s)
		go in.watch(watching, s, ended)
		return in.ready(ctx, s, limit.C)
	case err := <-ended:
		cancel()
		return err
	case <-limit.C:
		err = errors.New("did not start in time")
	case <-ctx.Done():
		err = ctx.Err()
	}
	cancel()
	return errors.Join(err, <-ended)
}

// readyEvery is how often a starting service is asked whether it is ready.
const readyEvery = 20 * time.Millisecond

// errNotReady says that a service runs and does not do its work.
var errNotReady = errors.New("is not ready in time")

// ready returns when a service says that all its parts work.
func (in *Installation) ready(ctx context.Context, s *service, limit <-chan time.Time) error {
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		if answers(ctx, "http://"+s.ops+"/readyz") {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-in.failed:
			return err
		case <-limit:
			return errNotReady
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // nothing of it was read
	return resp.StatusCode == http.StatusOK
}

// watch tells of a service that ends before it was asked to.
func (in *Installation) watch(watching context.Context, s *service, ended <-chan error) {
	err := <-ended
	if watching.Err() == nil {
		in.failed <- fmt.Errorf("%s ended: %w", s.name, errors.Join(err, daemon.ErrEnded))
	}
	s.ended <- err
}

// environ is what the service reads in production, with this folder's values.
func (in *Installation) environ(p program) ([]string, error) {
	id, err := in.identity(p.name)
	if err != nil {
		return nil, err
	}
	vars := []string{
		"HABEAS_INSTANCE=local", "HABEAS_GRPC_LISTEN=" + cmp.Or(p.listen, anywhere), "HABEAS_OPS_LISTEN=" + anywhere,
		"HABEAS_TLS_CERT=" + id.CertFile, "HABEAS_TLS_KEY=" + id.KeyFile, "HABEAS_TLS_CA=" + id.CAFile,
		"HABEAS_TLS_TRUST_DOMAIN=" + TrustDomain, "HABEAS_TLS_NAMESPACE=" + Namespace,
		"HABEAS_TOKEN_ISSUER=" + issuer, "HABEAS_TOKEN_AUDIENCE=" + audience, "HABEAS_TOKEN_KEYS=" + in.tokens.KeySet(), "HABEAS_TOKEN_STEP_UP=" + devissuer.StepUp,
		"HABEAS_NATS_URL=" + in.natsURL(), "HABEAS_NATS_SEED=" + in.rights[p.name].SeedFile,
		"HABEAS_REDIS_URL=" + in.redis.url,
		"HABEAS_EVENTLOG_KEY=" + in.logKey, "HABEAS_EVENTLOG_SHARDS=" + fmt.Sprint(Shards),
		"HABEAS_EVENTLOG_SERVICE_KEY=" + filepath.Join(in.places.keys(), p.name+keyfile.Private),
		"HABEAS_OTLP_FILE=" + in.places.spans(), "HABEAS_OTLP_RATIO=1",
	}
	return append(vars, p.own(in)...), nil
}

// target is where a service that runs already answers.
func (in *Installation) target(name string) string {
	for _, s := range in.run {
		if s.name == name {
			return s.addr
		}
	}
	return ""
}
