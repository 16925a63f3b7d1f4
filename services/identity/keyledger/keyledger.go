// Package keyledger is how the ends of keys come into the log, and how a
// vault that was restored from a backup is told of them.
//
// What a caller may rely on:
//
//   - A method that returned nil has its event in the log, once: however often
//     it was called, by however many processes, with whatever measurements.
//     After any error the same call may be made again.
//   - An end that contradicts a recorded one is refused with its reason code.
//   - KeyTold sees everything that was recorded before it was asked.
//   - Destructions and EndedEpochs yield every end that was recorded before
//     they began.
package keyledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/kek"
	"habeas.internal/services/identity/keyring"
	"habeas.internal/services/identity/pepper"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/seal"

	"go.opentelemetry.io/otel/trace"
)

// contextName is the context that these aggregates live in.
const contextName = "identity"

// Log is the event log, which can also be read through.
type Log interface {
	es.Store
	// Scan yields every commit of a context behind the positions of after that
	// was acknowledged before. An error ends the sequence.
	Scan(ctx context.Context, domain string, after es.Token) iter.Seq2[es.Recorded, error]
}

// Config is what a Ledger needs. All of it but Digests is required.
type Config struct {
	Log      Log
	Verifier es.Verifier // of the log
	Tracer   trace.Tracer
	Random   io.Reader
	Now      func() time.Time
	// Digests is how long digests of the commands that told of a holder can tell
	// anything after the holder's key is destroyed.
	Digests time.Duration
}

// Ledger records the ends of keys, key-encryption keys and peppers. It may be
// used by several goroutines.
type Ledger struct {
	cfg      Config
	keyrings keyrings
	keks     keks
	peppers  peppers
	tenants  es.Registry[tenant.Event]
}

// New makes a Ledger.
func New(cfg Config) (*Ledger, error) {
	if cfg.Log == nil || cfg.Verifier == nil || cfg.Tracer == nil || cfg.Random == nil || cfg.Now == nil {
		return nil, errors.New("key ledger: configuration is incomplete")
	}
	keyrings, keyringErr := newKeyrings(cfg)
	keks, kekErr := newKEKs(cfg)
	peppers, pepperErr := newPeppers(cfg)
	tenants, tenantErr := wire.Tenant()
	if err := errors.Join(keyringErr, kekErr, pepperErr, tenantErr); err != nil {
		return nil, fmt.Errorf("key ledger: %w", err)
	}
	return &Ledger{cfg: cfg, keyrings: keyrings, keks: keks, peppers: peppers, tenants: tenants.Registry()}, nil
}

// KeyDestroyed records that a holder's key is gone. It is part of
// vault.Ledger.
func (l *Ledger) KeyDestroyed(ctx context.Context, tenant, commandID string, ev *identityv1.KeyDestroyed) error {
	if _, err := seal.ParseHolder(ev.GetHolder()); err != nil {
		return fmt.Errorf("record destroyed key: %w", err)
	}
	e, err := wire.ReadKeyDestroyed(ev)
	if err != nil {
		return fmt.Errorf("record destroyed key: %w", err)
	}
	_, err = l.keyrings.Handle(ctx, aggregate(tenant, keyring.AggregateType, ev.GetHolder()),
		es.Command[keyring.Command]{ID: commandID, At: l.cfg.Now(), Data: keyring.Destroy(e)})
	return err
}

// KeyMade records that a holder has a key. It is part of vault.Ledger.
func (l *Ledger) KeyMade(ctx context.Context, tenant, commandID string, ev *identityv1.KeyMade) error {
	if _, err := seal.ParseHolder(ev.GetHolder()); err != nil {
		return fmt.Errorf("record made key: %w", err)
	}
	e, err := wire.ReadKeyMade(ev)
	if err != nil {
		return fmt.Errorf("record made key: %w", err)
	}
	_, err = l.keyrings.Handle(ctx, aggregate(tenant, keyring.AggregateType, ev.GetHolder()),
		es.Command[keyring.Command]{ID: commandID, At: l.cfg.Now(), Data: keyring.Make(e)})
	return err
}

// PepperMade records that a purpose has a pepper. It is part of pepper.Ledger.
func (l *Ledger) PepperMade(ctx context.Context, tenant, commandID, purpose string) error {
	_, err := l.peppers.Handle(ctx, aggregate(tenant, pepper.AggregateType, purpose),
		es.Command[pepper.Command]{ID: commandID, At: l.cfg.Now(), Data: pepper.Make{}})
	return err
}

// PepperKnown reports whether a purpose ever had a pepper. It is part of
// pepper.Ledger.
func (l *Ledger) PepperKnown(ctx context.Context, tenant, purpose string) (bool, error) {
	s, _, err := l.peppers.Load(ctx, aggregate(tenant, pepper.AggregateType, purpose), es.Leader)
	return s.Made, err
}

// KekEpochDestroyed records that a partition's key-encryption key is gone. It
// is part of kek.Ledger.
func (l *Ledger) KekEpochDestroyed(ctx context.Context, tenant, commandID string, ev *identityv1.KekEpochDestroyed) error {
	e, err := wire.ReadKEKDestroyed(ev)
	if err != nil {
		return fmt.Errorf("record destroyed key-encryption key: %w", err)
	}
	_, err = l.keks.Handle(ctx, aggregate(tenant, kek.AggregateType, kek.AggregateID(ev.GetPartition())),
		es.Command[kek.Command]{ID: commandID, At: l.cfg.Now(), Data: kek.Destroy(e)})
	return err
}

// PepperEpochDestroyed records that a purpose's pepper is gone. It is part of
// pepper.Ledger.
func (l *Ledger) PepperEpochDestroyed(ctx context.Context, tenant, commandID string, ev *identityv1.PepperEpochDestroyed) error {
	e, err := wire.ReadPepperDestroyed(ev)
	if err != nil {
		return fmt.Errorf("record destroyed pepper: %w", err)
	}
	_, err = l.peppers.Handle(ctx, aggregate(tenant, pepper.AggregateType, ev.GetPurpose()),
		es.Command[pepper.Command]{ID: commandID, At: l.cfg.Now(), Data: pepper.Destroy(e)})
	return err
}

func aggregate(tenant, kind, id string) es.Aggregate {
	return es.Aggregate{Context: contextName, Tenant: tenant, Type: kind, ID: id}
}
