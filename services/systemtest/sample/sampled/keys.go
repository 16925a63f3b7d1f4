package sampled

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"habeas.internal/services/identity/keyledger"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/jetstream/member"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/fence"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/keycache"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/vault"
)

// Keys is everything about keys that the daemon runs on. Only identity holds
// a vault in production; the sample is its own identity.
type Keys struct {
	Vault *vault.Vault
	KEKs  *kek.Keeper

	cache    *keycache.Cache
	digester *pepper.Digester
	close    func()
}

const (
	lease = 2 * time.Second // of a key in this process; 30 s in production
	epoch = 7 * 24 * time.Hour
	// window is what re-wrapping may add to the life of a KEK.
	window    = 24 * time.Hour
	cacheSize = 50_000
)

// openKeys opens the vault and replays every destruction that the log knows,
// before anything is handed out.
func openKeys(ctx context.Context, cfg Config, k *daemon.Kit, m *member.Member) (*Keys, error) {
	log := m.Log
	store, err := m.Rows(ctx)
	if err != nil {
		return nil, err
	}
	keks, err := kms.OpenFile(cfg.Vault.Keys)
	if err != nil {
		return nil, err
	}
	ledger, err := keyledger.New(keyledger.Config{
		Log: log, Verifier: log.Verifier(), Tracer: k.Telemetry.Tracers.Tracer(Name), Random: rand.Reader, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	out := &Keys{}
	out.KEKs, err = kek.New(kek.Config{
		Rows: store, KMS: keks, Ledger: ledger, Kinds: []kek.Kind{vault.Rows(), pepper.Rows()},
		Now: time.Now, Epoch: epoch, Window: window,
	})
	if err != nil {
		return nil, err
	}
	peppers, err := pepper.New(pepper.Config{Rows: store, Keeper: out.KEKs, Ledger: ledger, Now: time.Now})
	if err != nil {
		return nil, err
	}
	out.digester = pepper.NewDigester(peppers, time.Now, lease)
	fences, err := fence.New(fence.Config{Lease: lease, Slack: time.Second, Alone: true, Now: time.Now})
	if err != nil {
		return nil, err
	}
	out.Vault, err = vault.New(vault.Config{
		Rows: store, Keeper: out.KEKs, Fence: fences, Ledger: ledger, Now: time.Now, Record: recorder(k.Log),
	})
	if err != nil {
		return nil, err
	}
	if err := replay(ctx, out.Vault, ledger, log); err != nil {
		return nil, err
	}
	out.cache, err = keycache.New(keycache.Config{
		Source: vault.Local{Vault: out.Vault, Reader: Name}, Size: cacheSize, Now: time.Now, Random: rand.Reader,
	})
	if err != nil {
		return nil, err
	}
	leave := fences.Join(Name, out.cache)
	out.close = func() {
		out.cache.Close()
		leave(true)
	}
	return out, nil
}

// replay tells the vault of every destruction that it may have missed, and
// marks how far it was told, so that the next start is short.
func replay(ctx context.Context, v *vault.Vault, ledger *keyledger.Ledger, log *jetstream.Log) error {
	after, err := v.ReplayAfter(ctx)
	if err != nil {
		return err
	}
	end, err := log.End(ctx, Context)
	if err != nil {
		return err
	}
	if _, err := v.ReplayDestructions(ctx, ledger.Destructions(ctx, es.Token(after))); err != nil {
		return fmt.Errorf("replay destructions: %w", err)
	}
	return v.Mark(ctx, slices.Collect(maps.Values(end)))
}

// recorder writes down who got which keys, as holders, never as values.
func recorder(log *slog.Logger) vault.Recorder {
	return func(ctx context.Context, access vault.Access, ids []seal.KeyID) error {
		log.DebugContext(ctx, "keys read", slog.String("purpose", access.Purpose), slog.Int("count", len(ids)))
		return nil
	}
}
