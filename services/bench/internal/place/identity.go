package place

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/identityd"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"

	"github.com/google/uuid"
)

// StartIdentity runs identity in this process, with a tenant, until the section is
// closed, and returns where it answers. Keys are lent for so long.
func (p *Place) StartIdentity(ctx context.Context, lease time.Duration) (string, error) {
	environ, err := p.Environ(identityd.Name)
	if err != nil {
		return "", err
	}
	var cfg identityd.Config
	if err := env.Load(append(environ, "HABEAS_OTLP_RATIO=0", "HABEAS_VAULT_KMS=file://"+filepath.Join(p.dir, "keks"), "HABEAS_VAULT_ALONE=true",
		"HABEAS_VAULT_LEASE="+lease.String(), "HABEAS_VAULT_LEASE_BEFORE="+lease.String()), &cfg); err != nil {
		return "", fmt.Errorf("configure identity: %w", err)
	}
	addr, err := p.runIdentity(cfg)
	if err != nil {
		return "", err
	}
	return addr, p.makeTenant(ctx, addr)
}

func (p *Place) runIdentity(cfg identityd.Config) (string, error) {
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan daemon.Running, 1), make(chan error, 1)
	go func() {
		ended <- identityd.Run(ctx, cfg, daemon.World{Out: io.Discard, Started: func(r daemon.Running) { started <- r }})
	}()
	p.section.Closing(func() error { cancel(); return <-ended })
	select {
	case r := <-started:
		return r.Addr.String(), nil
	case err := <-ended:
		ended <- err
		return "", fmt.Errorf("identity ended at once: %w", err)
	case <-time.After(StartLimit):
		return "", errors.New("identity did not start in time")
	}
}

func (p *Place) makeTenant(ctx context.Context, addr string) error {
	conn, err := p.DialAs(addr, "platform_admin")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	_, err = identityv1.NewTenantServiceClient(conn).CreateTenant(ctx,
		&identityv1.CreateTenantRequest{RequestId: uuid.NewString(), Tenant: Tenant, DisplayName: "Acme", TimeZone: "UTC"})
	if err != nil {
		return fmt.Errorf("create tenant: %w", err)
	}
	return nil
}
