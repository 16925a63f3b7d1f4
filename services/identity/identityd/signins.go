package identityd

import (
	"context"
	"log/slog"
	"time"

	"habeas.internal/services/identity/internal/signin"
	"habeas.internal/services/internal/daemon"
)

// newSignIns makes what checks sign-ins at tenants' identity providers.
func newSignIns(cfg signin.Config, k *daemon.Kit, s *keys, c *core) (*signin.Desk, error) {
	client, err := cfg.Client()
	if err != nil {
		return nil, err
	}
	report := func(error) { // which names a tenant's address
		k.Log.LogAttrs(context.Background(), slog.LevelWarn, "an identity provider of a tenant is not reached")
	}
	return &signin.Desk{
		Codes: c.desk, Registry: c.registry, Provider: c.directory.Provider, ChannelAge: c.directory.ChannelAge,
		Keys: signin.NewBook(client, time.Now, report).Keys, Digester: s.digester, Now: time.Now,
	}, nil
}
