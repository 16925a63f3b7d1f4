package stack

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"habeas.internal/services/consent/consentd"
	"habeas.internal/services/fulfilment/fulfilmentd"
	"habeas.internal/services/identity/identityd"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/stores"
	"habeas.internal/services/retention/retentiond"
)

// run is each service's Run, configured by the variables of production.
func run(ctx context.Context, name string, environ []string, w daemon.World) error {
	switch name {
	case identityd.Name:
		return configured(ctx, identityd.Run, environ, w)
	case consentd.Name:
		return configured(ctx, consentd.Run, environ, w)
	case retentiond.Name:
		return configured(ctx, retentiond.Run, environ, w)
	case fulfilmentd.Name:
		return configured(ctx, fulfilmentd.Run, environ, w)
	}
	return fmt.Errorf("no service is called %s", name)
}

func configured[C any](ctx context.Context, run func(context.Context, C, daemon.World) error, environ []string, w daemon.World) error {
	var cfg C
	if err := env.Load(environ, &cfg); err != nil {
		return err
	}
	return run(ctx, cfg, w)
}

// own are the variables that only this service has.
func (s *Stack) own(name string) []string {
	smtp := []string{"HABEAS_SMTP_ADDR=" + s.Mail.Addr(), "HABEAS_SMTP_FROM=privacy@habeas.example", "HABEAS_SMTP_TLS=none"}
	identity := "HABEAS_IDENTITY_TARGET=" + s.services["identity"].listen
	switch name {
	case "identity":
		return append(append(smtp, s.Texts.Environ()...), "HABEAS_VAULT_KEYS="+filepath.Join(s.Dir, "keks"), "HABEAS_VAULT_LEASE=2s", "HABEAS_VAULT_LEASE_BEFORE=2s", "HABEAS_VAULT_ALONE=true",
			"HABEAS_CONSENT_TARGET="+s.services["consent"].listen, "HABEAS_FULFILMENT_TARGET="+s.services["fulfilment"].listen,
			"HABEAS_RETENTION_TARGET="+s.services["retention"].listen,
			"HABEAS_LINK_PAGE=https://privacy.habeas.example/confirm", "HABEAS_PROVIDER_CA="+s.Provider.CA, "HABEAS_PROVIDER_LOOPBACK=true")
	case "consent":
		return []string{identity, "HABEAS_REGIONS=" + strings.Join(stores.All("us").Words(), ",")}
	case "retention":
		return []string{identity, "HABEAS_CONSENT_TARGET=" + s.services["consent"].listen, "HABEAS_CLOCKS_EVERY=250ms"}
	default:
		return append(smtp, identity, "HABEAS_CANCEL_PAGE=https://privacy.habeas.example/cancel", "HABEAS_CONSENT_TARGET="+s.services["consent"].listen,
			"HABEAS_RETENTION_TARGET="+s.services["retention"].listen,
			"HABEAS_PACKAGES_URL=file://"+s.Packages(), "HABEAS_CONNECTIONS="+s.connections())
	}
}

// connections writes the file that names the data systems.
func (s *Stack) connections() string {
	var b strings.Builder
	for name, dsn := range s.Connections {
		fmt.Fprintf(&b, "%s: %q\n", name, dsn)
	}
	return s.write("connections.yaml", b.String())
}

// StartOne runs one service until the test ends or StopOne is called.
func (s *Stack) StartOne(name string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan daemon.Running, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, name, s.environ(name), daemon.World{Out: s.Logs, Started: func(r daemon.Running) { started <- r }})
	}()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	s.t.Cleanup(func() { _ = stop() })
	limit := time.NewTimer(startGrace)
	defer limit.Stop()
	select {
	case r := <-started:
		s.services[name].stop, s.services[name].ops = stop, r.Ops
	case err := <-ended:
		ended <- err
		s.t.Fatalf("%s ended at once: %v\n%s", name, err, tail(s.Logs.String()))
	case <-limit.C:
		s.t.Fatalf("%s did not start in time\n%s", name, tail(s.Logs.String()))
	}
}

// tail is the end of a long text.
func tail(text string) string {
	const most = 4000
	return text[max(0, len(text)-most):]
}
