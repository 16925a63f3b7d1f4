package identityd_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/identityd"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/kms"
	"habeas.internal/services/internal/seal/kms/transittest"
	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/testserver"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// inVault puts the world's key-encryption keys into a Vault, and copies of them
// into a folder as a second region.
func (w *world) inVault(t *testing.T) *transittest.Server {
	t.Helper()
	server := transittest.New(t)
	token, ca := server.Files(t)
	w.kms = "hcvault://" + strings.TrimPrefix(server.URL, "https://") + "/transit?lingers=168h&token_file=" + token + "&ca_file=" + ca +
		",file://" + filepath.Join(w.dir, "second")
	return server
}

// vaultRows is the store of the vault's rows, as their administrator has it.
func (w *world) vaultRows(t *testing.T) rows.Store {
	t.Helper()
	store, err := jetstream.OpenRows(t.Context(), jetstream.RowsConfig{Conn: w.nats.Connect(t, testserver.Admin), Topology: w.in.Topology})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func everything(t *testing.T, s rows.Store) map[string]rows.Row {
	t.Helper()
	out := map[string]rows.Row{}
	for row, err := range s.List(t.Context(), "habeas.vault.>", 0) {
		if err != nil {
			t.Fatal(err)
		}
		out[row.Subject] = row
	}
	return out
}

// restore brings the rows back to a backup.
func restore(t *testing.T, s rows.Store, backup map[string]rows.Row) {
	t.Helper()
	now := everything(t, s)
	for subject, row := range now {
		if _, kept := backup[subject]; !kept {
			if err := s.Delete(t.Context(), subject, row.Rev); err != nil {
				t.Fatal(err)
			}
		}
	}
	for subject, row := range backup {
		if _, err := s.Put(t.Context(), subject, row.Value, now[subject].Rev); err != nil {
			t.Fatal(err)
		}
	}
}

// states are those of the rows of keys, by holder.
func states(t *testing.T, s rows.Store) map[string]sealv1.KeyState {
	t.Helper()
	out := map[string]sealv1.KeyState{}
	for row, err := range s.List(t.Context(), "habeas.vault.*.key.>", 0) {
		k := new(sealv1.KeyRow)
		if err == nil {
			err = proto.Unmarshal(row.Value, k)
		}
		if err != nil {
			t.Fatal(err)
		}
		out[k.GetHolder()] = k.GetState()
	}
	return out
}

func TestARestoredVaultIsToldOfEveryEndBeforeAnythingListens(t *testing.T) {
	w := newWorld(t)
	w.inVault(t)
	d := w.start(t)
	d.create(t, tenant)
	ended, kept := keyOf(t, tenant, seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST), keyOf(t, tenant, seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST)
	h := d.holder(t, "fulfilment", true)
	gone, box := h.seal(t, ended, "Jane Example"), h.seal(t, kept, "John Example")
	backup := everything(t, w.vaultRows(t))
	must(d.service(t, "fulfilment", tenant).DestroyKeys(deadline(t), &identityv1.DestroyKeysRequest{
		RequestId: "close-1", Reason: "request-closed", Keys: []*identityv1.KeyName{{Holder: ended.Holder.String(), Class: ended.Class}},
	}))(t)
	h.leave()
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	store := w.vaultRows(t)
	restore(t, store, backup)
	if got := states(t, store)[ended.Holder.String()]; got != sealv1.KeyState_KEY_STATE_LIVE {
		t.Fatalf("the backup did not bring the key back: %s", got)
	}
	d = w.start(t) // returns as soon as it listens
	if got := states(t, store)[ended.Holder.String()]; got != sealv1.KeyState_KEY_STATE_DESTROYED {
		t.Errorf("the row of the destroyed key is %s when the service listens", got)
	}
	h = d.holder(t, "fulfilment", false)
	if _, err := h.Open(deadline(t), "fulfilment", place(tenant), gone); !errors.Is(err, seal.ErrErased) {
		t.Errorf("the destroyed key: %v, want erased", err)
	}
	if text, err := h.Open(deadline(t), "fulfilment", place(tenant), box); err != nil || string(text) != "John Example" {
		t.Errorf("the other key opens %d bytes (%v)", len(text), err)
	}
}

func TestAKeyStoreThatIsAwayIsNamedAndNothingIsMadeInItsPlace(t *testing.T) {
	w := newWorld(t)
	server := w.inVault(t)
	d := w.start(t)
	d.create(t, tenant)
	h := d.holder(t, "fulfilment", false)
	box := h.seal(t, keyOf(t, tenant, seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST), "Jane Example")
	server.Seal(true)
	h = d.holder(t, "fulfilment", false) // another process, without the key
	if _, err := h.Open(deadline(t), "fulfilment", place(tenant), box); err != nil {
		t.Errorf("open by the other region: %v", err)
	}
	_, err := h.Seal(deadline(t), "record", keyOf(t, tenant, seal.Request, sealv1.KeyClass_KEY_CLASS_REQUEST), place(tenant), []byte("x"))
	expect(t, errors.Unwrap(err), codes.Unavailable, "KEY_STORE_UNAVAILABLE")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if err := w.fails(t); !errors.Is(err, kms.ErrUnavailable) {
		t.Errorf("a start while the Vault is sealed: %v", err)
	}
	server.Seal(false)
	w.kms = "aws-kms://arn:aws:kms:eu-central-1:1:key/a?lingers=720h"
	if err := w.fails(t); !errors.Is(err, kms.ErrAddress) || !strings.Contains(err.Error(), "no adapter for aws-kms://") {
		t.Errorf("a start without the adapter: %v", err)
	}
}

// fails starts the daemon, which has to end by itself.
func (w *world) fails(t *testing.T) error {
	t.Helper()
	var cfg identityd.Config
	if err := env.Load(w.environ(t), &cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return identityd.Run(ctx, cfg, daemon.World{Out: w.logs, Started: func(daemon.Running) {
		t.Error("the daemon started")
		cancel()
	}})
}
