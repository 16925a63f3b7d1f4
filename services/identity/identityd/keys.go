package identityd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"habeas.internal/services/identity/internal/offboard"
	"habeas.internal/services/identity/keyledger"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream/member"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/fence"
	"habeas.internal/services/internal/seal/kek"
	"habeas.internal/services/internal/seal/keycache"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/pepper"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/suppression"
	"habeas.internal/services/internal/seal/vault"
)

// keys is everything about keys. No other service has any of it.
type keys struct {
	rows        rows.Store
	ledger      *keyledger.Ledger
	vault       *vault.Vault
	keks        *kek.Keeper
	fence       *fence.Registry
	peppers     *pepper.Keeper
	suppression *suppression.Set
	refusals    *suppression.Refusals
	cache       *keycache.Cache
	digester    *pepper.Digester
	digests     *pepper.Cache // the digester's
	digestLife  digestLife
	wrapping    kms.Opened // key-encryption keys
	settled     time.Time  // when settle was last done
	close       func()
}

const (
	slack     = time.Second // for clocks of other machines
	cacheSize = 50_000
)

// openKeys opens the vault and replays every destruction that the log knows,
// before anything is handed out.
func openKeys(ctx context.Context, cfg Vault, k *daemon.Kit, m *member.Member) (*keys, error) {
	store, err := m.Rows(ctx)
	if err != nil {
		return nil, err
	}
	out := &keys{rows: store}
	if err := out.open(ctx, cfg, k, m); err != nil {
		return nil, err
	}
	leave := out.fence.Join(Name, out.cache)
	out.close = func() {
		out.cache.Close()
		leave(true)
	}
	return out, nil
}

func (s *keys) open(ctx context.Context, cfg Vault, k *daemon.Kit, m *member.Member) error {
	var err error
	if s.wrapping, err = cfg.open(ctx, s.rows); err != nil {
		return err
	}
	s.digestLife = digestLife{age: cfg.Epoch, look: min(hourly, cfg.Epoch)}
	s.ledger, err = keyledger.New(keyledger.Config{
		Log: m.Log, Verifier: m.Log.Verifier(), Tracer: k.Telemetry.Tracers.Tracer(Name), Random: rand.Reader, Now: time.Now,
		Digests: s.digestLife.longest(cfg, s.wrapping.Lingers),
	})
	if err != nil {
		return err
	}
	s.keks, err = kek.New(kek.Config{
		Rows: s.rows, KMS: s.wrapping.Store, Ledger: s.ledger, Kinds: []kek.Kind{vault.Rows(), pepper.Rows()},
		Now: time.Now, Epoch: cfg.Epoch, Window: cfg.Window + s.wrapping.Lingers,
	})
	if err != nil {
		return err
	}
	s.peppers, err = pepper.New(pepper.Config{Rows: s.rows, Keeper: s.keks, Ledger: s.ledger, Now: time.Now})
	if err != nil {
		return err
	}
	s.digests = pepper.NewCache(s.peppers, pepper.Idempotency, time.Now, cfg.Lease)
	s.digester = pepper.DigestWith(s.digests)
	s.suppression, err = suppression.New(suppression.Config{Rows: s.rows, Peppers: s.peppers, Now: time.Now, Lease: cfg.Lease})
	if err != nil {
		return err
	}
	s.refusals, err = suppression.NewRefusals(suppression.Config{Rows: s.rows, Peppers: s.peppers, Now: time.Now, Lease: cfg.Lease})
	if err != nil {
		return err
	}
	s.fence, err = fence.New(fence.Config{Lease: cfg.Lease, Before: cfg.Before, Slack: slack, Alone: cfg.Alone, Now: time.Now})
	if err != nil {
		return err
	}
	s.vault, err = vault.New(vault.Config{
		Rows: s.rows, Keeper: s.keks, Fence: s.fence, Ledger: s.ledger, Now: time.Now, Record: recorder(k.Log),
	})
	if err != nil {
		return err
	}
	if err := s.replay(ctx, m); err != nil {
		return err
	}
	s.cache, err = keycache.New(keycache.Config{
		Source: vault.Local{Vault: s.vault, Reader: Name}, Size: cacheSize, Now: time.Now, Random: rand.Reader,
	})
	return err
}

// digestLife is how long a pepper of commands' digests lives, and how often
// that is looked at.
type digestLife struct{ age, look time.Duration }

// longest is how long a digest can tell anything after it was made: until its
// pepper is turned, all leases of it are over, and the key-encryption key that
// wrapped it has ended.
func (l digestLife) longest(cfg Vault, lingers time.Duration) time.Duration {
	return l.age + l.look + 2*(cfg.Lease+slack) + cfg.Epoch + cfg.Window + lingers
}

// errKeyStore: where key-encryption keys lie is not said, or said twice.
var errKeyStore = errors.New("one of HABEAS_VAULT_KMS and HABEAS_VAULT_KEYS must be set")

// open opens the key store, or all regions of it.
func (v Vault) open(ctx context.Context, store rows.Store) (kms.Opened, error) {
	addresses := v.KMS
	if (len(addresses) > 0) == (v.Keys != "") {
		return kms.Opened{}, errKeyStore
	}
	if v.Keys != "" {
		dir, err := filepath.Abs(v.Keys)
		if err != nil {
			return kms.Opened{}, fmt.Errorf("find key folder: %w", err)
		}
		addresses = []string{"file://" + dir}
	}
	return kms.OpenAll(ctx, addresses, kms.Opening{Former: v.Former, Rows: store, Roots: v.Roots})
}

// replay tells the vault of every destruction that it may have missed.
func (s *keys) replay(ctx context.Context, m *member.Member) error {
	after, err := s.vault.ReplayAfter(ctx)
	if err != nil {
		return err
	}
	end, err := m.Log.End(ctx, Context)
	if err != nil {
		return err
	}
	// Keys in rows came back with the rows; elsewhere this changes nothing.
	for ended, err := range s.ledger.EndedEpochs(ctx, es.Token(after)) {
		if err == nil {
			_, err = s.wrapping.Destroy(ctx, ended)
		}
		if err != nil {
			return fmt.Errorf("replay ends of key-encryption keys: %w", err)
		}
	}
	if _, err := s.vault.ReplayDestructions(ctx, s.ledger.Destructions(ctx, es.Token(after))); err != nil {
		return fmt.Errorf("replay destructions: %w", err)
	}
	for id, err := range s.ledger.LeavingTenants(ctx, es.Token(after)) {
		if err == nil {
			err = (&offboard.Desk{Rows: s.rows}).Note(ctx, id)
		}
		if err != nil {
			return fmt.Errorf("replay off-boardings: %w", err)
		}
	}
	return s.vault.Mark(ctx, slices.Collect(maps.Values(end)))
}

// mark notes how far the vault is told, so that the next start is short. The
// log is read before: a key leaves its row before its end enters the log.
func (s *keys) mark(ctx context.Context, m *member.Member) error {
	end, err := m.Log.End(ctx, Context)
	if err != nil {
		return err
	}
	return s.vault.Mark(ctx, slices.Collect(maps.Values(end)))
}

// settle brings the key store to what the configuration names, soon after the
// start and then daily: everything under the newest root key, and every secret
// open in every region. It is the work of one task.
func (s *keys) settle(ctx context.Context) error {
	if !s.settled.IsZero() && time.Since(s.settled) < daily {
		return nil
	}
	if _, err := s.wrapping.Settle(ctx); err != nil {
		return fmt.Errorf("move keys to another root key: %w", err)
	}
	if s.wrapping.Regions > 1 {
		if _, err := s.keks.Mend(ctx); err != nil {
			return fmt.Errorf("mend regions of the key store: %w", err)
		}
	}
	s.settled = time.Now()
	return nil
}

// tenantToken is the place of the tenant in the subject of a row.
const tenantToken = 4

// each does something for every tenant that has a pepper of a purpose.
func (s *keys) each(ctx context.Context, purpose pepper.Purpose, do func(ctx context.Context, tenant string) error) error {
	for row, err := range s.rows.List(ctx, rows.VaultSubject("*", "pepper", "*", string(purpose)), 0) {
		if err != nil {
			return fmt.Errorf("list peppers: %w", err)
		}
		if err := do(ctx, rows.Tokens(row.Subject)[tenantToken]); err != nil {
			return err
		}
	}
	return nil
}

// purposeRecord is the purpose of who seals what was just told to them: it shows
// nothing to anybody, and is most of what keys are asked for.
const purposeRecord = "record"

// recorder writes down who got how many keys of which tenant, and why.
func recorder(log *slog.Logger) vault.Recorder {
	return func(ctx context.Context, access vault.Access, ids []seal.KeyID) error {
		level := slog.LevelInfo
		if access.Purpose == purposeRecord {
			level = slog.LevelDebug
		}
		if len(ids) > 0 {
			log.LogAttrs(ctx, level, "keys read", slog.String("purpose", access.Purpose), slog.String("reader", access.Reader),
				slog.String("tenant", ids[0].Tenant), slog.Int("count", len(ids)))
		}
		return nil
	}
}
