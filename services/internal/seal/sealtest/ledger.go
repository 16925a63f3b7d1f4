package sealtest

import (
	"context"
	"sync"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/vault"

	"google.golang.org/protobuf/proto"
)

// Entry is one event in a Ledger.
type Entry struct {
	Tenant    string
	CommandID string
	Event     proto.Message
}

// Ledger remembers events, each command id once. It stands in for the log. The
// zero value is empty and ready.
type Ledger struct {
	mu      sync.Mutex
	entries []Entry
	known   map[[2]string]bool
	gone    map[string]time.Time
}

// EndTenant lets a tenant be gone.
func (l *Ledger) EndTenant(tenant string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone == nil {
		l.gone = map[string]time.Time{}
	}
	l.gone[tenant] = at
}

// TenantEnded is part of vault.Ledger and pepper.Ledger.
func (l *Ledger) TenantEnded(_ context.Context, tenant string) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone[tenant], nil
}

func (l *Ledger) add(tenant, commandID string, ev proto.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := [2]string{tenant, commandID}
	if l.known[key] {
		return
	}
	if l.known == nil {
		l.known = map[[2]string]bool{}
	}
	l.known[key] = true
	l.entries = append(l.entries, Entry{Tenant: tenant, CommandID: commandID, Event: ev})
}

// KeyDestroyed is part of vault.Ledger.
func (l *Ledger) KeyDestroyed(_ context.Context, tenant, commandID string, ev *identityv1.KeyDestroyed) error {
	l.add(tenant, commandID, ev)
	return nil
}

// KeyMade is part of vault.Ledger.
func (l *Ledger) KeyMade(_ context.Context, tenant, commandID string, ev *identityv1.KeyMade) error {
	l.add(tenant, commandID, ev)
	return nil
}

// KeyTold is part of vault.Ledger.
func (l *Ledger) KeyTold(_ context.Context, id seal.KeyID) (told vault.Told, err error) {
	for _, e := range l.Entries() {
		ev, ok := e.Event.(interface {
			GetHolder() string
			GetClass() sealv1.KeyClass
		})
		if !ok || e.Tenant != id.Tenant || ev.GetHolder() != id.Holder.String() || ev.GetClass() != id.Class {
			continue
		}
		switch ev := e.Event.(type) {
		case *identityv1.KeyMade:
			told.Made = ev.GetKeyCommit()
		case *identityv1.KeyDestroyed:
			told.Ended = ev
		}
	}
	return told, nil
}

// PepperMade is part of pepper.Ledger.
func (l *Ledger) PepperMade(_ context.Context, tenant, commandID, purpose string) error {
	l.add(tenant, commandID, &identityv1.PepperMade{Purpose: purpose})
	return nil
}

// PepperKnown is part of pepper.Ledger.
func (l *Ledger) PepperKnown(_ context.Context, tenant, purpose string) (bool, error) {
	for _, e := range l.Entries() {
		if ev, ok := e.Event.(*identityv1.PepperMade); ok && e.Tenant == tenant && ev.GetPurpose() == purpose {
			return true, nil
		}
	}
	return false, nil
}

// KekEpochDestroyed is part of kek.Ledger.
func (l *Ledger) KekEpochDestroyed(_ context.Context, tenant, commandID string, ev *identityv1.KekEpochDestroyed) error {
	l.add(tenant, commandID, ev)
	return nil
}

// PepperEpochDestroyed is part of pepper.Ledger.
func (l *Ledger) PepperEpochDestroyed(_ context.Context, tenant, commandID string, ev *identityv1.PepperEpochDestroyed) error {
	l.add(tenant, commandID, ev)
	return nil
}

// Entries is what was recorded, in order.
func (l *Ledger) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Entry(nil), l.entries...)
}

// Events lists the recorded events of one type.
func Events[T proto.Message](l *Ledger) []T {
	var out []T
	for _, e := range l.Entries() {
		if ev, ok := e.Event.(T); ok {
			out = append(out, ev)
		}
	}
	return out
}
